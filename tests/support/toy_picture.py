"""A picture whose nuclei are known."""

import numpy as np
from scipy import ndimage

from nucleizoo.ops.synthesis.ellipsoids import place


def toy_picture(seed, size, dtype):
    """Labels, and a fluorescence-like picture of them: bright blurred nuclei, background and noise."""
    rng = np.random.default_rng(seed)
    labels = place(rng, size, semi_axis=(3.0, 5.0), count=(6.0, 9.0), gap=1)
    brightness = rng.uniform(0.5, 1.0, labels.max() + 1)
    brightness[0] = 0.1
    picture = ndimage.gaussian_filter(brightness[labels], 0.7) + rng.normal(0, 0.02, size)
    return labels, (np.clip(picture, 0, 1) * np.iinfo(dtype).max).astype(dtype)
