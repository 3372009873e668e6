"""Category responses of every layer of interest against the bare forward pass of the images."""

import sys
from functools import partial

import numpy as np

from benchmarks import common
from helpers import categories, layers, models, profile
from helpers.image_set import ImageSet

TARGET = 1.15
INCEPTION_LAYERS = ("activation", "activation_[1-4]", "mixed*")


def noise(n, side, categories_of=8):
    """Photos' worth of random pixels: what is timed does not depend on what they show."""
    pixels = np.random.default_rng(0).integers(0, 256, (n, side, side, 3), dtype=np.uint8)
    names = np.arange(n).astype(str)
    return ImageSet(
        "noise", "noise", "none", names, (np.arange(n) % categories_of).astype(str), pixels=pixels
    )


def bare(model, images):
    for _ in layers.stream(model, images, [model.layers[-1].name], progress=False):
        pass


def main():
    weights = (profile.downloads() / "squeezenet-1.1").exists()
    squeezenet = models.squeezenet if weights else models.squeezenet_untrained
    cases = [
        (squeezenet(), models.SQUEEZENET_LAYERS, "fire9", 256),
        (models.inception_v3_2015_untrained(), INCEPTION_LAYERS, "avg_pool", 96),
    ]
    met = []
    for model, patterns, penultimate, n in cases:
        images = noise(n, 256)
        responses = partial(
            categories.respond, model, images, patterns, penultimate, progress=False
        )
        value = common.ratio(responses, partial(bare, model, images))
        name = f"category responses / bare pass, {model.name}, {n} images"
        met.append(common.report(name, value, TARGET))
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
