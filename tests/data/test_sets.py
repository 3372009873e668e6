"""The loaders of image sets and arrays."""

import io
import os
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers import data, project
from helpers.data import _fetching, _registry

IMAGE_SETS = {
    "guest-love-2017": (data.guest_love_photos, 40, 8),
    "imagenet-sample-images": (data.imagenet_samples, 500, 500),
    "caltech-101": (data.caltech101, 2525, 101),
    "rupprecht-2017-basis": (data.rupprecht_pictures, 7, 1),
}


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 30), (shade, shade, shade)).save(buffer, "jpeg")
    return buffer.getvalue()


def test_photos_come_in_the_order_of_the_registry(tables):
    paths = ["guest-love-2017/tiger/Big_(2).jpg", "guest-love-2017/banjo/b.c.JPG"]
    tables({path: jpeg(100 * i) for i, path in enumerate(paths)})
    photos = data.guest_love_photos()
    assert list(photos.names) == ["Big_(2)", "b.c"]
    assert list(photos.category) == ["tiger", "banjo"]
    assert photos[1].mean() == pytest.approx(100, abs=1)


def test_any_registered_images_load_by_the_name_of_their_set(tables):
    tables({"rupprecht-2017-basis/cats/a.png": b"", "rupprecht-2017-basis/dogs/b.png": b""})
    images = data.image_set("rupprecht-2017-basis")
    assert images.category.tolist() == ["cats", "dogs"] and images.names.tolist() == ["a", "b"]
    with pytest.raises(ValueError, match="no data set is called 'nothing'"):
        data.image_set("nothing")


def test_imagenet_names_are_wordnet_ids_and_categories_english(tables):
    tables({"imagenet-sample-images/n01484850_great_white_shark.JPEG": jpeg(0)})
    samples = data.imagenet_samples()
    assert list(samples.names) == ["n01484850"]
    assert list(samples.category) == ["great white shark"]


def test_caltech_takes_the_first_images_of_each_category(tables):
    def path(category, i):
        return f"{category}/image_{i:04d}.jpg"

    tables({f"caltech-101/{path(c, i)}": jpeg(i) for c in ("ant", "Faces") for i in range(1, 26)})
    assert list(data.caltech101(2).names) == [
        f"{c}/image_000{i}" for c in ("ant", "Faces") for i in (1, 2)
    ]


@pytest.mark.parametrize("number", [0, 26, 25.5, "3", None])
def test_caltech_refuses_a_number_of_images_it_cannot_give(number, monkeypatch):
    monkeypatch.setattr(_fetching, "_fetch_archive", pytest.fail)
    with pytest.raises(ValueError, match=f"per_category={number!r}: choose 1 to 25"):
        data.caltech101(number)


def splits() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 6), ("test", 2)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(0, 10, n, dtype=np.uint8)
    return arrays


@pytest.fixture
def mnist_file(tables):
    """A small mnist.npz in place, and the registry that goes with it."""
    arrays = splits()
    tables({f"mnist/{name}": array.tobytes() for name, array in arrays.items()})
    path = project.downloads() / "mnist.npz"
    np.savez_compressed(path, **arrays)
    return path


def test_mnist_is_read_from_the_local_file(mnist_file):
    loaded = data.mnist()
    for name, array in splits().items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
    assert loaded.class_names == tuple("0123456789")
    assert loaded.licence == "CC BY-SA 3.0"


def test_without_a_local_file_mnist_comes_from_keras_and_is_checked(mnist_file, monkeypatch):
    mnist_file.unlink()
    a = splits()
    given = (a["x_train"], a["y_train"]), (a["x_test"], a["y_test"])
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: given)
    np.testing.assert_array_equal(data.mnist().y_test, a["y_test"])
    a["x_train"][0, 0, 0] ^= 1
    with pytest.raises(ValueError, match="mnist: the array x_train is not that of MNIST"):
        data.mnist()


def test_without_file_and_network_mnist_names_the_place(mnist_file, monkeypatch):
    def load_data():
        raise Exception("URL fetch failure")

    mnist_file.unlink()
    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    with pytest.raises(data.FetchError, match="URL fetch failure") as caught:
        data.mnist()
    assert str(mnist_file) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_a_damaged_local_mnist_is_named(mnist_file, content):
    half = mnist_file.read_bytes()[: mnist_file.stat().st_size // 2]
    mnist_file.write_bytes(half if content is None else content)
    with pytest.raises(ValueError, match="mnist.npz is damaged"):
        data.mnist()


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, TypeError])
def test_whatever_error_a_damaged_mnist_causes_the_file_is_named(mnist_file, monkeypatch, error):
    def load(*_, **__):
        raise error("File is encrypted")

    monkeypatch.setattr(np, "load", load)
    with pytest.raises(ValueError, match="mnist.npz is damaged .*encrypted"):
        data.mnist()


def test_another_array_in_the_local_mnist_is_refused(mnist_file):
    arrays = splits()
    arrays["y_test"] += 1
    np.savez(mnist_file, **arrays)
    with pytest.raises(ValueError, match="the array y_test is not that of MNIST"):
        data.mnist()


