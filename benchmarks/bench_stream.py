"""17 layers streamed (at most 1.12) and measured (1.25) / bare forward pass; memory in 1,500 MB."""

from __future__ import annotations

from functools import partial

from benchmarks.common import compare, peak_rss_of, report
from benchmarks.passes import bare, inputs
from helpers import layers, models
from helpers.metrics import sparsity

IMAGES = 64
LAYERS = list(models.RUPPRECHT_LAYERS)
GINI = partial(sparsity.gini, tolerance=1e-6)
MEASURES = {"gini": GINI, "active": sparsity.active_fraction}


def everything(count: int) -> None:
    """Do what the peak memory is measured of."""
    model, images = inputs(count)
    layers.measure(model, images, LAYERS, measures=MEASURES, progress=False)


def main() -> None:
    model, images = inputs(IMAGES)
    batch_size = next(layers.stream(model, images, LAYERS, progress=False)).index.stop
    options = {"batch_size": batch_size, "progress": False}
    plain = partial(bare, model, images, batch_size=batch_size)
    print(f"{len(images)} images, {len(LAYERS)} layers, batches of {batch_size}")

    def streamed():
        for batch in layers.stream(model, images, LAYERS, **options):
            batch.activations.clear()

    def measured():
        layers.measure(model, images, LAYERS, measures=MEASURES, **options)

    for name, subject, target in (
        ("17 layers streamed / bare pass", streamed, 1.12),
        ("17 layers, Gini and active fraction / bare pass", measured, 1.25),
    ):
        compare(name, subject, plain, target, repeats=3)
    code = f"from benchmarks import bench_stream; bench_stream.everything({IMAGES})"
    report("peak resident memory of the latter", peak_rss_of(code), 1500, "MB")


if __name__ == "__main__":
    main()
