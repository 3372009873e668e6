"""Training recorded at 20 steps, in 13 layers, by 2 measures / training alone, at most 1.25."""

from __future__ import annotations

from functools import partial

import keras
import numpy as np

from benchmarks.common import compare
from helpers import layers, models
from helpers.metrics import sparsity

STEPS, BATCH, PROBE = 200, 64, 200
LAYERS = ["input", *models.RUPPRECHT_LAYERS, "avg_pool", "logits"]
MEASURES = {
    "gini": lambda x: sparsity.gini(np.abs(x).reshape(len(x), -1), axis=1),
    "active": lambda x: sparsity.active_fraction(x.reshape(len(x), -1), axis=1),
}


def train(x: np.ndarray, y: np.ndarray, recorded: bool) -> None:
    """Train a mini-Inception from its start."""
    model = models.mini_inception(trained=False, side=28, logits=True)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    names = layers.select(model, LAYERS, missing="skip")
    steps = layers.log_steps(STEPS)
    recorder = layers.Recorder(x[:PROBE], names, measures=MEASURES, steps=steps)
    model.fit(x, y, batch_size=BATCH, verbose=0, callbacks=[recorder] if recorded else [])


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.random((STEPS * BATCH, 28, 28, 1), dtype=np.float32)
    y = rng.integers(0, 10, len(x))
    recorded, plain = (partial(train, x, y, recorded=r) for r in (True, False))
    print(f"mini-Inception, {STEPS} steps of {BATCH} images, {PROBE} images recorded")
    name = "training recorded / training"
    compare(name, recorded, plain, target=1.25, repeats=1, warm_up=False)


if __name__ == "__main__":
    main()
