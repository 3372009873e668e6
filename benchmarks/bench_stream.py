"""17 layers streamed (at most 1.12) and measured (1.25) / bare forward pass; memory in 1,500 MB.

LAYERS_PEER_PYTHON names a Python that has thingsvision (with TensorFlow 2.15), for a comparison.
"""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

from benchmarks.common import compare, peak_rss_of, report, seconds
from benchmarks.passes import bare, inputs
from helpers import layers, models
from helpers.metrics import sparsity

IMAGES = 64
PEER_IMAGES = 32
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
    if python := os.environ.get("LAYERS_PEER_PYTHON"):
        few = images[:PEER_IMAGES]
        script = str(Path(__file__).with_name("peer_thingsvision.py"))
        command = [python, script, str(PEER_IMAGES), *LAYERS]
        theirs = float(subprocess.run(command, check=True, capture_output=True).stdout.split()[-1])
        ours = seconds(partial(layers.activations, model, few, LAYERS, progress=False))
        report("17 layers kept / by thingsvision", ours / theirs, 0.5, more=f"{theirs:.1f} s")
    else:
        print("LAYERS_PEER_PYTHON names no Python with thingsvision: not compared with")


if __name__ == "__main__":
    main()
