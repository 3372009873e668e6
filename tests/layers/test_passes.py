import weakref
from functools import partial

import keras
import numpy as np
import pytest
from keras import layers as kl

from helpers import layers
from helpers.layers import _memory, _stream
from helpers.metrics import sparsity

activations = partial(layers.activations, progress=False)


def test_activations_are_those_of_all_batches_in_depth_order(branched, images):
    found = activations(branched, images, ["pool", "stem"], batch_size=3)
    assert list(found) == ["stem", "pool"]
    for name, x in found.items():
        parts = layers.stream(branched, images, name, batch_size=3, progress=False)
        np.testing.assert_array_equal(x, np.concatenate([b.activations[name] for b in parts]))
    pooled = activations(branched, images, "stem", reduce=layers.spatial_mean)["stem"]
    np.testing.assert_allclose(pooled, found["stem"].mean(axis=(1, 2)), rtol=1e-5)
    np.testing.assert_allclose(layers.channel_means(found["stem"]), pooled, rtol=1e-5)
    np.testing.assert_array_equal(layers.channel_means(found["pool"]), found["pool"])


def test_activations_that_do_not_fit_into_memory_are_refused_beforehand(branched, images, photos):
    needed = 4 * len(images) * (6 * 6 * 3 + 4)
    assert activations(branched, images, ["stem", "pool"], max_bytes=needed)
    never = photos(images)
    never.tensors = None  # no image is asked for
    with pytest.raises(MemoryError, match=rf"{needed:,} bytes.*`layers.stream`"):
        activations(branched, never, ["stem", "pool"], max_bytes=needed - 1, preprocess=lambda x: x)
    image = keras.Input((None, None, 2))
    any_size = keras.Model(image, kl.ReLU(name="same")(image))
    with pytest.raises(MemoryError, match=f"{4 * images.size:,} bytes"):
        activations(any_size, images, "same", max_bytes=4 * images.size - 1)


def test_the_limit_is_what_is_available(branched, images, monkeypatch):
    monkeypatch.setattr(_memory, "available", lambda: 10)
    with pytest.raises(MemoryError, match="more than the 10 allowed"):
        activations(branched, images)


class Sizes:
    """An image set whose second image is larger than the first."""

    names = np.array(["small", "large"])
    category = np.array(["a", "b"])

    def __len__(self):
        return 2

    def tensors(self, preprocess, batch_size):
        for side in (4, 5):
            yield preprocess(np.ones((1, side, side, 2), np.float32))


def test_batches_whose_shape_changes():
    image = keras.Input((None, None, 2))
    x = kl.ReLU(name="same")(image)
    model = keras.Model(image, kl.GlobalAveragePooling2D(name="mean")(x))
    options = {"preprocess": lambda x: x, "progress": False}
    problem = r"'same' have shape \(4, 4, 2\) for the first images but \(5, 5, 2\) from image 1 on"
    with pytest.raises(ValueError, match=problem):
        layers.activations(model, Sizes(), "same", **options)
    assert layers.activations(model, Sizes(), "mean", **options)["mean"].shape == (2, 2)
    table = layers.measure(model, Sizes(), measures={"gini": sparsity.gini}, **options)
    assert table.query("layer == 'same'")["units"].tolist() == [32, 50]
    assert table.query("layer == 'mean'")["units"].tolist() == [2, 2]


def test_measure_gives_a_tidy_table(branched, images, photos):
    seen = photos(images)
    chosen = ["pool", "stem"]
    measures = {"gini": sparsity.gini, "active": sparsity.active_fraction}
    options = {"batch_size": 3, "preprocess": lambda x: x, "progress": False}
    table = layers.measure(branched, seen, chosen, measures=measures, **options)
    assert list(table) == [
        "network",
        "layer",
        "depth",
        "units",
        "image",
        "category",
        "measure",
        "value",
    ]
    assert len(table) == 2 * 2 * 7
    assert table.groupby("layer")[["depth", "units"]].first().to_dict("index") == {
        "stem": {"depth": 0, "units": 108},
        "pool": {"depth": 1, "units": 4},
    }
    found = activations(branched, images, chosen)
    for (layer, measure), rows in table.groupby(["layer", "measure"]):
        assert list(rows.image) == list(seen.names)
        assert list(rows.category) == list(seen.category)
        expected = [measures[measure](x) for x in found[layer]]
        np.testing.assert_allclose(rows.value, expected, rtol=1e-5)
    assert set(table.network) == {"net"}


def test_measure_names_the_layer_and_image_it_cannot_measure(branched, images, photos):
    broken = images.copy()
    broken[4, 0, 0, 0] = -1
    with pytest.raises(ValueError, match=r"gini of layer 'image', image 'photo 4': .*negative"):
        layers.measure(
            branched,
            photos(broken),
            "image",
            measures={"gini": sparsity.gini},
            batch_size=3,
            preprocess=lambda x: x,
            progress=False,
        )


def test_accumulators_see_every_image_of_their_layer(branched, images):
    class Total:
        def __init__(self):
            self.images, self.sum = 0, 0.0

        def update(self, x):
            self.images += len(x)
            self.sum += x.sum(axis=0)

    made = layers.accumulate(
        branched, images, ["mixed", "pool"], {"total": Total}, batch_size=2, progress=False
    )
    assert [*made] == ["mixed", "pool"]
    found = activations(branched, images)
    for layer, by_name in made.items():
        assert by_name["total"].images == 7
        np.testing.assert_allclose(by_name["total"].sum, found[layer].sum(axis=0), rtol=1e-5)


def test_measures_that_are_none_are_refused(branched, images):
    with pytest.raises(ValueError, match="no measures"):
        layers.measure(branched, images, "pool", measures={}, progress=False)
    total = {"total": lambda x, axis: x.sum()}
    with pytest.raises(ValueError, match=r"total of layer 'pool' has shape \(\) for 7 images"):
        layers.measure(branched, images, "pool", measures=total, progress=False)


def test_an_accumulator_that_refuses_names_its_layer(branched, images):
    class Picky:
        def update(self, x):
            raise ValueError("not these")

    with pytest.raises(ValueError, match="layer 'stem': not these"):
        layers.accumulate(branched, images, "stem", {"picky": Picky}, progress=False)


def alive_before_each_batch(monkeypatch, run):
    """Count, whenever a pass asks for its next batch, the arrays of earlier ones still alive."""
    made, alive = [], []
    original = _stream.tap

    def tap(*args):
        function = original(*args)

        def counted(*arrays):
            alive.append(sum(reference() is not None for reference in made))
            found = [np.array(x) for x in function(*arrays)]
            made.extend(map(weakref.ref, found))
            return found

        counted.structured_outputs = function.structured_outputs
        return counted

    monkeypatch.setattr(_stream, "tap", tap)
    run()
    return alive


class Nothing:
    def update(self, x):
        pass


@pytest.mark.parametrize(
    "run",
    [
        partial(layers.activations),
        partial(layers.accumulate, accumulators={"nothing": Nothing}),
        partial(layers.measure, measures={"sum": np.sum}),
    ],
    ids=["activations", "accumulate", "measure"],
)
def test_a_pass_lets_go_of_a_batch_before_the_next_is_computed(run, branched, images, monkeypatch):
    run = partial(run, branched, images, layers=["stem", "mixed", "pool"], batch_size=2)
    alive = alive_before_each_batch(monkeypatch, partial(run, progress=False))
    assert len(alive) == 4
    assert max(alive) <= 1  # the last layer's array still has its name in the loop
