"""The pictures of the site's pages on measures: each shows a measure on data it is known on.

A function per page of docs/measures, with the page's name; `draw_all` saves their figures.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from helpers import plotting
from helpers.metrics import accuracy, embeddings, similarity, sparsity
from helpers.plotting import COLOURS

Array = NDArray[np.float64]
SIZE = (6.5, 3.2)
UNITS = 1000


def draw_all(folder: Path) -> None:
    """Save the picture of every measure as <name>.svg."""
    plotting.use_style()
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        fig = draw()
        fig.savefig(folder / f"{name}.svg", metadata={"Date": None})
        plt.close(fig)


def gini() -> Figure:
    """Lorenz curves of four patterns."""
    rng = np.random.default_rng(0)
    patterns = {
        "all equal": np.ones(UNITS),
        "rectified Gaussian": np.maximum(rng.standard_normal(UNITS), 0),
        "one in ten active, equal": np.repeat([0.0, 1.0], [900, 100]),
        "one unit": np.eye(1, UNITS)[0],
    }
    fig, ax = plt.subplots(figsize=SIZE)
    for (name, x), style in zip(patterns.items(), ("-", "--", "-.", ":"), strict=True):
        share = np.concatenate([[0], np.cumsum(np.sort(x)) / x.sum()])
        label = f"{name}: {sparsity.gini(x):.2f}"
        ax.plot(np.linspace(0, 1, len(share)), share, style, label=label)
    ax.set(xlabel="share of the units, least active first", ylabel="share of the activation")
    ax.legend()
    return fig


def active_fraction() -> Figure:
    """The share of active units of a Gaussian, by threshold; its Gini coefficient beside it."""
    x = np.random.default_rng(0).standard_normal((50, UNITS))
    shifts = np.linspace(-2, 2, 17)
    found = [np.maximum(x - shift, 0) for shift in shifts]
    curves = {
        "active fraction": [sparsity.active_fraction(f, axis=1).mean() for f in found],
        "Gini coefficient": [sparsity.gini(f, axis=1).mean() for f in found],
    }
    return _curves(shifts, curves, "threshold (standard deviations)", "value")


def hoyer() -> Figure:
    """Three measures of k equal active units among 1,000."""
    active = np.unique(np.geomspace(1, UNITS, 40).astype(int))
    patterns = np.array([np.arange(UNITS) < k for k in active], float)
    curves = {
        "Hoyer": sparsity.hoyer(patterns, axis=1),
        "Treves–Rolls": sparsity.treves_rolls(patterns, axis=1),
        "Gini": sparsity.gini(patterns, axis=1),
    }
    fig = _curves(active / UNITS, curves, "share of equally active units", "sparseness")
    fig.axes[0].set_xscale("log")
    return fig


def psi() -> Figure:
    """PSI of noise falls with the number of units."""
    units = 2 ** np.arange(4, 14)
    curves = {"noise": [sparsity.psi_noise(100, int(n)).mean() for n in units]}
    fig = _curves(units, curves, "units of the layer", "mean PSI of 100 categories")
    fig.axes[0].set_xscale("log", base=2)
    fig.axes[0].set_ylim(0)
    return fig


def decorrelation() -> Figure:
    """A pattern that all images share hides how different they are."""
    rng = np.random.default_rng(0)
    own, shared = rng.standard_normal((40, UNITS)), rng.standard_normal(UNITS)
    strengths = np.linspace(0, 4, 17)
    found = [similarity.decorrelation(np.corrcoef(own + s * shared)) for s in strengths]
    return _curves(
        strengths, {"1 − r": found}, "strength of a pattern that all images share", "decorrelation"
    )


def within_superiority() -> Figure:
    """Groups that part, and the probability that a pair of one group is more alike."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 10)
    noise, centres = rng.standard_normal((40, 200)), rng.standard_normal((4, 200))
    strengths = np.linspace(0, 1, 11)
    stack = [np.corrcoef(noise + s * centres[labels]) for s in strengths]
    curves = {
        "P(within > between)": similarity.within_superiority(stack, labels),
        "contrast of mean r": similarity.contrast(stack, labels),
    }
    return _curves(strengths, curves, "distance between the four groups", "value")


def second_order() -> Figure:
    """Two layers that share a part of what they represent, by three measures."""
    return _shared(
        {
            "second-order r": lambda x, y: similarity.second_order(
                [np.corrcoef(x), np.corrcoef(y)]
            ),
            "debiased CKA": lambda x, y: similarity.cka([x @ x.T, y @ y.T], debiased=True),
        }
    )


def cka() -> Figure:
    """Plain CKA of unrelated layers grows with their units; debiased CKA does not."""
    rng = np.random.default_rng(0)
    units = 2 ** np.arange(2, 12)
    curves: dict[str, list[float]] = {"plain": [], "debiased": []}
    for n in units:
        layers = rng.standard_normal((2, 50, n))
        grams = layers @ layers.transpose(0, 2, 1)
        curves["plain"].append(similarity.cka(grams)[0, 1])
        curves["debiased"].append(similarity.cka(grams, debiased=True)[0, 1])
    fig = _curves(units, curves, "units of two unrelated layers (50 images)", "CKA")
    fig.axes[0].set_xscale("log", base=2)
    return fig


