"""Networks trained with a recorder: what their layers measure at some 20 steps."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from scipy import stats
from threadpoolctl import threadpool_limits

from helpers import data, layers, models, project
from helpers.metrics import checks, similarity, sparsity

INCEPTION, MLP = "mini-Inception", "MLP"
LEARNING_RATES = {INCEPTION: 0.05, MLP: 0.1}  # at first, of SGD with momentum 0.9
HIDDEN_UNITS = (256, 128, 64, 32)
INCEPTION_LAYERS = (*models.GUEST_LOVE_LAYERS, "avg_pool", "logits")
CACHE = project.ROOT / "data" / "downloads" / "over_learning"
TABLES = ("table", "weights", "classes")


@dataclass(frozen=True)
class Sizes:
    """How much is trained and measured.

    Attributes:
        train: training images, the first ones of the data set.
        test: test images that accuracy is measured on.
        each: of these, images per class whose activations are measured.
        epochs: passes over the training images.
        checkpoints: steps at which is measured, about.
        batch_size: images per step.
        calibrated: training images whose statistics batch normalisation has when measured.
    """

    train: int = 15_360
    test: int = 1_000
    each: int = 20
    epochs: int = 5
    checkpoints: int = 22
    batch_size: int = 64
    calibrated: int = 512

    @property
    def last(self) -> int:
        """The last step."""
        return self.epochs * -(-self.train // self.batch_size)

    @property
    def steps(self) -> list[int]:
        """The steps recorded, 0 and the last among them."""
        return layers.log_steps(self.last, self.checkpoints)

    def decay(self, learning_rate: float) -> keras.optimizers.schedules.LearningRateSchedule:
        """Return a learning rate that falls along a cosine to 0 at the last step."""
        return keras.optimizers.schedules.CosineDecay(learning_rate, self.last)


@dataclass(frozen=True, eq=False)
class Recording:
    """What one training showed.

    Attributes:
        network: its name.
        dataset: name of the images.
        table: dataset, network, seed, step, layer, depth, measure, value (mean over images).
        weights: the same of kernels.
        classes: the same of PSI, with a column category.
        matrices: (steps, layers, layers) second-order r.
        steps: the steps recorded.
        names: the layers, in order of depth.
    """

    network: str
    dataset: str
    table: pd.DataFrame
    weights: pd.DataFrame
    classes: pd.DataFrame
    matrices: np.ndarray
    steps: list[int]
    names: list[str]


def initial(network: str, arrays: data.LabelledImages, seed: int) -> keras.Model:
    """Build an untrained network, INCEPTION or MLP, that gives logits for such images."""
    side = arrays.x_train.shape[1]
    if network == INCEPTION:
        return models.mini_inception(trained=False, seed=seed, side=side, logits=True)
    return models.mlp((side**2, *HIDDEN_UNITS, 10), seed)


def inputs(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """Scale images (n, height, width) of 0..255 to 0..1 in the shape that a model takes."""
    return (images.astype(np.float32) / 255).reshape(len(images), *model.input_shape[1:])


def first_of_each(labels: np.ndarray, each: int) -> np.ndarray:
    """Return the indices of the first images of every class, in order."""
    return np.sort(np.concatenate([np.flatnonzero(labels == c)[:each] for c in np.unique(labels)]))


def chosen_layers(model: keras.Model) -> list[str]:
    """Return the layers that are measured: from the input to the logits, after each ReLU."""
    inception = "mixed0" in (layer.name for layer in model.layers)
    names = ["input", *INCEPTION_LAYERS] if inception else None
    return layers.select(model, names, missing="skip")


class Calibration(keras.callbacks.Callback):
    """Give batch normalisation the statistics of some images before a step is recorded.

    Training normalises by each batch and never reads these statistics, so its course stays the
    same to the last bit; the moving averages that Keras keeps would trail the weights. For the
    list of callbacks before a `layers.Recorder`.
    """

    def __init__(self, images: data.ImageSet, steps: Iterable[int]) -> None:
        """Choose images of the training set, and the steps that are recorded."""
        super().__init__()
        self._images, self._steps = images, set(steps)

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Calibrate before the first step."""
        self._calibrate_on = models.calibration(self.model)
        self._calibrate_if_asked()

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Calibrate, if this step is recorded."""
        self._calibrate_if_asked()

    def _calibrate_if_asked(self) -> None:
        if int(self.model.optimizer.iterations.numpy()) in self._steps:
            self._calibrate_on(self._images)


def kernel_sizes(model: keras.Model) -> dict[str, str]:
    """Return layer -> what its kernel spans: "3×3" and the like of a convolution, or "dense"."""
    return {
        layer.name: "×".join(map(str, getattr(layer, "kernel_size", ()))) or "dense"
        for layer in model.layers
        if hasattr(layer, "kernel")
    }


def calibrations(
    network: str, arrays: data.LabelledImages, sizes: Sizes
) -> list[keras.callbacks.Callback]:
    """Return the callbacks that come before the recorders: none without batch normalisation."""
    if network != INCEPTION:
        return []
    pixels = arrays.x_train[: min(sizes.train, sizes.calibrated), ..., None]
    names, labels = np.arange(len(pixels)).astype(str), arrays.y_train[: len(pixels)].astype(str)
    images = data.ImageSet(
        arrays.name, arrays.title, arrays.licence, names, labels, pixels=pixels.astype(np.uint8)
    )
    return [Calibration(images, sizes.steps)]


def hidden(names: Iterable[str]) -> list[str]:
    """Return the layers between the input and the logits."""
    return [name for name in names if name not in ("input", "logits")]


def record(
    network: str,
    arrays: data.LabelledImages,
    seed: int,
    sizes: Sizes | None = None,
    cache: Path | str | None = None,
) -> Recording:
    """Train a network and measure all its layers at logarithmic steps.

    Args:
        network: INCEPTION or MLP.
        arrays: the data set.
        seed: of the initial weights and of the order of the images.
        sizes: how much is trained and measured.
        cache: folder that keeps recordings, so that each training runs once.
    """
    sizes = sizes or Sizes()
    if cache is None:
        return _record(network, arrays, seed, sizes)
    key = cache_key(arrays, sizes) | {"kind": "recording", "network": network, "seed": seed}
    key |= {"learning_rate": LEARNING_RATES[network], "hidden_units": list(HIDDEN_UNITS)}
    return unpacked(data.cached(cache, key, lambda: packed(_record(network, arrays, seed, sizes))))


def cache_key(arrays: data.LabelledImages, sizes: Sizes) -> dict[str, object]:
    """Return what every cached result depends on: the images, sizes, and Keras' version."""
    images = (arrays.x_train[: sizes.train], arrays.y_train[: sizes.train])
    held_out = (arrays.x_test, arrays.y_test)
    name = {"dataset": arrays.name, "data": data.digest(*images, *held_out)}
    return name | asdict(sizes) | {"decay": "cosine", "keras": keras.__version__}


