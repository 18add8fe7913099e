"""Stand-ins for other people's programs: packages and commands that note how they are called.

The label of a pixel is its grey level, so that a test knows what must arrive.
"""

import json
import sys

import numpy as np
from PIL import Image


def patchwork(size=(40, 50), nuclei=20, seed=0):
    """A picture of touching grey patches (uint8, from 0 to 255), and the labels that they are (int32)."""
    rng = np.random.default_rng(seed)
    levels = np.concatenate([[0, 0, 0, 255], rng.choice(np.arange(1, 255), nuclei, replace=False)])
    tiles = levels[rng.permutation(np.arange(size[0] // 5 * (size[1] // 5)) % levels.size)]
    picture = tiles.reshape(size[0] // 5, size[1] // 5).repeat(5, 0).repeat(5, 1).astype(np.uint8)
    _, first, which = np.unique(picture, return_index=True, return_inverse=True)
    rank = np.concatenate([[0], np.argsort(np.argsort(first[1:])) + 1])  # in raster order
    return picture, rank[which.reshape(size)].astype(np.int32)


def write(folder, picture, name="a.png"):
    """The file of a picture."""
    folder.mkdir(exist_ok=True)
    Image.fromarray(picture).save(folder / name)
    return folder / name


def package(monkeypatch, folder, name, version, **modules):
    """Make `import name` find this package; `modules` are texts by name."""
    place = folder / name
    place.mkdir(parents=True)
    (place / "__init__.py").write_text("")
    for module, text in modules.items():
        (place / f"{module}.py").write_text(text)
    told = folder / f"{name}-{version}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    monkeypatch.syspath_prepend(folder)
    for module in [one for one in sys.modules if one.partition(".")[0] == name]:
        monkeypatch.delitem(sys.modules, module)


def forget(monkeypatch, *names):
    """Make `import name` fail, whatever is installed."""
    for name in names:
        monkeypatch.setitem(sys.modules, name, None)


def command(folder, name, body):
    """An executable whose lines run with `words`, its arguments, and `note`, which keeps them for `calls`."""
    folder.mkdir(exist_ok=True)
    text = f"""#!{sys.executable}
import json, sys
from pathlib import Path
words = sys.argv[1:]
with open({str(folder / "calls.jsonl")!r}, "a") as file:
    file.write(json.dumps([{name!r}, *words]) + "\\n")
def after(flag):
    return words[words.index(flag) + 1]
{body}
"""
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def calls(folder):
    """How commands of a folder were called, in order: name and arguments."""
    file = folder / "calls.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
