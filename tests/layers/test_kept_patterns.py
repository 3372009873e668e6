import pickle
import sys
from functools import partial

import numpy as np
import pytest

from helpers import data, layers, models
from helpers.metrics import similarity

pytest.importorskip("zarr")


class Here:
    """What `similarity` asks of a client, in this process."""

    class Done:
        def __init__(self, value):
            self.value = value

        def result(self):
            return self.value

    def submit(self, function, *arguments, pure):
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        return self.Done(function(*arguments))


def test_shards_are_compared_as_in_one_pass_here_and_in_tiles(tmp_path):
    network, digits = models.mini_inception(), data.digits(50)
    chosen = ["activation", "mixed3", "predictions"]
    options = {"batch_size": 8, "progress": False}
    single = similarity.matrices(layers.stream(network, digits, chosen, **options), len(digits))
    take = {"patterns": partial(layers.KeptPatterns, tmp_path / "patterns")}
    kept = layers.accumulate(network, digits, chosen, take, keep=tmp_path / "kept", **options)
    for layer, expected in single.items():
        for client in (None, Here()):
            found = kept[layer]["patterns"].similarity(layer, client)
            for ours, theirs in zip(found, expected, strict=True):
                np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_what_travels_is_small_and_no_activations(tmp_path):
    patterns = layers.KeptPatterns(tmp_path)
    x = np.random.default_rng(0).random((4, 100, 100)).astype(np.float32)
    patterns.update(x)
    assert len(pickle.dumps(patterns)) < 2000
    expected = np.corrcoef(x.reshape(4, -1))
    np.testing.assert_allclose(pickle.loads(pickle.dumps(patterns)).similarity()[0], expected,
                               atol=1e-6)  # fmt: skip


def test_other_units_are_refused(tmp_path):
    one, two = (layers.KeptPatterns(tmp_path) for _ in range(2))
    one.update(np.ones((2, 3)))
    two.update(np.ones((2, 4)))
    with pytest.raises(ValueError, match="4 units cannot join 3"):
        one.merge(two)
    with pytest.raises(ValueError, match="4 units came after one of 3"):
        one.update(np.ones((2, 4)))


def test_without_zarr(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "zarr", None)
    with pytest.raises(ImportError, match=r"layer-notebooks\[cluster\]"):
        layers.KeptPatterns(tmp_path)
