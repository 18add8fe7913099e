"""The panel of rendered nuclei in the docs: 64 crops as a training sees them, with the outlines of labels.

    python docs/scripts/rendered.py docs/images/rendered_2d.jpg --cfg configs/nuclei_2d.yaml
    python docs/scripts/rendered.py docs/images/rendered_3d.jpg --cfg configs/nuclei_3d.yaml

Of volumes the middle plane is shown.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import imageio.v3 as imageio
import numpy as np

from nucleizoo import api, build
from nucleizoo.core.plugins import load_plugins
from nucleizoo.ops.labels.edges import outlines

COLUMNS, ROWS, COLOUR = 8, 8, (255, 96, 0)

if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("picture", type=Path)
    parser.add_argument("--cfg", required=True)
    asked = parser.parse_args()
    load_plugins()
    config = api.load_config(asked.cfg)
    dataset, tiles = build.source_dataset(config), []
    for seed in range(COLUMNS * ROWS):
        sample = dataset.sample(np.random.default_rng(seed), tuple(config.DATASET.SIZE))
        image, labels = sample.image[0], sample.labels
        if image.ndim == 3:
            image, labels = image[len(image) // 2], labels[len(labels) // 2]
        tile = np.repeat(np.uint8(127.5 * (image + 1))[..., None], 3, axis=-1)
        marked = tile.copy()
        marked[(outlines(labels) > 0) & (labels > 0)] = COLOUR
        tiles.append(np.concatenate([tile, marked], axis=1))
    rows = [np.concatenate(tiles[i : i + COLUMNS], axis=1) for i in range(0, len(tiles), COLUMNS)]
    asked.picture.parent.mkdir(parents=True, exist_ok=True)
    imageio.imwrite(asked.picture, np.concatenate(rows))
