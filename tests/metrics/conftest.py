"""Layers in which images of a group share a pattern, for the tests of groups."""

import numpy as np
import pytest


@pytest.fixture(scope="session")
def groups():
    return np.repeat(["a", "b", "c"], [5, 4, 3])


@pytest.fixture(scope="session")
def grouped(groups):
    def layers(seed, signal=(0.0, 2.0)):
        """One layer per value of signal: how strongly images of a group share a pattern."""
        rng = np.random.default_rng(seed)
        group = np.unique(groups, return_inverse=True)[1]
        shared = rng.normal(size=(3, 30))[group]
        return [np.corrcoef(each * shared + rng.normal(size=shared.shape)) for each in signal]

    return layers
