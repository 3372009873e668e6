"""Gini, exact and within 1e-6, beside the textbook formula and PySAL, on layers of Inception-v3.

What bounds the exact one, as shares of the textbook's time on two cores: sorting the values that
are not zero .09, finding them .03, the weighted sum .01. A radix sort in two passes took .21.
"""

import sys

import numpy as np

from benchmarks.common import compare, peer, report
from helpers import data, layers, models, project
from helpers.metrics import sparsity

IMAGES = 8
CHOSEN = ["activation", "activation_[1-4]", "mixed[0-9]", "mixed10", "predictions"]
# Stand-ins where the network is not at hand: units of the same layers, share of them active.
UNITS = [710432, 691488, 1382976, 426320, 967872, 313600, 352800, 352800]
UNITS += [221952, 221952, 221952, 221952, 221952, 81920, 131072, 131072, 1000]
ACTIVE = [0.69, 0.59, 0.82, 0.61, 0.81, 0.52, 0.47, 0.39]
ACTIVE += [0.49, 0.28, 0.29, 0.25, 0.10, 0.29, 0.10, 0.29, 1.0]


def textbook(x):
    """As public code has it: sort all values in float64, then the formula on all of them."""
    x = np.sort(x.astype(np.float64))
    n = x.size
    index = np.arange(1, n + 1)
    return ((2 * index - n - 1) * x).sum() / (n * x.sum())


def activations():
    """Return (images, units) float32 of each layer and where they come from."""
    if (project.downloads() / "inception-2015-12-05").exists():
        network = models.inception_v3_2015()
        images = data.imagenet_samples()[:IMAGES]
        batch = next(layers.stream(network, images, CHOSEN, batch_size=IMAGES, progress=False))
        return [x.reshape(len(x), -1) for x in batch.activations.values()], network.card.title
    rng = np.random.default_rng(0)
    made = []
    for units, active in zip(UNITS, ACTIVE, strict=True):
        x = rng.lognormal(-1, 1, (IMAGES, units)).astype(np.float32)
        made.append(x * (rng.random(x.shape) < active))
    return made, "synthetic lognormal"


tables, origin = activations()
print(f"{len(tables)} layers, {sum(map(np.size, tables)):,} values, {origin}")


def by_textbook():
    return np.array([[textbook(row) for row in table] for table in tables])


def exact():
    return np.array([sparsity.gini(table, axis=1) for table in tables])


def counted():
    return np.array([sparsity.gini(table, axis=1, tolerance=1e-6) for table in tables])


expected = by_textbook()
met = [
    report("gini: largest error", np.abs(exact() - expected).max(), 1e-9),
    report("gini to 1e-6: largest error", np.abs(counted() - expected).max(), 1e-6),
    compare("gini / textbook", exact, by_textbook, 1 / 5),
    compare("gini to 1e-6 / textbook", counted, by_textbook, 1 / 20),
]
if peer("inequality"):
    from inequality.gini import Gini

    def by_pysal():
        return np.array([[Gini(row).g for row in table.astype(float)] for table in tables])

    met += [
        report("gini / PySAL: largest difference", np.abs(by_pysal() - exact()).max(), 1e-9),
        compare("gini / PySAL", exact, by_pysal, 1 / 5, repeats=2),
    ]
sys.exit(not all(met))
