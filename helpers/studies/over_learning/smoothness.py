"""24 small networks, some with DeCov: is smooth decorrelation better?"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy import stats

from helpers import data, layers, models
from helpers.metrics import checks, intervals, similarity
from helpers.studies.over_learning.training import Sizes, cache_key, first_of_each, inputs

DEPTHS, WIDTHS = (2, 4, 6), (32, 128)
LEARNING_RATES, DROPOUTS, DECOVS = (0.005, 0.05), (0.025, 0.05, 0.1), (1e-3, 1e-2, 1e-1)
CONTROLS = ("width", "depth", "train accuracy")


def smoothness(decorrelation: Sequence[float]) -> float:
    """Return how even the steps of a curve from layer to layer are.

    (mean step)² / mean squared step, the steps signed: 1 where all steps are the same, 1 / n
    where one of n steps makes it all, 0 where the curve ends as high as it began.

    Args:
        decorrelation: one value per layer, in order of depth; at least 3.

    Returns:
        0..1; NaN for a flat curve.

    Raises:
        TypeError: no real numbers.
        ValueError: fewer than 3 layers, NaN or infinity.
    """
    curve = checks.finite(decorrelation, "decorrelation", ("layers",), 3)
    steps = np.diff(curve)
    squares = np.mean(steps**2)
    return float(np.mean(steps) ** 2 / squares) if squares else np.nan


@keras.saving.register_keras_serializable("over_learning")
class DeCov(keras.regularizers.Regularizer):
    """Penalty on the covariances between a layer's units over the images of a batch.

    strength · ½ (‖C‖² − ‖diag C‖²), C the covariance matrix of the batch, divided by its
    number of images (Cogswell et al. 2016, ICLR, arXiv:1511.06068, eq. 1 and 2). For
    `activity_regularizer` of a dense layer.
    """

    def __init__(self, strength: float) -> None:
        self.strength = float(strength)

    def __call__(self, x: keras.KerasTensor) -> keras.KerasTensor:
        """Return the penalty of activations (images, units)."""
        centred = x - keras.ops.mean(x, axis=0)
        images = keras.ops.cast(keras.ops.shape(x)[0], x.dtype)
        covariance = keras.ops.matmul(keras.ops.transpose(centred), centred) / images
        every, own = keras.ops.square(covariance), keras.ops.square(keras.ops.diagonal(covariance))
        return self.strength * 0.5 * (keras.ops.sum(every) - keras.ops.sum(own))

    def get_config(self) -> dict:
        """Return what the penalty is made again from."""
        return {"strength": self.strength}


def grid() -> pd.DataFrame:
    """Return 24 networks, a row each: every depth and width with four ways to train.

    A low and a high learning rate, dropout, and DeCov; the strengths of the last two take
    turns over depths and widths.
    """
    rows = []
    for i, depth in enumerate(DEPTHS):
        for j, width in enumerate(WIDTHS):
            turn = (i + j) % 3
            plain = {"learning_rate": 0.02, "dropout": 0.0, "decov": 0.0}
            for change in (
                *({"learning_rate": rate} for rate in LEARNING_RATES),
                {"dropout": DROPOUTS[turn]},
                {"decov": DECOVS[turn]},
            ):
                rows.append({"depth": depth, "width": width, **plain, **change})
    return pd.DataFrame(rows)


def build(
    units: int, depth: int, width: int, dropout: float = 0.0, decov: float = 0.0, seed: int = 0
) -> keras.Model:
    """Build a perceptron of `depth` hidden ReLU layers of one width, which gives ten logits.

    Kernels start as He et al. 2015 propose, for the deep ones to learn.
    """
    seeds = np.random.default_rng(seed).integers(2**31, size=(depth + 1, 2)).tolist()
    x = image = keras.Input((units,), name="input")
    for k in range(depth):
        x = keras.layers.Dense(
            width,
            activation="relu",
            kernel_initializer=keras.initializers.HeNormal(seeds[k][0]),
            activity_regularizer=DeCov(decov) if decov else None,
            name=f"layer{k + 1}",
        )(x)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=seeds[k][1], name=f"dropout{k + 1}")(x)
    start = keras.initializers.HeNormal(seeds[depth][0])
    return keras.Model(image, keras.layers.Dense(10, kernel_initializer=start, name="logits")(x))


def train(
    row: dict,
    arrays: data.LabelledImages,
    seed: int,
    sizes: Sizes,
    cache: Path | str | None = None,
) -> dict:
    """Train one network of the grid and measure it.

    Args:
        row: depth, width, learning_rate, dropout and decov.
        arrays: the data set.
        seed: of the initial weights and of the order of the images.
        sizes: how much is trained and measured.
        cache: folder that keeps what was measured, so that each network is trained once.

    Returns:
        The row with test accuracy (all test images), train accuracy (the training images, after
        training, without dropout), smoothness, last step (its share of all decorrelation) and
        decorrelation (a tuple, from the input to the logits).
    """
    if cache is None:
        found = _train(row, arrays, seed, sizes)
    else:
        key = cache_key(arrays, sizes) | {"kind": "small-network", "seed": seed, **row}
        found = data.cached(cache, key, lambda: _train(row, arrays, seed, sizes))
    measured = {k: float(v) for k, v in found.items() if k != "decorrelation"}
    curve = tuple(np.asarray(found["decorrelation"]).tolist())
    return row | {"dataset": arrays.name, "seed": seed, **measured, "decorrelation": curve}


def train_grid(
    arrays: data.LabelledImages,
    sizes: Sizes,
    networks: pd.DataFrame | None = None,
    cache: Path | str | None = None,
) -> pd.DataFrame:
    """Train every network of a grid (default: `grid`), each with a seed of its own; see `train`."""
    networks = grid() if networks is None else networks
    rows = [
        train(row, arrays, k, sizes, cache) for k, row in enumerate(networks.to_dict("records"))
    ]
    return pd.DataFrame(rows)


def _train(row: dict, arrays: data.LabelledImages, seed: int, sizes: Sizes) -> dict:
    layers.free_memory()
    settings = {k: row[k] for k in ("depth", "width", "dropout", "decov")}
    settings |= {k: int(settings[k]) for k in ("depth", "width")}
    model = build(arrays.x_train[0].size, seed=seed, **settings)
    x, test = inputs(model, arrays.x_train[: sizes.train]), inputs(model, arrays.x_test)
    y = arrays.y_train[: sizes.train]
    trained, _ = models.train(
        model,
        x,
        y,
        (test, arrays.y_test),
        learning_rate=sizes.decay(float(row["learning_rate"])),
        epochs=sizes.epochs,
        batch_size=sizes.batch_size,
        seed=seed,
    )
    options = {"batch_size": 1000, "progress": False}
    names = layers.select(trained, ["input", "layer*", "logits"])
    probe = test[first_of_each(arrays.y_test[: sizes.test], sizes.each)]
    found = layers.activations(trained, probe, names, **options)
    with warnings.catch_warnings():
        # Images that leave a layer silent: their pairs are left out of its decorrelation.
        warnings.filterwarnings("ignore", "the activations are constant in images")
        curve = similarity.decorrelation([similarity.correlation(a) for a in found.values()])

    def accuracy(images: np.ndarray, labels: np.ndarray) -> float:
        logits = layers.activations(trained, images, "logits", **options)["logits"]
        return float(np.mean(logits.argmax(axis=1) == labels))

    return {
        "test accuracy": accuracy(test, arrays.y_test),
        "train accuracy": accuracy(x, y),
        "smoothness": smoothness(curve),
        "last step": float((curve[-1] - curve[-2]) / (curve[-1] - curve[0])),
        "decorrelation": curve,
    }


def partial_rho(x: np.ndarray, y: np.ndarray, *controls: np.ndarray) -> float:
    """Return Spearman's correlation of x and y with controls held fixed.

    The partial correlation of the ranks. All arrays are (networks,).

    Raises:
        TypeError: no real numbers.
        ValueError: NaN, infinity, or arrays of different length.
    """
    named = (("x", x), ("y", y), *(("controls", control) for control in controls))
    numbers = (checks.finite(each, name, ("networks",)) for name, each in named)
    x, y, *controls = (stats.rankdata(each) for each in numbers)
    for each in controls:
        checks.one_each(each, len(x), "controls")
    if not controls:
        return intervals.correlation(x, y)
    return intervals.partial_correlation(x, y, np.column_stack(controls))


def relation(
    networks: pd.DataFrame,
    controls: Sequence[str] = CONTROLS,
    measure: str = "smoothness",
    repeats: int = 1000,
    seed: int = 0,
) -> intervals.Estimate:
    """Relate a measure to test accuracy over networks, controls held fixed.

    Args:
        networks: of `train_grid`.
        controls: columns held fixed, see `partial_rho`.
        measure: the column to relate.
        repeats: bootstrap samples of networks.
        seed: of these.

    Raises:
        TypeError, ValueError: as in `partial_rho`; the message names the column.
    """
    names = (measure, "test accuracy", *controls)
    columns = [checks.finite(networks[name], name, ("networks",)) for name in names]
    return intervals.estimate(partial_rho, *columns, repeats=repeats, seed=seed)
