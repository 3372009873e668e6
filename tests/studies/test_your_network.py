from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers as kl
from PIL import Image

from helpers import data, layers, models, report
from helpers.metrics import similarity, sparsity
from helpers.studies import your_network as study


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    model, folder = models.mini_inception(), tmp_path_factory.mktemp("kept")
    chosen = ["activation", "mixed3", "avg_pool", "predictions"]
    return study.look(model, data.digits(60), chosen, folder, batch_size=8, progress=False)


def test_what_is_kept_in_shards_is_the_same(seen):
    names = list(seen.places["layer"])
    model = models.mini_inception()
    again = study.look(model, seen.images, names, batch_size=8, progress=False)
    for layer in names:
        np.testing.assert_array_equal(again.sparseness[layer], seen.sparseness[layer])
        np.testing.assert_array_equal(again.histograms[layer].counts, seen.histograms[layer].counts)
        for ours, theirs in zip(again.similar[layer], seen.similar[layer], strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_without_negative_values_silent_is_zero():
    x = np.array([[0, 0.001, 1, 0], [2, 0, 0, 0]], np.float32)
    np.testing.assert_array_equal(study.silenced(x), x)
    gini, active, negative = study.how_sparse(x).T
    np.testing.assert_allclose(gini, sparsity.gini(x, axis=1), atol=1e-5)
    assert active.tolist() == [0.5, 0.25] and negative.tolist() == [0, 0]


def test_with_negative_values_silent_is_what_is_small():
    x = np.array([[-1, 0.05, 1, 0], [3, 0.01, 0, 0]], np.float32)
    # The first image's root mean square is 0.71; the second holds no negative value.
    np.testing.assert_allclose(study.silenced(x), [[1, 0, 1, 0], [3, 0.01, 0, 0]])
    np.testing.assert_allclose(study.silenced(x, 0.05), [[1, 0.05, 1, 0], [3, 0.01, 0, 0]])
    assert study.how_sparse(x)[:, 1:].tolist() == [[0.5, 0.25], [0.5, 0]]


def test_one_pass_finds_what_the_helpers_find_one_by_one(seen):
    model, digits = models.mini_inception(), data.digits(60)
    names = list(seen.places["layer"])
    single = layers.activations(model, digits, names, batch_size=8, progress=False)
    for layer, x in single.items():
        flat = x.reshape(60, -1)
        gini, active, negative = seen.sparseness[layer].T
        np.testing.assert_allclose(gini, sparsity.gini(flat, axis=1), atol=1e-4)
        np.testing.assert_allclose(active, sparsity.active_fraction(flat, axis=1))
        assert not negative.any()
        np.testing.assert_allclose(
            seen.similar[layer].correlation, similarity.correlation(x), atol=1e-5
        )
        assert seen.histograms[layer].total == flat.size
    table = study.sparseness(seen).pivot(
        index=["layer", "image"], columns="measure", values="value"
    )
    parts = (1 - table["active"]) + table["active"] * table["gini_active"]
    np.testing.assert_allclose(parts, table["gini"])


def test_psi_beside_noise_and_accuracy(seen):
    psi = study.category_psi(seen)
    assert len(psi) == 4 * 10
    one = psi.query("layer == 'mixed3'")
    expected = layers.category_responses(
        models.mini_inception(), seen.images, "mixed3", progress=False
    )
    values = sparsity.psi(sparsity.normalise_responses(expected.means["all"]["mixed3"]))
    np.testing.assert_allclose(one["value"], values, rtol=1e-4)
    noise = sparsity.psi_noise(10, 96, repeats=20).mean(axis=1)
    assert one["null_low"].iloc[0] < noise.mean() < one["null_high"].iloc[0]
    found = study.recognised(seen)
    assert found.how == "the network's own answer (predictions)" and found.correct.mean() > 0.95
    wrong = study.Recognised(np.arange(60) % 7 > 2, "a toy")
    r = study.psi_and_accuracy(psi, wrong, seen.images.category).set_index("layer")
    shares = [wrong.correct[seen.images.category == c].mean() for c in np.unique(one["category"])]
    assert np.isclose(r.loc["mixed3", "value"], np.corrcoef(values, shares)[0, 1], atol=1e-4)
    alike = study.psi_and_accuracy(
        psi, study.Recognised(np.ones(60, bool), ""), seen.images.category
    )
    assert alike["value"].isna().all() and not alike["significant"].any()


def test_the_nearest_mean_leaves_the_image_itself_out():
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(30, 4)), rng.integers(3, size=30)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    for i, right in enumerate(study.nearest_mean(x, labels)):
        rest = np.arange(30) != i
        means = [scaled[rest & (labels == c)].mean(axis=0) for c in range(3)]
        assert right == (np.argmin([((scaled[i] - m) ** 2).sum() for m in means]) == labels[i])
    with pytest.raises(ValueError, match="category 'b' has one image"):
        study.nearest_mean(x[:3], ["a", "a", "b"])


def test_without_an_output_per_category_the_last_hidden_layer_decides(seen):
    digits = seen.images
    two = np.where(np.char.isnumeric(digits.category) & (digits.category > "4"), "high", "low")
    other = data.ImageSet("x", "x", "x", digits.names, two, pixels=digits.pixels)
    found = study.recognised(study.Seen(**{**vars(seen), "images": other}))
    assert found.how == "the nearest mean of the other images' channels in avg_pool"


