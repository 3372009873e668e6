"""Copies of Keras models whose layer names and initial weights depend on nothing but a seed."""

from __future__ import annotations

import gc
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

MakeLayer = Callable[[dict], keras.Layer]

LARGE = 10**6  # parameters from which memory is worth the search for models that are done with


def fresh_copy(
    model: keras.Model, seed: int | None = 0, replace: Mapping[str, MakeLayer] | None = None
) -> keras.Model:
    """Return a copy with the layer names that a fresh process gives, and an input called "input".

    Keras numbers layers without a name through the whole process; in the copy
    the numbers start from the beginning, in the order of creation.

    Args:
        model: a functional model with one input.
        seed: seed of fresh initial weights; None to keep the model's weights.
        replace: what to put instead of a layer, by its name in the copy: a
            function of the layer's config.
    """
    if model.count_params() > LARGE:
        # A model is a cycle of references: one that is done with stays until it is looked for.
        gc.collect()
    replace = replace or {}
    names = _fresh_names(model)
    rng = np.random.default_rng(seed)
    copies = []

    def copy(layer: keras.Layer) -> keras.Layer:
        config = layer.get_config() | {"name": names.get(layer.name, layer.name)}
        if seed is not None:
            _set_seeds(config, rng)
        made = replace.get(config["name"], type(layer).from_config)(config)
        copies.append((layer, made))
        return made

    inputs = keras.Input(model.input_shape[1:], name="input")
    clone = keras.models.clone_model(model, input_tensors=inputs, clone_function=copy)
    if seed is None:
        for layer, made in copies:
            if isinstance(layer, keras.Layer):  # not an operation such as keras.ops.add
                made.set_weights(layer.get_weights())
    return clone


def numbered(stem: str, i: int) -> str:
    """Return Keras' automatic name of the i-th layer of a kind: conv2d, conv2d_1, …"""
    return f"{stem}_{i}" if i else stem


def _fresh_names(model: keras.Model) -> dict[str, str]:
    """Map automatic names ("conv2d_97") to those that a fresh process gives ("conv2d_3")."""
    automatic = defaultdict(list)
    for layer in model.layers:
        stem, number = re.fullmatch(r"(.*?)(?:_(\d+))?", layer.name).groups()
        if stem.replace("_", "") == type(layer).__name__.lower():
            automatic[stem].append((int(number or 0), layer.name))
    return {
        name: numbered(stem, i)
        for stem, found in automatic.items()
        for i, (_, name) in enumerate(sorted(found))
    }


def _set_seeds(config: Any, rng: np.random.Generator) -> None:
    """Give every initialiser that has no seed one of its own, in place, nested models included."""
    if isinstance(config, dict):
        if "seed" in config and config["seed"] is None:
            config["seed"] = int(rng.integers(2**31))
        config = list(config.values())
    if isinstance(config, list):
        for part in config:
            _set_seeds(part, rng)
