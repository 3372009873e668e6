"""What it costs to see the layers: streaming and measuring beside the bare forward pass.

Run: python -m benchmarks.bench_stream [images]. All figures are ratios of times taken
side by side, but for the peak memory, which is that of a fresh process.
"""

from __future__ import annotations

import sys
from functools import partial

from benchmarks.common import compare, peak_rss_of, report
from benchmarks.passes import bare, inputs
from helpers import layers, models
from helpers.metrics import sparsity

LAYERS = list(models.RUPPRECHT_LAYERS)
MEASURES = {"gini": sparsity.gini_fast, "active": sparsity.active_fraction}


def everything(count: int) -> None:
    """Do what the peak memory is measured of."""
    model, images = inputs(count)
    layers.measure(model, images, LAYERS, measures=MEASURES, progress=False)


def main(count: int = 128) -> None:
    model, images = inputs(count)
    batch_size = next(layers.stream(model, images, LAYERS, progress=False)).index.stop
    options = {"batch_size": batch_size, "progress": False}
    plain = partial(bare, model, images, batch_size=batch_size)
    print(f"{len(images)} images, {len(LAYERS)} layers, batches of {batch_size}")

    def streamed():
        for _ in layers.stream(model, images, LAYERS, **options):
            pass

    def measured():
        layers.measure(model, images, LAYERS, measures=MEASURES, **options)

    for name, subject, target in (
        ("17 layers streamed / bare pass", streamed, 1.12),
        ("17 layers, Gini and active fraction / bare pass", measured, 1.25),
    ):
        compare(name, subject, plain, target, repeats=3)
    code = f"from benchmarks import bench_stream; bench_stream.everything({count})"
    report("peak resident memory of the latter", peak_rss_of(code), 1500, "MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
