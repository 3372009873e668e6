"""Listen in on a Keras model: what each of its layers returns when the model is called."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import keras
import tensorflow as tf


def inputs(model: keras.Model) -> list[str]:
    """Name a model's inputs, in its own order.

    Raises:
        ValueError: the model is not built or has no graph of layers.
    """
    if not getattr(model, "inputs", None):
        raise ValueError(
            f"{model.name!r} has no graph of layers: build it as a functional model, or call "
            "a sequential one once on its input shape"
        )
    return [tensor._keras_history.operation.name for tensor in model.inputs]


def names(model: keras.Model) -> list[str]:
    """Name a model's inputs and layers in depth order, layers of nested models included.

    Raises:
        ValueError: the model is not built or has no graph of layers.
    """
    return [*inputs(model), *_operations(model)]


def tap(
    model: keras.Model,
    layers: Sequence[str],
    reduce: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> Callable[..., list[tf.Tensor]]:
    """Compile a function from the model's inputs to the outputs of the named layers.

    The model is called as a whole, in inference mode, so that whatever it does with its
    inputs, nested models and layers stays as it is; parts that no named layer depends on
    are not computed. The last two functions are kept, so that a second analysis of the
    same layers starts at once; weights may change in between.

    Args:
        model: a functional or sequential model.
        layers: names as `names` gives them.
        reduce: what every output passes before it is returned.

    Returns:
        A concrete function of one array (images, *input shape) per input, which returns
        one float32 tensor per layer.

    Raises:
        ValueError: a layer is called more than once or returns several tensors.
    """
    operations = _operations(model)
    # Exchanging the activation of a layer is the one change in place that models often see.
    state = tuple(getattr(operation, "activation", None) for operation in operations.values())
    return _compiled(model, tuple(layers), reduce, state)


@functools.lru_cache(maxsize=2)
def _compiled(
    model: keras.Model, layers: tuple[str, ...], reduce: Callable | None, state: tuple
) -> Callable[..., list[tf.Tensor]]:
    del state  # part of the cache's key only
    operations = _operations(model)
    structure = model.inputs[0] if isinstance(model, keras.Sequential) else model.input

    def outputs(*arrays: tf.Tensor) -> list[tf.Tensor]:
        given = dict(zip(inputs(model), arrays, strict=True))
        heard = {name: [tf.identity(given[name])] if name in given else [] for name in layers}
        with ExitStack() as stack:
            for name in set(layers) - set(given):
                stack.enter_context(_listening(operations[name], heard[name]))
            model(keras.tree.pack_sequence_as(structure, arrays), training=False)
        found = [tf.cast(_only_tensor(name, heard[name]), tf.float32) for name in layers]
        return found if reduce is None else [reduce(output) for output in found]

    signature = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in model.inputs]
    compiled = tf.function(outputs, input_signature=signature, autograph=False)
    return compiled.get_concrete_function()


def _operations(model: keras.Model, prefix: str = "") -> dict[str, Any]:
    """Map names to operations in depth order; a nested model's come before itself."""
    found = {}
    for operation in getattr(model, "operations", model.layers):
        if isinstance(operation, keras.layers.InputLayer):
            continue
        name = prefix + operation.name
        if isinstance(operation, keras.Sequential) or hasattr(operation, "operations"):
            found |= _operations(operation, name + "/")
        found[name] = operation
    return found


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
