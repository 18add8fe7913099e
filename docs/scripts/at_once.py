"""The picture that opens the README: images and a volume, and the masks that the shipped models find at once.

    python docs/scripts/at_once.py docs/images/at_once.png

From sets whose licence allows it (CC0; MIT), in NUCLEIZOO_DATA (default: ../shared/data); test splits alone.
Of the volume every pixel shows the brightest voxel along z, and the nucleus that it belongs to.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from nucleizoo import api, io
from nucleizoo.ops.image.resize import linear, nearest
from nucleizoo.ops.labels.overlay import outline

SHOWN = [
    ("u2os_20x/test/images/0024.png", (60, 200, 240), 1.0),
    ("round_dense/test/images/0050.png", (10, 10, 200), 1.0),
    ("histology_white/test/images/0034.png", (8, 30, 240), 1.0),
    ("mouse_embryo_3d/vol_8cell.h5", (0, 0, 120), 0.5),
]
"""File, corner and edge of the square that is shown, and the gamma that it is shown with."""

EDGE, SHRINK = 960, 2
"""Pixels of a square when outlines are drawn, and how many of them become one."""

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    asked = parser.parse_args()
    root, columns = Path(os.environ.get("NUCLEIZOO_DATA", "../shared/data")), []
    for name, (y, x, edge), gamma in SHOWN:
        with tempfile.TemporaryDirectory() as folder:
            (done,) = api.predict(None, [root / name], folder)
            labels = io.read(done.result).data.astype(np.int32)
        image = io.read(root / name).data
        if labels.ndim == 3:
            brightest = image.argmax(0)[None]
            image, labels = (np.take_along_axis(one, brightest, 0)[0] for one in (image, labels))
        gray = (image if image.ndim == 2 else image.mean(-1)).astype(np.float32)
        part = (slice(y, y + edge), slice(x, x + edge))
        low, high = np.percentile(gray, (0.5, 99.7))
        seen = linear(np.clip((gray[part] - low) / (high - low), 0, 1) ** gamma, (EDGE, EDGE))
        plain = np.repeat(np.uint8(255 * seen)[..., None], 3, axis=-1)
        marked = outline(seen, nearest(labels[part], (EDGE, EDGE)))[..., :3]
        columns.append(np.concatenate([plain, marked]))
        print(name, done.count, "nuclei of about", round(done.scale.diameter, 1), "pixels")
    asked.picture.parent.mkdir(parents=True, exist_ok=True)
    whole = Image.fromarray(np.concatenate(columns, axis=1))
    whole.resize((whole.width // SHRINK, whole.height // SHRINK)).save(asked.picture)
