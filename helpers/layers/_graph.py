"""Names of a model's layers and what they depend on, read from its graph."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import keras


def select(
    model: keras.Model, patterns: str | Iterable[str] | None = None, missing: str = "raise"
) -> list[str]:
    """Choose layers by name or shell pattern.

    Args:
        model: a functional or sequential model. A layer of a nested model is named
            "nested/layer"; an input goes by the name of its input layer.
        patterns: names or patterns such as "mixed*" or "activation_[1-4]"; None for all
            layers. A layer of exactly that name takes precedence over a pattern.
        missing: what to do with a pattern that no layer matches: "raise" or "skip".

    Returns:
        The names, each once, in depth order: a layer comes after all that feed it.

    Raises:
        TypeError: `model` is not a Keras model, or a pattern is not a string.
        ValueError: a pattern matches no layer (the nearest names are suggested), or the
            model is not built or has no graph of layers.
    """
    if missing not in ("raise", "skip"):
        raise ValueError(f"missing={missing!r}: choose 'raise' or 'skip'")
    names = [*input_names(model), *operations(model)]
    if patterns is None:
        return names
    chosen: set[str] = set()
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        if not isinstance(pattern, str):
            raise TypeError(f"layers are chosen by name or pattern, got {pattern!r}")
        if pattern in names:
            matched = {pattern}
        else:
            matched = {name for name in names if fnmatchcase(name, pattern)}
        if not matched and missing == "raise":
            near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.4)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ValueError(f"no layer of {model.name!r} is named or matches {pattern!r}{hint}")
        chosen |= matched
    return [name for name in names if name in chosen]


def input_names(model: keras.Model) -> list[str]:
    """Return the names of a model's inputs, in its own order.

    Raises:
        TypeError: `model` is not a Keras model.
        ValueError: the model is not built or has no graph of layers.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"expected a Keras model, got {type(model).__name__}")
    if not getattr(model, "inputs", None):
        raise ValueError(
            f"{model.name!r} has no graph of layers: build it as a functional model, or call "
            "a sequential one once on its input shape"
        )
    return [tensor._keras_history.operation.name for tensor in model.inputs]


def operations(model: keras.Model, prefix: str = "") -> dict[str, Any]:
    """Map names to operations in depth order; those of a nested model come before itself."""
    found = {}
    for operation in getattr(model, "operations", model.layers):
        if isinstance(operation, keras.layers.InputLayer):
            continue
        name = prefix + operation.name
        if isinstance(operation, keras.Sequential) or hasattr(operation, "operations"):
            found |= operations(operation, name + "/")
        found[name] = operation
    return found


def parents(operation: Any) -> list[Any]:
    """Return the operations whose outputs enter an operation."""
    if isinstance(operation, keras.layers.InputLayer):
        return []
    return [tensor._keras_history.operation for tensor in keras.tree.flatten(operation.input)]


def upstream(operation: Any) -> list[Any]:
    """Return an operation and everything that it depends on, each once."""
    found, waiting = {}, [operation]
    while waiting:
        each = waiting.pop()
        if id(each) not in found:
            found[id(each)] = each
            waiting += parents(each)
    return list(found.values())


def card(model: keras.Model) -> Any:
    """Return what a network says about itself (`models.Card`); None if it has no card."""
    return getattr(model, "card", None)


def title(model: keras.Model) -> str:
    """Return a network's title for captions: that of its card, else the model's name."""
    about = card(model)
    return about.title if about else model.name