def svcca() -> Figure:
    """SVCCA of unrelated layers falls with the number of images."""
    rng = np.random.default_rng(0)
    images = 2 ** np.arange(5, 12)
    found = [similarity.svcca(rng.standard_normal((2, n, 20)))[0, 1] for n in images]
    curves = {"two unrelated layers of 20 units": found}
    fig = _curves(images, curves, "images", "SVCCA")
    fig.axes[0].set(xscale="log", ylim=(0, 1))
    return fig


def effective_dimensions() -> Figure:
    """Variance spread evenly and unevenly over directions."""
    rng = np.random.default_rng(0)
    x, powers = rng.standard_normal((500, 50)), np.linspace(0, 3, 13)
    found = []
    for power in powers:
        scaled = x * np.arange(1, 51) ** (-power / 2)
        found.append(similarity.effective_dimensions(scaled @ scaled.T))
    curves = {"50 directions": found}
    return _curves(powers, curves, "how fast the directions' variances fall (power)", "dimensions")


def structure() -> Figure:
    """The measures of Ruman 2021 while four classes part."""
    spread = np.linspace(0, 6, 13)
    found = [embeddings.structure(*_classes(s)) for s in spread]
    names = {"d_s": "d_s", "d_d": "d_d", "c_s": "c_s", "c_d": "c_d", "acc_knn": "acc_knn"}
    curves = {shown: [f[name] for f in found] for name, shown in names.items()}
    return _curves(spread, curves, "distance of four classes (standard deviations)", "value")


def trustworthiness() -> Figure:
    """Projections that keep some of ten equal dimensions."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((400, 10))
    dimensions = np.arange(1, 11)
    curves = {
        "trustworthiness": [embeddings.trustworthiness(x, x[:, :d]) for d in dimensions],
        "continuity": [embeddings.trustworthiness(x[:, :d], x) for d in dimensions],
    }
    fig = _curves(dimensions, curves, "of 10 equal dimensions, those that are kept", "value")
    fig.axes[0].set_ylim(0.45, 1.02)
    return fig


def knn_accuracy() -> Figure:
    """Scored on their own points, neighbours find structure in labels without any."""
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((400, 2)), rng.integers(0, 4, 400)
    ks = [1, 2, 3, 5, 10, 20, 50, 100]
    curves = {
        "on the points themselves": [accuracy.knn_accuracy(x, labels, k) for k in ks],
        "leave one out": [accuracy.knn_accuracy(x, labels, k, leave_one_out=True) for k in ks],
    }
    fig = _curves(ks, curves, "neighbours k", "share right, random labels")
    fig.axes[0].axhline(0.25, color="grey", lw=1, ls=":")
    fig.axes[0].set(xscale="log", ylim=(0, 1.02))
    return fig


def linear_probe() -> Figure:
    """A ring around a disc: no straight cut parts them, neighbours do."""
    rng = np.random.default_rng(0)
    angle, labels = rng.uniform(0, 2 * np.pi, 400), np.repeat([0, 1], 200)
    radius = 1 + 2 * labels + rng.normal(0, 0.3, 400)
    x = np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])
    train = np.arange(400) % 2 == 0
    test = x[~train], labels[~train]
    probe = accuracy.linear_probe(x[train], labels[train], test)
    near = accuracy.knn_accuracy(x[train], labels[train], test=test)
    fig, ax = plt.subplots(figsize=(4.5, 3.6))
    for label, marker in ((0, "o"), (1, "s")):
        ax.scatter(*x[labels == label].T, s=12, marker=marker, color=COLOURS[label])
    ax.set(title=f"linear probe {probe:.2f}, ten neighbours {near:.2f}", aspect="equal")
    return fig


PICTURES: dict[str, Callable[[], Figure]] = {
    draw.__name__: draw
    for draw in (
        gini, active_fraction, hoyer, psi, decorrelation, within_superiority, second_order, cka,
        svcca, effective_dimensions, structure, trustworthiness, knn_accuracy, linear_probe,
    )
}  # fmt: skip


def _curves(x: Array, curves: dict[str, Array], xlabel: str, ylabel: str) -> Figure:
    fig, ax = plt.subplots(figsize=SIZE)
    for (name, y), marker in zip(curves.items(), "osD^v", strict=False):
        ax.plot(x, y, marker=marker, ms=4, label=name)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    if len(curves) > 1:
        ax.legend()
    return fig


def _shared(measures: dict[str, Callable[[Array, Array], Array]]) -> Figure:
    rng = np.random.default_rng(0)
    shares = np.linspace(0, 1, 11)
    common, first, second = rng.standard_normal((3, 100, 60))
    curves = {name: [] for name in measures}
    for share in shares:
        x, y = (share * common + (1 - share) * own for own in (first, second))
        for name, measure in measures.items():
            curves[name].append(measure(x, y)[0, 1])
    return _curves(shares, curves, "weight of what two layers share", "similarity")


def _classes(spread: float) -> tuple[Array, NDArray[np.int64]]:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 50)
    corners = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    return rng.standard_normal((200, 2)) + spread * corners[labels], labels
