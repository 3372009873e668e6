"""What it costs to compare images and layers, beside a matrix product and the bare forward pass.

Run: python -m benchmarks.bench_similarity [images of notebook 03] [images of notebook 02].
All figures are ratios of wall times taken side by side, but for errors and memory.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import matplotlib
import numpy as np

from benchmarks.common import compare, peak_rss_of, peer, report
from benchmarks.passes import bare, inputs
from helpers import layers, models, plotting
from helpers.metrics import similarity, sparsity
from helpers.studies import rupprecht_2017

LAYERS = ["input", *models.RUPPRECHT_LAYERS]
MODULES = ("mixed4c", "mixed4d")
EDGES = np.linspace(0, 10, 101)


def matrices(model, images) -> None:
    """All matrices of notebook 03: GoogLeNet's layers and the branches of the source's modules."""
    ends = [end for module in MODULES for end in layers.branches(model, module).values()]
    names = [*models.GOOGLENET_LAYERS, *ends]
    batches = layers.stream(model, images, names, batch_size=4, progress=False)
    similarity.matrices(batches, len(images))


def histograms(model, images) -> None:
    """Notebook 02, from the images to its figures of histograms and decorrelation."""
    with similarity.pattern_store(len(images)) as patterns:
        accumulators = {
            "histogram": partial(sparsity.Histogram, EDGES),
            "patterns": patterns,
            "places": rupprecht_2017.Places,
        }
        seen = layers.accumulate(model, images, LAYERS[1:], accumulators, progress=False)
        found = [each["patterns"].similarity().correlation for each in seen.values()]
    weights = similarity.resample(len(images))
    similarity.decorrelation(found, weights)
    shares = {
        layer: (EDGES, each["histogram"].counts / each["histogram"].total)
        for layer, each in seen.items()
    }
    plotting.histograms(shares).canvas.draw()
    matplotlib.pyplot.close("all")


def compare_rsatoolbox(x: np.ndarray, block: Callable[[], np.ndarray]) -> None:
    """Compare with its matrix of dissimilarities, 1 - r."""
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm

    def theirs(patterns: np.ndarray) -> np.ndarray:
        return calc_rdm(Dataset(patterns), method="correlation").get_matrices()[0]

    # It computes in the dtype that it is given: in float32 to 1e-5 only, but faster.
    error = np.abs(1 - theirs(x.astype(float)) - block()).max()
    report("the same by rsatoolbox: largest difference", error, 1e-5)
    name = "correlation of 500 x 50,000 / rsatoolbox's"
    compare(name, block, partial(theirs, x), 0.5, repeats=2, warm_up=False)


def main(count: int = 500, few: int = 199) -> None:
    matplotlib.use("agg")
    rng = np.random.default_rng(0)
    x = np.maximum(rng.normal(size=(500, 50_000)) + rng.normal(size=50_000), 0).astype(np.float32)
    y = x[::-1].copy()
    block = partial(similarity.correlation, x)
    error = np.abs(block() - np.corrcoef(x.astype(float))).max()
    report("correlation of 500 x 50,000: error against numpy", error, 1e-5)
    compare("correlation of 500 x 50,000 / product x @ y.T", block, lambda: x @ y.T, 1.3)
    compare("correlation of 500 x 50,000 / product x @ x.T", block, lambda: x @ x.T, 1.3)
    if peer("rsatoolbox"):
        compare_rsatoolbox(x, block)

    for name, analysis, number, target, googlenet in (
        ("notebook 02, images to figures", histograms, few, 1.6, False),
        ("notebook 03, all matrices", matrices, count, 2.5, True),
    ):
        model, chosen = inputs(number, googlenet)
        subject, plain = partial(analysis, model, chosen), partial(bare, model, chosen)
        title = f"{name} ({number} images) / bare pass"
        compare(title, subject, plain, target, repeats=1 if number > 200 else 2, warm_up=False)
    code = "from benchmarks.bench_similarity import inputs, matrices; "
    code += f"matrices(*inputs({count}, googlenet=True))"
    report("peak resident memory of all matrices", peak_rss_of(code), 1800, "MB")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
