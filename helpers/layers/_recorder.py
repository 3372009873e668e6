"""Measures of layers while a network learns."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import keras
import numpy as np
import pandas as pd

from helpers.layers._graph import operations, select
from helpers.layers._passes import activations

COLUMNS = ["step", "layer", "depth", "measure", "image", "value"]


def log_steps(last: int, count: int = 20) -> list[int]:
    """Return steps for a `Recorder`: 0, 1 and on to the last, evenly spaced on a log scale.

    Args:
        last: the last step, at least 1: epochs × steps per epoch.
        count: how many; fewer come back where rounding makes neighbours the same.
    """
    if last < 1 or count < 2:
        raise ValueError(f"last={last!r}, count={count!r}: give at least 1 and 2")
    return [0, *np.unique(np.geomspace(1, last, count - 1).round().astype(int)).tolist()]


class Recorder(keras.callbacks.Callback):
    """Measure layers on a fixed set of images at chosen steps of training.

    A callback for `model.fit`, which leaves training as it is: weights with and without it
    are the same to the last bit. The images pass in inference mode. A step is one update of
    the weights, as the optimizer counts them, so that a second `fit` of the same compiled
    model goes on where the first one stopped; step 0 is before the first update.

    >>> seen = layers.Recorder(images, "mixed*", measures={"active": share}, steps=[0, 10, 100])
    >>> model.fit(x, y, callbacks=[seen])
    >>> seen.table

    Attributes:
        steps_seen: the steps recorded so far, ascending.
    """

    def __init__(
        self,
        images: Any,
        layers: str | Iterable[str] | None = None,
        *,
        measures: Mapping[str, Callable[[np.ndarray], Any]] | None = None,
        keep: Mapping[str, Callable[[np.ndarray], np.ndarray]] | None = None,
        weights: Mapping[str, Callable[[np.ndarray], float]] | None = None,
        steps: Iterable[int] | None = None,
        batch_size: int | None = None,
    ) -> None:
        """Choose what to record; nothing is computed before training starts.

        Args:
            images: the fixed set of images, as for `activations`.
            layers: names or patterns as in `select`; None for all layers.
            measures: name -> f(x (images, *layer shape)) -> (images,) or one number, for
                `table`.
            keep: name -> f(x) -> array of any one shape, such as a matrix of images, for
                `kept`.
            weights: name -> f(kernel) -> one number, for `table`; every layer that has a
                kernel is measured, whatever `layers` says.
            steps: when to record; None for 0, 1, 2, 3, 4, 6, 8, 12, 16 … and the last step of
                every `fit`. A step that training does not reach is not recorded (`pending`).
            batch_size: images per pass; default: see `stream`.

        Raises:
            ValueError: nothing to record, no or negative steps, or a name that comes twice.
            TypeError: a step that is not a whole number.
        """
        super().__init__()
        self._measures, self._keep = dict(measures or {}), dict(keep or {})
        self._weights = dict(weights or {})
        names = [*self._measures, *self._keep, *self._weights]
        if not names or len(set(names)) < len(names):
            raise ValueError(f"measures, keep and weights need names of their own, got {names}")
        self._steps = None if steps is None else _whole(steps)
        self._images, self._layers, self._batch_size = images, layers, batch_size
        self._names: list[str] = []
        self._parts: list[pd.DataFrame] = []
        self._arrays: dict[tuple[str, str], list[np.ndarray]] = {}
        self.steps_seen: list[int] = []

    @property
    def table(self) -> pd.DataFrame:
        """What `measures` and `weights` found, in long form.

        Columns: step, layer, depth (place among the chosen layers, or among those with a
        kernel), measure, image (its index; -1 where the value is one number for all), value.
        """
        if not self._parts:
            return pd.DataFrame(columns=COLUMNS)
        return pd.concat(self._parts, ignore_index=True)

    @property
    def kept(self) -> dict[tuple[str, str], np.ndarray]:
        """What `keep` found: (name, layer) -> array (steps, …), the steps of `steps_seen`.

        Put together anew, and copied, whenever it is asked for.
        """
        return {key: np.stack(found) for key, found in self._arrays.items()}

    @property
    def pending(self) -> list[int]:
        """The steps asked for that training has not reached yet; none for the default steps."""
        return sorted((self._steps or set()) - set(self.steps_seen))

    def on_train_begin(self, logs: dict | None = None) -> None:
        """Check that layers and steps can be had, and record the step that training starts at."""
        self._names = select(self.model, self._layers)
        # The optimizer's steps pass unseen within one execution of several.
        if getattr(self.model, "steps_per_execution", 1) > 1:
            raise ValueError(
                f"steps_per_execution={self.model.steps_per_execution} hides the steps in "
                "between: compile the model with steps_per_execution=1"
            )
        step = self._now()
        if self.steps_seen and step < self.steps_seen[-1]:
            raise ValueError(
                f"the model is at step {step}, and step {self.steps_seen[-1]} is recorded already: "
                "it was compiled anew, so use a new Recorder"
            )
        self._record_if_asked(step)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        """Record, if this step was asked for."""
        self._record_if_asked(self._now())

    def on_train_end(self, logs: dict | None = None) -> None:
        """Record the last step, if no steps were asked for."""
        if self._steps is None:
            self._record(self._now())

    def _now(self) -> int:
        return int(self.model.optimizer.iterations.numpy())

    def _record_if_asked(self, step: int) -> None:
        if step in self._steps if self._steps is not None else _half_doubling(step):
            self._record(step)

    def _record(self, step: int) -> None:
        if step in self.steps_seen[-1:]:
            return
        if self._measures or self._keep:
            options = {"batch_size": self._batch_size, "progress": False}
            found = activations(self.model, self._images, self._names, **options)
            for depth, (layer, x) in enumerate(found.items()):
                for name, measure in self._measures.items():
                    self._add(step, layer, depth, name, _values(measure(x), name, layer, len(x)))
                for name, function in self._keep.items():
                    self._arrays.setdefault((name, layer), []).append(np.array(function(x)))
        for depth, (layer, kernel) in enumerate(_kernels(self.model) if self._weights else ()):
            for name, measure in self._weights.items():
                self._add(step, layer, depth, name, _values(measure(kernel), name, layer))
        self.steps_seen.append(step)

    def _add(self, step: int, layer: str, depth: int, name: str, values: np.ndarray) -> None:
        image = np.arange(len(values)) if values.ndim else -1
        rows = {"step": step, "layer": layer, "depth": depth, "measure": name}
        rows |= {"image": image, "value": np.atleast_1d(values)}
        self._parts.append(pd.DataFrame(rows, columns=COLUMNS))


def _whole(steps: Iterable[int]) -> set[int]:
    whole = {operator.index(step) for step in steps}
    if not whole or min(whole) < 0:
        raise ValueError(f"steps={sorted(whole)}: give at least one, 0 or more")
    return whole


def _half_doubling(step: int) -> bool:
    """Whether a step is 0, 2^k or 3 · 2^k: two steps per doubling."""
    odd = step & -step
    return step == 0 or step // odd in (1, 3)


def _values(found: Any, name: str, layer: str, images: int | None = None) -> np.ndarray:
    """Return a measure's result, one number or one per image, as float."""
    values = np.asarray(found, float)
    if values.ndim == 0 or (images is not None and values.shape == (images,)):
        return values
    per_image = f" or {images}, one per image" if images is not None else ""
    raise ValueError(
        f"{name} of layer {layer!r} has shape {values.shape}: return one number{per_image}"
        + ("; for arrays there is keep=" if images is not None else "")
    )


def _kernels(model: keras.Model) -> list[tuple[str, np.ndarray]]:
    kernels = [(name, getattr(layer, "kernel", None)) for name, layer in operations(model).items()]
    return [(name, kernel.numpy()) for name, kernel in kernels if kernel is not None]
