"""The shelf: everything a configuration can name, sorted by kind; importing it registers all of it."""

if __name__ != "nucleizoo.registry":
    raise ImportError(
        "this folder is the package 'nucleizoo.registry'; run 'pip install -e .' in the project "
        "and name its entries in a config instead of importing it"
    )

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
