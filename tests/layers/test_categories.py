import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import layers
from helpers.data import ImageSet
from helpers.metrics import accuracy
from helpers.models import Card


def image_set(labels):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (len(labels), 6, 5, 3), dtype=np.uint8)
    names = np.arange(len(labels)).astype(str)
    return ImageSet("made", "made", "none", names, np.array(labels), pixels=pixels)


@pytest.fixture
def model():
    inputs = keras.Input((6, 5, 3), name="input")
    x = keras.layers.Conv2D(4, 3, activation="relu", name="conv")(inputs)
    x = keras.layers.Conv2D(7, 2, activation="relu", name="last")(x)
    x = keras.layers.GlobalAveragePooling2D(name="pool")(x)
    made = keras.Model(inputs, keras.layers.Dense(3, name="dense")(x))
    made.card = Card("made", "random", lambda image: keras.ops.cast(image, "float32") / 255)
    return made


@given(
    st.lists(st.sampled_from("abc"), min_size=1, max_size=12),
    st.integers(1, 5),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_means_are_those_written_out_whatever_the_batches(labels, batch, seed):
    x = np.random.default_rng(seed).normal(size=(len(labels), 2, 3, 4)).astype("float32")
    accumulator = layers.CategoryMeans(labels)
    for start in range(0, len(x), batch):
        accumulator.update(x[start : start + batch])
    written_out = [
        np.mean([x[i].astype(float).mean(axis=(0, 1)) for i, c in enumerate(labels) if c == k], 0)
        for k in sorted(set(labels))
    ]
    np.testing.assert_allclose(accumulator.means, written_out, atol=1e-12)
    assert accumulator.counts.sum() == len(labels)


def test_only_chosen_images_count():
    x = np.arange(12.0).reshape(6, 2)
    labels = np.array(list("abbaab"))
    chosen = np.array([1, 1, 0, 0, 1, 1], bool)
    accumulator = layers.CategoryMeans(labels, chosen)
    accumulator.update(x)
    alone = layers.CategoryMeans(labels[chosen])
    alone.update(x[chosen])
    np.testing.assert_array_equal(accumulator.means, alone.means)


def test_halves_average_to_the_whole():
    x = np.random.default_rng(0).normal(size=(8, 3))
    labels = np.repeat(["a", "b"], 4)
    odd = np.arange(8) % 2 == 1
    means = []
    for chosen in (None, odd, ~odd):
        accumulator = layers.CategoryMeans(labels, chosen)
        accumulator.update(x)
        means.append(accumulator.means)
    np.testing.assert_allclose(means[0], (means[1] + means[2]) / 2)


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="'b' has no chosen image"):
        layers.CategoryMeans(["a", "b"], [True, False])
    with pytest.raises(ValueError, match="non-empty vector"):
        layers.CategoryMeans([])
    accumulator = layers.CategoryMeans(["a", "b"])
    accumulator.update(np.ones((1, 2)))
    with pytest.raises(ValueError, match="only 1 of 2"):
        _ = accumulator.means
    with pytest.raises(ValueError, match="image 1 has NaN"):
        accumulator.update(np.array([[np.nan, 1]]))
    accumulator.update(np.ones((1, 2)))
    with pytest.raises(ValueError, match="more images"):
        accumulator.update(np.ones((1, 2)))


def test_one_pass_gives_what_separate_ones_would(model):
    images = image_set(list("abcabcaab"))
    first = accuracy.rank_within(images.category) < 2
    seen = layers.category_responses(model, images, ["conv", "last"], "pool", {"first": first},
                              batch_size=4, progress=False)  # fmt: skip
    maps = [b.activations["last"] for b in layers.stream(model, images, "last")]
    means = np.concatenate(maps).mean(axis=(1, 2))
    written_out = [means[images.category == c].mean(axis=0) for c in "abc"]
    np.testing.assert_allclose(seen.means["all"]["last"], written_out, rtol=1e-5)
    np.testing.assert_allclose(seen.features, means, rtol=1e-5)
    alone = layers.category_responses(model, images[first], ["last"], progress=False)
    np.testing.assert_allclose(seen.means["first"]["last"], alone.means["all"]["last"], rtol=1e-5)
    assert seen.network == "made" and alone.features is None


def test_a_bad_activation_names_its_layer(model):
    dense = model.get_layer("dense")  # a ReLU may turn NaN into 0
    dense.set_weights([w * np.nan for w in dense.get_weights()])
    with pytest.raises(ValueError, match="layer 'dense': image 0 has NaN"):
        layers.category_responses(model, image_set(list("ab")), ["conv", "dense"], progress=False)


def test_another_number_of_channels_is_refused():
    accumulator = layers.CategoryMeans(["a", "b"])
    accumulator.update(np.ones((1, 2)))
    with pytest.raises(ValueError, match="3 channels after batches of 2"):
        accumulator.update(np.ones((1, 3)))


def test_means_of_parts_join_to_those_of_all():
    x = np.random.default_rng(0).normal(size=(7, 2, 3))
    labels, chosen = np.array(list("bacbbac")), np.arange(7) != 3
    whole = layers.CategoryMeans(labels, chosen)
    whole.update(x)
    parts = [
        layers.CategoryMeans(labels[part], chosen[part], whole.categories)
        for part in (slice(0, 1), slice(1, 5), slice(5, 7))
    ]
    for part, seen in zip(parts, (x[:1], x[1:5], x[5:]), strict=True):
        part.update(seen)
    parts[0].merge(parts[1])
    parts[0].merge(parts[2])
    np.testing.assert_allclose(parts[0].means, whole.means, rtol=1e-12)
    assert (parts[0].counts == whole.counts).all()


def test_means_that_do_not_fit_are_not_joined():
    one = layers.CategoryMeans(["a", "b"])
    with pytest.raises(ValueError, match="only 0 of 2 images have come"):
        one.merge(one)
    one.update(np.ones((2, 3)))
    for labels, channels, message in (("ac", 3, "same categories"), ("ab", 4, "cannot join")):
        other = layers.CategoryMeans(list(labels))
        other.update(np.ones((2, channels)))
        with pytest.raises(ValueError, match=message):
            one.merge(other)
