"""The networks, their images, and the bare forward pass that benchmarks compare with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from helpers import data, layers, models, project


def inputs(count: int, googlenet: bool = False) -> tuple[keras.Model, data.ImageSet]:
    """Return a network and ImageNet samples, or what stands in for them.

    Args:
        count: images.
        googlenet: GoogLeNet instead of the 2015 Inception-v3.
    """
    weights = "googlenet-2014" if googlenet else "inception-2015-12-05"
    if all((project.downloads() / name).exists() for name in ("imagenet-sample-images", weights)):
        network = models.googlenet_2014 if googlenet else models.inception_v3_2015
        return network(), data.imagenet_samples()[:count]
    untrained = models.googlenet_2014_untrained if googlenet else models.inception_v3_2015_untrained
    network = untrained()
    pixels = np.random.default_rng(0).integers(
        0, 256, (count, *network.input_shape[1:]), dtype=np.uint8
    )
    names = np.arange(count).astype(str)
    return network, data.ImageSet("noise", "noise", "none", names, names, pixels=pixels)


def bare(model: keras.Model, images: data.ImageSet, **options: Any) -> None:
    """Run a network to its output and keep nothing."""
    for _ in layers.stream(model, images, model.layers[-1].name, progress=False, **options):
        pass
