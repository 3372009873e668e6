"""A multi-layer perceptron, and its training: the same to the last bit whenever it is repeated."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from helpers.data import cached, digest, prefetched
from helpers.models._arrays import finite
from helpers.models._card import Card

HISTORY = ["epoch", "set", "loss", "accuracy"]
CROSS_ENTROPY, LABEL_SMOOTHING, SQUARED_ERROR = LOSSES = (
    "cross-entropy", "label smoothing", "squared error",
)  # fmt: skip
SMOOTHING = 0.1


def mlp(widths: tuple[int, ...] = (784, 512, 256, 128, 10), seed: int = 0) -> keras.Model:
    """Build a multi-layer perceptron: ReLU after every layer but the last, which gives logits.

    Layers are named input, layer1, layer2 … and logits; activations are those after ReLU.
    Kernels and biases start uniform in ±1/√(units of the layer before), as in Ruman 2021
    (PyTorch's default; Keras' own would start with larger kernels and with biases of zero).

    Args:
        widths: units from the input to the output.
        seed: seed of the initial weights.
    """
    seeds = np.random.default_rng(seed).integers(2**31, size=(len(widths), 2)).tolist()
    inputs = x = keras.Input((widths[0],), name="input")
    for i, width in enumerate(widths[1:], start=1):
        last = i == len(widths) - 1
        bound = widths[i - 1] ** -0.5
        x = keras.layers.Dense(
            width,
            activation=None if last else "relu",
            kernel_initializer=keras.initializers.RandomUniform(-bound, bound, seeds[i][0]),
            bias_initializer=keras.initializers.RandomUniform(-bound, bound, seeds[i][1]),
            name="logits" if last else f"layer{i}",
        )(x)
    model = keras.Model(inputs, x, name="mlp")
    model.card = Card(f"MLP {'-'.join(map(str, widths))}", f"random, seed {seed}", _flatten)
    return model


def train(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    test: tuple[np.ndarray, np.ndarray],
    *,
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    epochs: int = 5,
    batch_size: int = 64,
    momentum: float = 0.9,
    seed: int = 0,
    loss: str = CROSS_ENTROPY,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    cache: Path | str | None = None,
) -> tuple[keras.Model, pd.DataFrame]:
    """Train a copy of a model by SGD with momentum; the model is left as it is.

    Args:
        model: an untrained model whose output are logits (n, classes).
        x: (n, *input shape) float32 inputs.
        y: (n,) integer classes.
        test: inputs and classes that only the learning curve sees.
        learning_rate: step size of SGD, or, without a cache, a schedule of it.
        epochs: passes over x.
        batch_size: images a step.
        momentum: of SGD.
        seed: of the order of the images, which is drawn anew for every epoch.
        loss: "cross-entropy", "label smoothing" (cross-entropy with a tenth of every label
            spread evenly over all classes; Szegedy et al. 2016, arXiv:1512.00567, section 7), or
            "squared error" (half the sum over classes of (logit - label)², whose gradient,
            logit - label, has the form of cross-entropy's).
        callbacks: of Keras, such as a `layers.Recorder`, which see every step; each epoch is
            one `fit` to them.
        cache: folder that keeps the trained weights, so that they are trained once.

    Returns:
        The trained copy, and its learning curve: a row for each epoch and set
        ("train": mean over the epoch's steps; "test": after the epoch) with
        loss (cross-entropies in nats) and accuracy.

    Raises:
        TypeError: x, y or test hold no real numbers.
        ValueError: another loss; callbacks with a cache, which may spare the training that they
            are to see; NaN or infinity; or not one class of the model's for each input.
        FloatingPointError: the loss became NaN or infinite.
    """
    if loss not in LOSSES:
        raise ValueError(f"loss={loss!r}: choose one of {', '.join(LOSSES)}")
    if callbacks and cache is not None:
        raise ValueError("callbacks need the training itself: leave out the cache")
    x, y = _pair(x, y, model, "x", "y")
    test = _pair(*test, model, "inputs of test", "classes of test")
    settings = {
        "learning_rate": learning_rate,
        "epochs": epochs,
        "batch_size": batch_size,
        "momentum": momentum,
        "seed": seed,
        "loss": loss,
    }

    def fit() -> dict[str, np.ndarray]:
        with _without_warnings():
            history = _fit(trained, x, y, test, callbacks, **settings)
        weights = {f"w{i:03}": w for i, w in enumerate(trained.get_weights())}
        return weights | {"history": history}

    trained = keras.models.clone_model(model)
    trained.set_weights(model.get_weights())
    if hasattr(model, "card"):
        trained.card = model.card
    if cache is None:
        found = fit()
    else:
        data = digest(x, y, *test, *model.get_weights())
        key = {"kind": "weights", "data": data, "keras": keras.__version__, **settings}
        key["architecture"] = _architecture(model)
        found = cached(cache, key, fit)
    trained.set_weights([found[name] for name in sorted(found) if name != "history"])
    curve = pd.DataFrame(found["history"], columns=["epoch", "loss", "accuracy"])
    curve.insert(1, "set", ["train", "test"] * epochs)
    return trained, curve.astype({"epoch": int})[HISTORY]


def _pair(
    x: np.ndarray, y: np.ndarray, model: keras.Model, inputs: str, classes: str
) -> tuple[np.ndarray, np.ndarray]:
    """Return inputs and as many whole numbers below the number of outputs, or raise."""
    x, y = finite(x, inputs), finite(y, classes)
    outputs = model.output_shape[-1]
    if y.shape != (len(x),) or not np.isin(y, np.arange(outputs)).all():
        raise ValueError(
            f"{classes}: {len(x)} whole numbers from 0 to {outputs - 1} are needed, got shape "
            f"{y.shape}, {y.min()} to {y.max()}"
        )
    return x, y.astype(int) if y.dtype.kind == "f" else y


def _fit(
    model: keras.Model,
    x: np.ndarray,
    y: np.ndarray,
    test: tuple[np.ndarray, np.ndarray],
    callbacks: Sequence[keras.callbacks.Callback],
    learning_rate: float | keras.optimizers.schedules.LearningRateSchedule,
    epochs: int,
    batch_size: int,
    momentum: float,
    seed: int,
    loss: str,
) -> np.ndarray:
    """Train in place; returns (2 * epochs, 3): epoch, loss and accuracy on train and test."""
    if loss != CROSS_ENTROPY:
        one_hot = np.eye(model.output_shape[-1], dtype=np.float32)
        y, test = one_hot[y], (test[0], one_hot[test[1]])
    model.compile(
        keras.optimizers.SGD(learning_rate, momentum),
        _loss(loss),
        metrics=["accuracy"],
        steps_per_execution=1 if callbacks else 32,
    )
    rng = np.random.default_rng(seed)
    # TensorFlow keeps what its pipelines draw from, so they get a name of it that can be cleared.
    held = {"train": (x, y), "test": test}
    in_order = partial(_batches, held, "train", batch_size=batch_size)
    held_out = _batches(held, "test", np.arange(len(test[0])), batch_size=1000)
    rows = []
    for epoch in range(1, epochs + 1):
        # Shuffled here, not by Keras, whose order depends on the state of the whole process.
        seen = model.fit(
            in_order(rng.permutation(len(x))),
            shuffle=False,
            verbose=0,
            callbacks=list(callbacks),
        )
        found, accuracy = model.evaluate(held_out, verbose=0)
        rows += [
            (epoch, seen.history["loss"][0], seen.history["accuracy"][0]),
            (epoch, found, accuracy),
        ]
        if not np.isfinite(seen.history["loss"][0]):
            raise FloatingPointError(
                f"the loss is {seen.history['loss'][0]} in epoch {epoch}:"
                " lower learning_rate or use another seed"
            )
    held.clear()
    return np.array(rows, float)


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence what TensorFlow says when one process trains several models: that it traces anew."""
    logger = tf.get_logger()
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _loss(name: str) -> Callable:
    if name == CROSS_ENTROPY:
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    if name == LABEL_SMOOTHING:
        return keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=SMOOTHING)
    return _squared_error


def _squared_error(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.square(logits - labels), axis=-1) / 2


def _architecture(model: keras.Model) -> str:
    """Return a digest of how a model is built, whatever its layers are called."""
    text = json.dumps(model.get_config(), sort_keys=True, default=str)
    # Names that Keras chooses count upwards within a process.
    for i, name in enumerate([model.name, *(layer.name for layer in model.layers)]):
        text = text.replace(json.dumps(name), str(i))
    return hashlib.sha256(text.encode()).hexdigest()


def _batches(
    held: dict[str, tuple[np.ndarray, np.ndarray]], name: str, order: np.ndarray, batch_size: int
) -> tf.data.Dataset:
    """Return batches of held[name] in an order, drawn from NumPy without a copy of the whole."""
    specs = [tf.TensorSpec((None, *a.shape[1:]), a.dtype) for a in held[name]]

    def draw(rows: np.ndarray) -> list[np.ndarray]:
        return [a[rows] for a in held[name]]

    def batch(rows: tf.Tensor) -> tuple[tf.Tensor, ...]:
        found = tf.numpy_function(draw, [rows], [spec.dtype for spec in specs])
        return tuple(tf.ensure_shape(t, s.shape) for t, s in zip(found, specs, strict=True))

    return prefetched(tf.data.Dataset.from_tensor_slices(order).batch(batch_size).map(batch))


def _flatten(image: tf.Tensor) -> tf.Tensor:
    return tf.reshape(tf.cast(image, tf.float32) / 255.0, (-1,))
