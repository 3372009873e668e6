"""Category responses / bare forward pass of the same images, two networks: at most 1.15.

The pixels are random: what they show does not matter for the time.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.common import compare
from benchmarks.passes import bare
from helpers import layers, models
from helpers.data import ImageSet

TARGET = 1.15
INCEPTION_LAYERS = ["activation", "activation_[1-4]", "mixed?", "mixed10"]


def noise(count: int) -> ImageSet:
    """Return images of Caltech-101's size, in 8 categories."""
    pixels = np.random.default_rng(0).integers(0, 256, (count, 200, 300, 3), dtype=np.uint8)
    names = np.arange(count).astype(str)
    category = (np.arange(count) % 8).astype(str)
    return ImageSet("noise", "noise", "none", names, category, pixels=pixels)


def main() -> None:
    cases = [
        (models.squeezenet(), models.SQUEEZENET_LAYERS, "fire9", 192),
        (models.inception_v3_2015_untrained(), INCEPTION_LAYERS, "avg_pool", 96),
    ]
    for model, patterns, penultimate, count in cases:
        images = noise(count)
        responses = partial(
            layers.category_responses, model, images, patterns, penultimate, progress=False
        )
        name = f"category responses of {model.name} / bare pass"
        compare(name, responses, partial(bare, model, images), TARGET, repeats=2)


if __name__ == "__main__":
    main()