def test_decorrelation_layers_and_references(seen):
    apart = study.decorrelation(seen, repeats=50)
    assert (apart["low"] <= apart["value"]).all() and (apart["value"] <= apart["high"]).all()
    usable, alike = study.layer_by_layer(seen)
    assert usable == list(seen.places["layer"])
    assert all(np.allclose(np.diag(matrix), 1) for matrix in alike.values())
    psi = study.references("psi", seen)
    assert set(psi["name"].str.split(",").str[0]) == {"SqueezeNet", "GoogLeNet", "Inception-v3"}
    last = psi[psi["layer"] == "fire9"]["depth"].item()
    assert last == 2  # on avg_pool, the last hidden layer
    gini = study.references("gini", seen).set_index("layer")
    known = report.load("01_gini_by_image", committed=True).query("measure == 'gini'")
    mean = known.query("layer == 'mixed5' and network == 'Inception-v3 (2015)'")["value"].mean()
    assert np.isclose(gini.loc["mixed5", "value"], mean)
    assert "mixed10" not in gini.index


def test_costs_scale_with_workers_and_images(seen):
    measured = study.costs(models.mini_inception(), data.digits(20), ["mixed0", "mixed3"])
    table = study.on_workers(measured).set_index("workers")
    np.testing.assert_allclose(table["pass_hours"], 50_000 * measured.seconds / 3600 / table.index)
    assert measured.patterns == 4 * (2048 + 1536) / 2
    twice = study.on_workers(measured, images=100_000).set_index("workers")
    assert np.allclose(twice["client_gb"], 4 * table["client_gb"])
    assert np.allclose(twice["reads_tb"], 4 * table["reads_tb"], rtol=0.01)


def image_model(**options):
    x = image = keras.Input((12, 12, 3), name="image")
    if options.get("rescaling"):
        x = kl.Rescaling(1 / 255)(x)
    x = kl.Conv2D(4, 3, activation=options.get("activation", "swish"), name="conv")(x)
    x = options.get("extra", kl.Identity)(name="extra")(x)
    return keras.Model(image, kl.Dense(3, name="end")(kl.GlobalAveragePooling2D()(x)), name="own")


@keras.saving.register_keras_serializable("test")
class Own(kl.Layer):
    def call(self, x):
        return keras.ops.tanh(x)


def photos(folder, categories="abc", each=3):
    for k, category in enumerate(categories):
        (folder / category).mkdir(parents=True)
        for i in range(each):
            pixels = np.random.default_rng(10 * k + i).integers(0, 256, (20, 16, 3), np.uint8)
            Image.fromarray(pixels).save(folder / category / f"{i}.png")
    return data.images_in(folder)


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
def test_a_saved_model_with_a_layer_of_its_own(tmp_path, policy):
    keras.config.set_dtype_policy(policy)
    try:
        image_model(extra=Own).save(tmp_path / "own.keras")
        with pytest.raises(ValueError, match="say what pixels are scaled to"):
            study.network(str(tmp_path / "own.keras"))
        model = study.network(str(tmp_path / "own.keras"), pixels="-1..1")
    finally:
        keras.config.set_dtype_policy("float32")
    assert model.card.sha256 == data.sha256(tmp_path / "own.keras")
    images = photos(tmp_path / "photos")
    chosen = layers.stages(model)
    assert chosen[0] == "extra"
    seen = study.look(model, images, chosen, tmp_path / "kept", progress=False)
    assert (seen.sparseness["extra"][:, 2] > 0).all()
    assert study.recognised(seen).how.startswith("the network's own answer")


def test_pixels_are_scaled_as_the_model_wants(tmp_path):
    image_model(rescaling=True).save(tmp_path / "scaled.keras")
    model = study.network(str(tmp_path / "scaled.keras"))
    white = tf.fill((5, 5, 3), tf.constant(255, tf.uint8))
    np.testing.assert_allclose(model.card.preprocess(white), np.full((12, 12, 3), 255.0))
    for pixels, high, low in (("0..1", 1, 0), ("-1..1", 1, -1)):
        scaled = partial(study.preprocess, size=(4, 4), channels=1, pixels=pixels)
        np.testing.assert_allclose(scaled(white), np.full((4, 4, 1), high), rtol=1e-3)
        np.testing.assert_allclose(scaled(white * 0), np.full((4, 4, 1), low))


def test_what_cannot_be_shown_an_image_is_refused(tmp_path):
    a, b = (keras.Input((4, 4, 3), name=name) for name in "ab")
    with pytest.raises(ValueError, match="has 2 inputs.*takes a tuple of arrays"):
        study.image_shape(keras.Model([a, b], kl.Add()([a, b])))
    vector = keras.Input((4,))
    with pytest.raises(ValueError, match="takes inputs of shape"):
        study.image_shape(keras.Model(vector, kl.Dense(2)(vector)))
    with pytest.raises(FileNotFoundError, match="save the model with"):
        study.network(str(tmp_path / "none.keras"))
    with pytest.raises(ValueError, match="choose 'imagenet' or 'none'"):
        study.network("MobileNetV2", weights="mine")


def test_folders_that_cannot_be_compared_are_refused(tmp_path):
    with pytest.raises(ValueError, match="put them into sub-folders"):
        study.check(photos(tmp_path / "two", "ab"))
    with pytest.raises(ValueError, match="categories with one image only: a, b, c"):
        study.check(photos(tmp_path / "one", "abc", each=1))


def test_an_architecture_of_keras_applications(tmp_path):
    model = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), weights=None, classes=3, minimalistic=True
    )
    preprocess = partial(study.preprocess, size=(32, 32), channels=3, pixels="0..255")
    model.card = models.Card("small", "random", preprocess)
    chosen = layers.stages(model)
    seen = study.look(model, photos(tmp_path / "p"), chosen, tmp_path / "kept", progress=False)
    signed = [name for name, found in seen.sparseness.items() if found[:, 2].any()]
    assert "expanded_conv_2_add" in signed
    study.draw_histograms(seen)
    assert np.isfinite(study.sparseness(seen).query("measure == 'gini'")["value"]).all()
