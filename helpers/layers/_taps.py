"""Functions from a Keras model's inputs to what its layers return when the model is called."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from helpers.layers._graph import input_names, operations

# While one thread listens to the layers of a model, another must not.
_LISTENING = threading.Lock()


def tap(
    model: keras.Model,
    layers: Sequence[str],
    reduce: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> Callable[..., list[tf.Tensor]]:
    """Compile a function from the model's inputs to the outputs of the named layers.

    The model is called as a whole, in inference mode, so that whatever it does with its
    inputs, nested models and layers stays as it is; parts that no named layer depends on
    are not computed. The last two functions are kept, so that a second analysis of the
    same layers starts at once. Weights may change in between; where an attribute of a
    layer has changed, such as its activation or slope, the function is compiled anew.

    Args:
        model: a functional or sequential model.
        layers: names as `select` returns them.
        reduce: applied to every output before it is returned.

    Returns:
        A concrete function of one array (images, *input shape) per input, which returns
        one float32 tensor per layer.

    Raises:
        ValueError: a layer is called more than once or returns several tensors.
    """
    state = tuple(_attributes(operation) for operation in operations(model).values())
    with _LISTENING:
        return _compiled(model, tuple(layers), reduce, state)


def forget() -> None:
    """Let go of the functions that `tap` has kept, and of their models."""
    _compiled.cache_clear()


@functools.lru_cache(maxsize=2)
def _compiled(
    model: keras.Model, layers: tuple[str, ...], reduce: Callable | None, state: tuple
) -> Callable[..., list[tf.Tensor]]:
    del state  # part of the cache's key only
    by_name = operations(model)
    structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input

    def outputs(*arrays: tf.Tensor) -> list[tf.Tensor]:
        inputs = dict(zip(input_names(model), arrays, strict=True))
        heard = {name: [tf.identity(inputs[name])] if name in inputs else [] for name in layers}
        with ExitStack() as stack:
            for name in set(layers) - set(inputs):
                stack.enter_context(_listening(by_name[name], heard[name]))
            model(keras.tree.pack_sequence_as(structure, arrays), training=False)
        found = [tf.cast(_only_tensor(name, heard[name]), tf.float32) for name in layers]
        return found if reduce is None else [reduce(output) for output in found]

    signature = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in model.inputs]
    compiled = tf.function(outputs, input_signature=signature, autograph=False)
    return compiled.get_concrete_function()


@dataclass(frozen=True, eq=False)
class _Identity:
    """An attribute that equals nothing but the same object."""

    value: Any

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Identity) and self.value is other.value

    def __hash__(self) -> int:
        return id(self.value)


def _attributes(operation: Any, parents: tuple = ()) -> Hashable:
    """Return an operation's public attributes, plain values by value, anything else by identity.

    Operations among them, such as a layer that serves as another's activation, come with
    their own attributes.
    """
    found: list[Hashable] = []
    for name, value in vars(operation).items():
        if name.startswith("_"):
            continue
        if isinstance(value, keras.Operation) and value not in parents:
            found.append((name, _attributes(value, (*parents, operation))))
        plain = value is None or isinstance(value, bool | int | float | str)
        found.append((name, value if plain else _Identity(value)))
    return tuple(found)


@contextmanager
def _listening(operation: Any, heard: list) -> Iterator[None]:
    """Collect in `heard` what an operation returns whenever it is called."""
    call = operation.call

    def listen(*args: Any, **kwargs: Any) -> Any:
        heard.append(call(*args, **kwargs))
        return heard[-1]

    operation.call = listen
    try:
        yield
    finally:
        del operation.call


def _only_tensor(name: str, outputs: list) -> tf.Tensor:
    if len(outputs) != 1:
        raise ValueError(
            f"layer {name!r} is called {len(outputs)} times in one pass of the model, so that "
            "its output is ambiguous: choose the layers before or after it"
        )
    if not tf.is_tensor(outputs[0]):
        raise ValueError(f"layer {name!r} has several outputs: choose the layers after it")
    return outputs[0]
