"""The 2015 Inception-v3, its images, and the bare forward pass that benchmarks compare with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from helpers import data, layers, models, project


def inputs(count: int) -> tuple[keras.Model, data.ImageSet]:
    """Return the 2015 Inception-v3 and ImageNet samples, or what stands in for them."""
    if (project.downloads() / "imagenet-sample-images").exists():
        return models.inception_v3_2015(), data.imagenet_samples()[:count]
    pixels = np.random.default_rng(0).integers(0, 256, (count, 299, 299, 3), dtype=np.uint8)
    names = np.arange(count).astype(str)
    images = data.ImageSet("noise", "noise", "none", names, names, pixels=pixels)
    return models.inception_v3_2015_untrained(), images


def bare(model: keras.Model, images: data.ImageSet, **options: Any) -> None:
    """Run a network to its output and keep nothing."""
    for _ in layers.stream(model, images, model.layers[-1].name, progress=False, **options):
        pass
