"""The registry: all entries that a configuration can name, by kind; importing it registers them."""

if __name__ != "nucleizoo.registry":
    raise ImportError(
        "this folder is the package 'nucleizoo.registry' and cannot be imported as 'registry'; run "
        "'pip install -e .' in the project, and name its entries in a configuration"
    )

import importlib
import pkgutil

for _module in pkgutil.walk_packages(__path__, prefix=f"{__name__}."):
    importlib.import_module(_module.name)