def test_digits_span_the_greys_of_a_byte():
    digits = data.digits()
    assert len(digits) == 1797
    assert digits.pixels.shape == (1797, 8, 8, 1)
    assert (digits.pixels.min(), digits.pixels.max()) == (0, 255)
    assert sorted(set(digits.category)) == list("0123456789")
    np.testing.assert_array_equal(data.digits(50).pixels, digits.pixels[:50])


def test_the_split_of_the_digits_keeps_every_image_once():
    digits, split = data.digits(), data.digits_split()
    together = np.concatenate([split.x_train, split.x_test])
    assert together.shape == (1797, 8, 8)
    assert sorted(x.tobytes() for x in together) == sorted(x.tobytes() for x in digits.pixels)
    assert len(split.x_train) == len(split.y_train) > 3 * len(split.x_test)
    assert set(split.y_test) == set(range(10))


def test_a_folder_of_your_own_becomes_an_image_set(tmp_path):
    for path in ("cats/b.jpg", "cats/a.PNG", "dogs/a.jpg", "top.bmp"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (9, 9), "red").save(tmp_path / path)
    for path in ("notes.txt", "cats/.DS_Store"):
        (tmp_path / path).write_text("no image")
    with pytest.warns(UserWarning, match=r"left out: notes\.txt$"):
        images = data.images_in(tmp_path)
    assert list(images.names) == ["cats/a.PNG", "cats/b.jpg", "dogs/a.jpg", "top.bmp"]
    assert list(images.category) == ["cats", "cats", "dogs", tmp_path.name]
    assert images.check()[1] == []


def test_names_that_are_not_utf8_are_read_and_can_be_printed(tmp_path):
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    folder.mkdir()
    for suffix in ("jpg", "png"):
        Image.new("RGB", (9, 9), "red").save(folder / os.fsdecode(b"\xff." + suffix.encode()))
    images = data.images_in(tmp_path)
    assert list(images.names) == ["caf�/�.jpg", "caf�/�.png"]
    assert list(images.category) == ["caf�"] * 2
    assert images.check()[1] == []
    (batch,) = images.tensors(lambda x: tf.cast(x, tf.float32))
    assert batch.shape == (2, 9, 9, 3)


def test_a_sub_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch):
    def scandir(path):
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    real = os.scandir
    (tmp_path / "locked").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    monkeypatch.setattr(os, "scandir", scandir)
    with pytest.raises(ValueError, match="locked cannot be read: Permission denied"):
        data.images_in(tmp_path)


def test_links_to_folders_are_followed_but_not_in_a_circle(tmp_path):
    mine, elsewhere = tmp_path / "mine", tmp_path / "elsewhere"
    for folder in (mine / "cat", elsewhere):
        folder.mkdir(parents=True)
        Image.new("RGB", (4, 4)).save(folder / "1.png")
    (mine / "dog").symlink_to(elsewhere)
    (mine / "pet").symlink_to(elsewhere)
    (mine / "cat" / "again").symlink_to(mine)
    (elsewhere / "back").symlink_to(elsewhere)
    images = data.images_in(mine)
    assert images.names.tolist() == ["cat/1.png", "dog/1.png", "pet/1.png"]
    assert images.category.tolist() == ["cat", "dog", "pet"]


def test_a_link_to_itself_and_to_nothing_is_named(tmp_path):
    Image.new("RGB", (4, 4), "red").save(tmp_path / "good.png")
    (tmp_path / "circle.png").symlink_to("circle.png")
    (tmp_path / "nothing.png").symlink_to("gone.png")
    good, problems = data.images_in(tmp_path).check()
    assert good.names.tolist() == ["good.png"]
    assert [Path(problem.split(" cannot")[0]).name for problem in problems] == [
        "circle.png",
        "nothing.png",
    ]


@pytest.mark.parametrize(
    "name", ["a photo.png", "a\nphoto.png", "фото.png", "写真.png", "صورة.png", "é́.png", "#%?.png"]
)
def test_names_in_any_alphabet_are_read(tmp_path, name):
    Image.new("RGB", (4, 4), (1, 2, 3)).save(tmp_path / name)
    images = data.images_in(tmp_path)
    assert images.names.tolist() == [name]
    (batch,) = images.tensors(lambda x: tf.cast(x, tf.float32))
    np.testing.assert_array_equal(batch[0, 0, 0], [1, 2, 3])


def test_a_folder_without_images_or_none_at_all_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(ValueError, match=f"{tmp_path.name} holds no images"):
        data.images_in(tmp_path)
    with pytest.raises(ValueError, match="no folder .*nowhere"):
        data.images_in(tmp_path / "nowhere")


@pytest.mark.parametrize("name", IMAGE_SETS)
def test_the_real_images_load(name):
    load, count, categories = IMAGE_SETS[name]
    known = _registry.find(name)
    if not all((known.folder / file.path).exists() for file in known.files):
        pytest.skip(f"{name} is not in the downloads folder")
    images = load()
    assert len(images) == count
    assert len(set(images.category)) == categories
    assert len(set(images.names)) == count
    assert images[0].ndim == 3
    assert images.thumbnail(count - 1).shape == (64, 64, 3)


@pytest.mark.skipif(not (project.downloads() / "mnist.npz").exists(), reason="no local MNIST")
@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist])
def test_the_real_digits_and_clothes_load(load):
    loaded = load()
    assert loaded.x_train.shape == (60000, 28, 28)
    assert (np.bincount(loaded.y_test, minlength=10) > 800).all()