def packed(recording: Recording) -> dict[str, np.ndarray]:
    """Return a recording as arrays, its tables column by column."""
    found = {
        f"{name}/{column}": np.array(values.tolist())
        for name in TABLES
        for column, values in getattr(recording, name).items()
    }
    rest = ("network", "dataset", "matrices", "steps", "names")
    return found | {name: np.array(getattr(recording, name)) for name in rest}


def unpacked(found: dict[str, np.ndarray]) -> Recording:
    """Return the recording that `packed` made arrays of."""
    columns = [key.split("/") for key in found if "/" in key]
    tables = [
        pd.DataFrame({column: found[f"{name}/{column}"] for of, column in columns if of == name})
        for name in TABLES
    ]
    rest = (found["matrices"], found["steps"].tolist(), found["names"].tolist())
    return Recording(str(found["network"]), str(found["dataset"]), *tables, *rest)


def _record(network: str, arrays: data.LabelledImages, seed: int, sizes: Sizes) -> Recording:
    layers.free_memory()
    model = initial(network, arrays, seed)
    x = inputs(model, arrays.x_train[: sizes.train])
    test = inputs(model, arrays.x_test[: sizes.test]), arrays.y_test[: sizes.test]
    rows = first_of_each(test[1], sizes.each)
    seen = recorder(test[0][rows], chosen_layers(model), sizes.steps)

    def accuracy(logits: np.ndarray) -> float:
        return float(np.mean(logits.argmax(axis=1) == test[1]))

    scores = layers.Recorder(
        test[0], "logits", measures={"accuracy": accuracy}, steps=sizes.steps, batch_size=500
    )
    models.train(
        model,
        x,
        arrays.y_train[: sizes.train],
        test,
        learning_rate=sizes.decay(LEARNING_RATES[network]),
        epochs=sizes.epochs,
        batch_size=sizes.batch_size,
        seed=seed,
        callbacks=[*calibrations(network, arrays, sizes), seen, scores],
    )
    key = {"dataset": arrays.name, "network": network, "seed": seed}
    return summarised(seen, scores, test[1][rows], key)


def recorder(images: np.ndarray, names: list[str], steps: list[int]) -> layers.Recorder:
    """Make the recorder of all measures of this notebook."""
    return layers.Recorder(
        images,
        names,
        measures={"Gini": gini, "active share": active},
        keep={"correlation": correlation, "gram": gram, "channels": layers.channel_means},
        weights={"norm": norm, "kurtosis": kurtosis, "effective rank": effective_rank},
        steps=steps,
        batch_size=100,
    )


