"""What it costs to see the layers: streaming and measuring beside the bare forward pass.

Run: python -m benchmarks.bench_stream [images]. All figures are ratios of times taken
side by side, but for the peak memory, which is that of a fresh process.
"""

from __future__ import annotations

import sys

import numpy as np

from benchmarks.common import peak_rss_of, ratios, report
from helpers import data, layers, models, profile, sparsity

LAYERS = list(models.RUPPRECHT_LAYERS)
MEASURES = {"gini": sparsity.gini_fast, "active": sparsity.active_fraction}


def inputs(count: int):
    """Return the 2015 Inception-v3 and ImageNet samples, or what stands in for them."""
    if (profile.downloads() / "imagenet-sample-images").exists():
        return models.inception_v3_2015(), data.imagenet_samples()[:count]
    pixels = np.random.default_rng(0).integers(0, 256, (count, 299, 299, 3), dtype=np.uint8)
    names = np.arange(count).astype(str)
    images = data.ImageSet("noise", "noise", "none", names, names, pixels=pixels)
    return models.inception_v3_2015_untrained(), images


def everything(count: int) -> None:
    """Do what the peak memory is measured of."""
    model, images = inputs(count)
    layers.measure(model, images, LAYERS, measures=MEASURES, progress=False)


def main(count: int = 128) -> None:
    model, images = inputs(count)
    batch_size = next(layers.stream(model, images, LAYERS, progress=False)).index.stop
    options = {"batch_size": batch_size, "progress": False}
    print(f"{len(images)} images, {len(LAYERS)} layers, batches of {batch_size}")

    def bare():
        for _ in layers.stream(model, images, "predictions", **options):
            pass

    def streamed():
        for _ in layers.stream(model, images, LAYERS, **options):
            pass

    def measured():
        layers.measure(model, images, LAYERS, measures=MEASURES, **options)

    for name, subject, target in (
        ("17 layers streamed / bare pass", streamed, 1.12),
        ("17 layers, Gini and active fraction / bare pass", measured, 1.25),
    ):
        wall, processor = ratios(subject, bare, 3)
        report(name, wall, target)
        report("  the same in processor time", processor, target)
    code = f"from benchmarks import bench_stream; bench_stream.everything({count})"
    report("peak resident memory of the latter", peak_rss_of(code), 1500, "MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
