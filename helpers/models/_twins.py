"""Control twins: a network with its weights or biases permuted, or without its rectifiers."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import keras
import numpy as np

OFFSETS = ("bias", "beta")
RECTIFIERS = ("relu", "relu6")
RECTIFIER_CLASSES = ("ReLU", "ReLU6", "Relu", "Relu6")


def permuted_weights(model: keras.Model, seed: int = 0) -> list[np.ndarray]:
    """Return a model's weights, the entries of every weight tensor permuted among themselves.

    Weights are the trainable tensors with two or more dimensions (kernels,
    embeddings) that are no biases; everything else stays. Each tensor keeps
    its values, and so their distribution, and loses what was learnt about
    where they belong (Liu, Zhen & Liu 2020).

    Args:
        model: any model with weights; it is left as it is.
        seed: of the permutations.

    Returns:
        Arrays as `model.set_weights` takes them.

    Raises:
        ValueError: the model has no such tensors.
    """
    return _permuted(model, _is_weight, seed, "weights")


def permuted_biases(model: keras.Model, seed: int = 0) -> list[np.ndarray]:
    """Return a model's weights, the entries of every bias permuted among themselves.

    Biases are those of convolutions and dense layers, and the offsets (beta)
    of normalisations, which stand in for them where a network has those.

    Args:
        model: any model with biases; it is left as it is.
        seed: of the permutations.

    Returns:
        Arrays as `model.set_weights` takes them.

    Raises:
        ValueError: the model has no biases.
    """
    return _permuted(model, _is_bias, seed, "biases")


def permute_weights(model: keras.Model, seed: int = 0) -> keras.Model:
    """Return a twin with the `permuted_weights` of a model.

    Args:
        model: a functional or sequential model; it is left as it is.
        seed: of the permutations.

    Raises:
        ValueError: the model has no weights to permute, or cannot be copied.
    """
    _check(model)
    weights = permuted_weights(model, seed)
    return _twin(model, f"weights permuted, seed {seed}", weights=weights)


def permute_biases(model: keras.Model, seed: int = 0) -> keras.Model:
    """Return a twin with the `permuted_biases` of a model.

    Args:
        model: a functional or sequential model; it is left as it is.
        seed: of the permutations.

    Raises:
        ValueError: the model has no biases, or cannot be copied.
    """
    _check(model)
    weights = permuted_biases(model, seed)
    return _twin(model, f"biases permuted, seed {seed}", weights=weights)


def without_nonlinearity(model: keras.Model) -> keras.Model:
    """Return a twin in which every rectifier (ReLU) is the identity.

    ReLU and ReLU6 are found as layers, as Activation layers, as the activation
    argument of any layer, as functions in the graph, and within nested models
    and wrappers. Layers keep their names; pooling, normalisation and the
    softmax stay.

    Args:
        model: a functional or sequential model; it is left as it is.

    Raises:
        ValueError: the model cannot be copied.

    Warns:
        UserWarning: the model has no rectifiers, so that the twin equals it.
    """
    _check(model)
    config, count = _without_rectifiers(model.get_config())
    if not count:
        warnings.warn(f"{model.name!r} has no ReLU: its twin is a plain copy", stacklevel=2)
    return _twin(model, "no ReLU", config)


def _permuted(
    model: keras.Model, chosen: Callable[[keras.Variable], bool], seed: int, what: str
) -> list[np.ndarray]:
    trainable = {id(v): v for v in model.trainable_weights if chosen(v)}
    if not trainable:
        raise ValueError(f"{model.name!r} has nothing to permute: no trainable {what}")
    rng = np.random.default_rng(seed)
    permuted = {}
    for key, variable in trainable.items():
        values = np.asarray(variable)
        permuted[key] = rng.permutation(values.ravel()).reshape(values.shape)
    return [permuted.get(id(v), np.asarray(v)) for v in model.weights]


def _check(model: keras.Model) -> None:
    if not (isinstance(model, keras.Sequential) or hasattr(model, "operations")):
        raise ValueError(
            f"{model.name!r} is a subclassed model, which has no graph to copy: "
            "twins need a functional or sequential one"
        )


def _twin(
    model: keras.Model,
    change: str,
    config: dict | None = None,
    weights: Sequence[np.ndarray] | None = None,
) -> keras.Model:
    """Copy a model and its card, but for what is given instead: its config or its weights."""
    try:
        twin = type(model).from_config(config or model.get_config())
        if not twin.built:
            twin.build(model.input_shape)
        twin.set_weights(weights or model.get_weights())
    except (TypeError, ValueError) as error:
        raise ValueError(f"{model.name!r} cannot be copied: {error}") from error
    if hasattr(model, "card"):
        title = f"{model.card.title}, {change}"
        twin.card = replace(model.card, title=title)
    return twin


def _without_rectifiers(config: Any) -> tuple[Any, int]:
    """Return a copy of a (nested) config with its rectifiers replaced, and how many there were."""
    if isinstance(config, list | tuple):
        parts = [_without_rectifiers(part) for part in config]
        return type(config)(part for part, _ in parts), sum(count for _, count in parts)
    if not isinstance(config, dict):
        return config, 0
    if config.get("class_name") in RECTIFIER_CLASSES and "config" in config:
        return _identity(config), 1
    kept, total = {}, 0
    for key, value in config.items():
        if key == "activation" and _names_rectifier(value):
            kept[key], count = "linear", 1
        else:
            kept[key], count = _without_rectifiers(value)
        total += count
    return kept, total


def _names_rectifier(activation: Any) -> bool:
    name = activation.get("config") if isinstance(activation, dict) else activation
    return isinstance(name, str) and name in RECTIFIERS


def _identity(rectifier: dict) -> dict:
    """Return the config of an identity layer with the rectifier's name and place in the graph."""
    kept = {
        key: rectifier["config"][key] for key in ("name", "dtype") if key in rectifier["config"]
    }
    identity = {
        "module": "keras.layers",
        "class_name": "Activation",
        "config": kept | {"activation": "linear"},
        "registered_name": None,
    }
    return rectifier | identity


def _is_weight(variable: keras.Variable) -> bool:
    return len(variable.shape) > 1 and variable.name not in OFFSETS


def _is_bias(variable: keras.Variable) -> bool:
    return variable.name in OFFSETS
