from functools import partial

import keras
import numpy as np
import pytest
from keras import layers as kl

from helpers import data, layers
from helpers.layers import _graph
from helpers.models import Card

activations = partial(layers.activations, progress=False)


def test_image_sets_are_preprocessed_as_the_model_says(branched, images, photos):
    set_of_images = photos(images * 255)
    expected = activations(branched, images)
    given = activations(branched, set_of_images, batch_size=3, preprocess=lambda x: x / 255)
    np.testing.assert_allclose(given["mixed"], expected["mixed"], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="pass preprocess="):
        activations(branched, set_of_images)
    branched.card = Card("Net", "random", lambda x: x / 255)
    try:
        by_card = activations(branched, set_of_images)
    finally:
        del branched.card
    np.testing.assert_allclose(by_card["mixed"], expected["mixed"], rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="arrays are taken as preprocessed"):
        activations(branched, images, preprocess=lambda x: x)


def test_images_that_do_not_fit_are_named(branched, images, photos):
    for wrong in (images[:, :5], images[0], (images, images), images[:0]):
        with pytest.raises(ValueError, match=r"do not fit the inputs of 'net'"):
            activations(branched, wrong)
    with pytest.raises(ValueError, match=r"shape \[\(3, 6, 6, 1\)\] do not fit"):
        activations(branched, photos(images), batch_size=3, preprocess=lambda x: x[..., :1])
    with pytest.raises(ValueError, match="empty"):
        activations(branched, photos(images[:0]), preprocess=lambda x: x)
    with pytest.raises(ValueError, match="batch_size=0"):
        activations(branched, images, batch_size=0)
    with pytest.raises(ValueError, match="no layers of 'net' chosen"):
        activations(branched, images, [])


@pytest.mark.parametrize("dtype", [np.float64, np.uint8])
def test_images_of_other_dtypes_are_converted(branched, images, dtype):
    given = (images * 9).astype(dtype)
    expected = activations(branched, given.astype(np.float32))["mixed"]
    np.testing.assert_array_equal(activations(branched, given)["mixed"], expected)


@pytest.mark.parametrize("structure", [list, dict])
def test_several_inputs(structure):
    left, right = keras.Input((2,), name="left"), keras.Input((3,), name="right")
    out = kl.Concatenate(name="both")([right, left])
    inputs = [left, right] if structure is list else {"right": right, "left": left}
    model = keras.Model(inputs, out)
    rng = np.random.default_rng(0)
    a, b = (rng.random((5, n), dtype=np.float32) for n in (2, 3))
    by_name = activations(model, {"right": b, "left": a}, batch_size=2)
    np.testing.assert_array_equal(by_name["both"], np.hstack([b, a]))
    in_order = (a, b) if _graph.input_names(model) == ["left", "right"] else (b, a)
    for ordered in (in_order, list(in_order)):
        np.testing.assert_array_equal(activations(model, ordered)["left"], a)
    with pytest.raises(ValueError, match="do not fit"):
        activations(model, (a, b[:4]))
    with pytest.raises(ValueError, match="no images for input 'right'"):
        activations(model, {"left": a})


def identity_of(dtype):
    image = keras.Input((2,), name="image", dtype=dtype)
    return keras.Model(image, kl.Lambda(lambda x: keras.ops.cast(x, "float32"), name="out")(image))


@pytest.mark.parametrize(
    ("dtype", "values", "problem"),
    [
        ("uint8", [[0.2, 0.7]], "takes uint8, and float64 cannot be converted without loss"),
        ("uint8", [[np.nan, 1]], "takes uint8, and float64 cannot be converted without loss"),
        ("uint8", [[0, 256]], r"takes uint8, which cannot hold .* \(0 to 256\)"),
        ("uint8", [[-1, 3]], r"takes uint8, which cannot hold .* \(-1 to 3\)"),
        ("float32", [[1 + 2j, 3]], "takes float32, and complex128 cannot"),
        ("float32", [["1", "2"]], "takes float32, and <U1 cannot"),
        ("float32", [[1, 2], [np.nan, 0]], "image '1' has NaN or infinite values .*'image'"),
        ("float32", [[1, 2], [0, -np.inf]], "image '1' has NaN or infinite values"),
    ],
)
def test_values_that_the_input_cannot_take_are_refused(dtype, values, problem):
    with pytest.raises(ValueError, match=problem):
        activations(identity_of(dtype), np.array(values))


@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float32"])
@pytest.mark.parametrize("given", [bool, np.uint8, np.int64])
def test_values_that_the_input_can_take_pass_unchanged(dtype, given):
    values = np.array([[0, 1], [1, 1]], given)
    np.testing.assert_array_equal(activations(identity_of(dtype), values)["out"], values)


def test_images_of_a_list_are_one_array_unless_they_differ_in_size(branched, images):
    expected = activations(branched, images, "stem")["stem"]
    np.testing.assert_array_equal(activations(branched, list(images), "stem")["stem"], expected)
    with pytest.raises(ValueError, match="images for 'net' differ in size"):
        activations(branched, [images[0], images[1, :5]])


def test_a_bad_pixel_of_an_image_set_names_its_image(branched, images, photos):
    broken = images.copy()
    broken[4, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="image 'photo 4' has NaN"):
        activations(branched, photos(broken), batch_size=3, preprocess=lambda x: x)


def test_an_image_set_without_preprocessing_is_converted_as_an_array_is():
    pixels = np.random.default_rng(0).integers(0, 256, (3, 6, 6, 3), dtype=np.uint8)
    names = np.array(list("abc"))
    images = data.ImageSet("made", "made", "none", names, names, pixels=pixels)
    image = keras.Input((6, 6, 3))
    model = keras.Model(image, kl.ReLU(name="out")(image))
    found = activations(model, images, "out", preprocess=lambda t: t)["out"]
    np.testing.assert_array_equal(found, pixels)


def test_images_of_different_sizes_are_refused_in_one_batch_only(tmp_path):
    image_module = pytest.importorskip("PIL.Image")
    for i, size in enumerate([(6, 5), (7, 5)]):
        image_module.new("RGB", size, (10, 20, 30 + i)).save(tmp_path / f"{i}.png")
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    names = np.array(["first", "second"])
    images = data.ImageSet("made", "made", "none", names, names, paths=paths)
    any_size = keras.Input((None, None, 3))
    model = keras.Model(any_size, kl.GlobalAveragePooling2D(name="mean")(any_size))
    options = {"preprocess": lambda t: keras.ops.cast(t, "float32")}
    with pytest.raises(ValueError, match="different sizes.*batch_size=1"):
        activations(model, images, "mean", **options)
    found = activations(model, images, "mean", batch_size=1, **options)["mean"]
    np.testing.assert_allclose(found, [[10, 20, 30], [10, 20, 31]])