def summarised(
    seen: layers.Recorder, scores: layers.Recorder, labels: np.ndarray, key: dict
) -> Recording:
    """Turn what recorders saw into tables; matrices of images are not kept."""
    kept = seen.kept
    names = list(dict.fromkeys(name for _, name in kept))
    found = seen.table
    of_kernels = found["measure"].isin(["norm", "kurtosis", "effective rank"])
    columns = ["step", "layer", "depth", "measure"]
    tables = [found[~of_kernels].groupby(columns, sort=False)["value"].mean().reset_index()]
    tables.append(scores.table.drop(columns="image"))
    responses = {}
    for depth, name in enumerate(names):
        correlations, grams, means = (
            kept[what, name].astype(float) for what in ("correlation", "gram", "channels")
        )
        units = means.shape[-1]
        responses[name] = [psi(each, labels) for each in means]
        null = sparsity.psi_noise(len(np.unique(labels)), units, repeats=20).mean()
        mean_psi = np.mean(responses[name], axis=1)
        measured = {
            "decorrelation": similarity.decorrelation(correlations),
            "effective dimensions": [similarity.effective_dimensions(each) for each in grams],
            "PSI": mean_psi,
            "PSI above noise": mean_psi - null,
            "CKA with the end": similarity.cka(grams, debiased=True)[-1],
            "SVCCA with the end": with_last(means),
        }
        for measure, values in measured.items():
            rows = {"step": seen.steps_seen, "layer": name, "depth": depth}
            tables.append(pd.DataFrame(rows | {"measure": measure, "value": values}))
    matrices = [
        similarity.second_order([kept["correlation", name][k] for name in names])
        for k in range(len(seen.steps_seen))
    ]
    classes = pd.DataFrame(
        [
            {"step": step, "layer": name, "depth": depth, "category": c, "value": value}
            for depth, name in enumerate(names)
            for step, values in zip(seen.steps_seen, responses[name], strict=True)
            for c, value in enumerate(values)
        ]
    )
    kernels = found[of_kernels].drop(columns="image")
    return Recording(
        key["network"],
        key["dataset"],
        pd.concat(tables, ignore_index=True).assign(**key),
        kernels.reset_index(drop=True).assign(**key),
        classes.assign(**key),
        np.array(matrices),
        seen.steps_seen,
        names,
    )


def gini(x: np.ndarray) -> np.ndarray:
    """Return each image's Gini coefficient; NaN for a layer with negative activations."""
    flat = checks.flat(x, "x")
    return np.full(len(x), np.nan) if flat.min() < 0 else sparsity.gini(flat, axis=1)


def active(x: np.ndarray) -> np.ndarray:
    """Return each image's share of units that are not zero."""
    return sparsity.active_fraction(x.reshape(len(x), -1), axis=1)


def correlation(x: np.ndarray) -> np.ndarray:
    """Return the correlations between images, (images, images)."""
    return similarity.correlation(x).astype(np.float32)


def gram(x: np.ndarray) -> np.ndarray:
    """Return the inner products of images, each unit centred over the images."""
    flat = x.reshape(len(x), -1)
    flat = flat - flat.mean(axis=0)
    return flat @ flat.T


def psi(means: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the PSI of every class, as Liu, Zhen & Liu 2020 define it, from channels' means."""
    means = checks.finite(means, "means", ("images", "channels"))
    labels = checks.one_each(labels, len(means))
    by_class = np.array([means[labels == c].mean(axis=0) for c in np.unique(labels)])
    return sparsity.psi(sparsity.normalise_responses(by_class))


def with_last(means: np.ndarray) -> np.ndarray:
    """Return the SVCCA of a layer at every step with its last one, (steps,)."""
    last = means[-1]
    # On several threads, small decompositions mostly wait for one another.
    with threadpool_limits(1, "blas"):
        return np.array(
            [1 if (x == last).all() else similarity.svcca([x, last])[0, 1] for x in means]
        )


def norm(kernel: np.ndarray) -> float:
    """Return the root of the mean squared weight."""
    return float(np.sqrt(np.mean(np.square(kernel, dtype=float))))


def kurtosis(kernel: np.ndarray) -> float:
    """Return the excess kurtosis of the weights: 0 if Gaussian, -1.2 if uniform."""
    return float(stats.kurtosis(kernel, axis=None))


def effective_rank(kernel: np.ndarray) -> float:
    """Return the participation ratio of the squared singular values, as a share of their number.

    The kernel as a matrix (inputs of a unit, units): 1 where all singular values are equal.
    """
    matrix = kernel.reshape(-1, kernel.shape[-1]).astype(float)
    matrix = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    squares = matrix.T @ matrix  # whose eigenvalues they are
    return float(np.trace(squares) ** 2 / np.square(squares).sum() / len(squares))
