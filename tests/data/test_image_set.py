"""Image sets: subsets, batches, thumbnails, damaged files and categories that are no photos."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers import data
from helpers.data import ImageSet


def scaled(image: tf.Tensor) -> tf.Tensor:
    return tf.image.resize(tf.cast(image, tf.float32), (12, 12)) / 255.0


def from_files(paths) -> ImageSet:
    names = np.array([path.stem for path in paths])
    return ImageSet("mine", "Mine", "none", names, names, paths=tuple(paths))


@pytest.fixture
def files(tmp_path):
    """Seven images, of one colour each, every second a PNG."""
    paths = []
    for i in range(7):
        paths.append(tmp_path / f"{i}.{'png' if i % 2 else 'jpg'}")
        Image.new("RGB", (30 + i, 20 + 2 * i), (30 * i, 20 * i, 200)).save(paths[-1])
    return from_files(paths)


@pytest.fixture
def grey():
    pixels = np.random.default_rng(0).integers(0, 256, (9, 8, 8, 1), dtype=np.uint8)
    names = np.arange(9).astype(str)
    return ImageSet("grey", "Grey", "none", names, names, pixels=pixels)


@pytest.mark.parametrize("kind", ["files", "grey"])
@pytest.mark.parametrize("batch_size", [1, 4, 7, 100])
def test_batches_hold_every_image_once_in_order(kind, batch_size, request):
    image_set = request.getfixturevalue(kind)
    batches = list(image_set.tensors(scaled, batch_size))
    assert all(len(batch) == batch_size for batch in batches[:-1])
    assert all(batch.dtype == tf.float32 for batch in batches)
    one_by_one = np.stack([scaled(image_set[i]) for i in range(len(image_set))])
    np.testing.assert_allclose(np.concatenate(batches), one_by_one, atol=1e-6)


def test_batches_can_be_asked_for_again(files):
    first, second = (np.concatenate(list(files.tensors(scaled, 3))) for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("kind", ["files", "grey"])
def test_subsets_keep_names_categories_and_images_together(kind, request):
    image_set = request.getfixturevalue(kind)
    mask = np.arange(len(image_set)) % 3 == 0
    for index in (slice(1, 5, 2), mask, [4, 0, 4], np.array([2]), slice(0, 0)):
        subset = image_set[index]
        assert list(subset.names) == list(image_set.names[index])
        assert list(subset.category) == list(image_set.category[index])
        for i, name in enumerate(subset.names):
            original = int(np.flatnonzero(image_set.names == name)[0])
            np.testing.assert_array_equal(subset[i], image_set[original])


def test_an_index_out_of_range_is_an_error(files, grey):
    for image_set in (files, grey):
        with pytest.raises(IndexError):
            image_set[len(image_set)]


def test_an_empty_set_is_an_error(files):
    with pytest.raises(ValueError, match="'mine' holds no images"):
        next(files[:0].tensors(scaled))


@pytest.mark.parametrize("kind", ["files", "grey"])
def test_thumbnails_are_square_and_coloured(kind, request):
    image_set = request.getfixturevalue(kind)
    thumbnail = image_set.thumbnail(1, 16)
    assert thumbnail.shape == (16, 16, 3)
    assert thumbnail.dtype == np.uint8


def test_a_thumbnail_is_the_centre(tmp_path):
    pixels = np.zeros((20, 60, 3), np.uint8)
    pixels[:, 20:40] = (10, 200, 30)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    thumbnail = from_files([tmp_path / "wide.png"]).thumbnail(0, 20)
    np.testing.assert_array_equal(thumbnail, pixels[:, 20:40])


@pytest.mark.parametrize(
    "change",
    [
        {"paths": ()},
        {"names": np.array(["1"])},
        {"pixels": np.zeros((9, 8, 8, 1))},
        {"pixels": np.zeros((9, 8, 8), np.uint8)},
        {"pixels": None},
    ],
)
def test_attributes_that_do_not_fit_are_an_error(grey, change):
    with pytest.raises(ValueError, match="'grey'"):
        ImageSet(**{**vars(grey), **change})


def test_bad_files_in_a_set_are_all_named_and_the_good_ones_remain(tmp_path, files):
    content = files.paths[0].read_bytes()
    bad = {"cut.jpg": content[: len(content) // 2], "page.jpg": b"<html>not found</html>"}
    for name, content in bad.items():
        (tmp_path / name).write_bytes(content)
    image_set = from_files([*files.paths, *(tmp_path / name for name in bad)])
    with pytest.raises(ValueError, match="2 of the 9 images of 'mine'") as caught:
        list(image_set.tensors(scaled, 2))
    good, problems = image_set.check()
    assert list(good.names) == list(files.names)
    assert len(problems) == 2
    assert all(name in text for name, text in zip(bad, problems, strict=True))
    assert all(text in str(caught.value) for text in problems)
    assert len(list(good.tensors(scaled, 1))) == len(files)


def test_one_bad_file_among_a_thousand_is_named(tmp_path):
    Image.new("RGB", (8, 8), (10, 20, 30)).save(tmp_path / "0.jpg")
    content = (tmp_path / "0.jpg").read_bytes()
    for i in range(1, 1000):
        (tmp_path / f"{i}.jpg").write_bytes(content if i != 613 else content[:400])
    images = from_files([tmp_path / f"{i}.jpg" for i in range(1000)])
    with pytest.raises(ValueError, match=r"1 of the 1000 images .*/613.jpg cannot be read"):
        list(images.tensors(scaled))
    good, (problem,) = images.check()
    assert len(good) == 999 and "613" not in good.names and "/613.jpg" in problem
    assert sum(len(batch) for batch in good.tensors(scaled)) == 999


def test_lists_are_taken_for_arrays_and_masks_are_refused(grey):
    lists = {name: getattr(grey, name).tolist() for name in ("names", "category")}
    found = ImageSet(**{**vars(grey), **lists})
    assert found[[1, 3]].names.tolist() == ["1", "3"]
    with pytest.raises(ValueError, match="pixels mask values"):
        ImageSet(**{**vars(grey), "pixels": np.ma.masked_equal(grey.pixels, grey.pixels[0, 0, 0])})


def test_names_and_categories_are_text_and_whole_numbers_become_text(grey):
    found = ImageSet(**{**vars(grey), "category": list(range(9)), "names": list("abcdefghi")})
    assert found.category[3] == "3" and found.names.dtype.kind == "U"
    named = np.array(list("abcdefghi"), object)
    assert ImageSet(**{**vars(grey), "names": named}).names.dtype.kind == "U"


@pytest.mark.parametrize("attribute", ["names", "category"])
@pytest.mark.parametrize(
    "values",
    [
        np.full(9, 0.5),
        np.full(9, 1j),
        np.array([*"abcdefgh", None], object),
        np.array([*"abcdefgh", np.nan], object),
        np.full(9, b"a"),
        "abcdefghi",
        np.full((9, 1), "a"),
    ],
    ids=["floats", "complex", "None", "NaN", "bytes", "one text", "two axes"],
)
def test_names_and_categories_that_are_no_text_are_refused(grey, attribute, values):
    with pytest.raises((TypeError, ValueError), match=f"'grey': {attribute} (have|hold)"):
        ImageSet(**{**vars(grey), attribute: values})


@pytest.mark.parametrize(
    "change",
    [
        {"x_train": np.zeros((9, 8, 8))},
        {"x_test": np.zeros((3, 8, 8, 1), np.uint8)},
        {"x_train": np.ma.masked_equal(np.zeros((9, 8, 8), np.uint8), 0)},
        {"y_train": np.zeros(8, int)},
        {"y_test": np.array([0, 1, 2])},
        {"y_test": np.array([0, np.nan, 1])},
        {"y_test": np.array(["0", "1", "0"])},
    ],
)
def test_labelled_images_that_do_not_fit_are_refused(change):
    x, y = np.zeros((9, 8, 8), np.uint8), np.arange(9) % 2
    arrays = {"x_train": x, "y_train": y, "x_test": x[:3], "y_test": y[:3]}
    about = {"name": "toy", "title": "Toy", "licence": "none", "class_names": ("a", "b")}
    assert len(data.LabelledImages(**about, **arrays).x_test) == 3
    with pytest.raises(ValueError, match=r"'toy': .*[xy]_(train|test)"):
        data.LabelledImages(**about, **arrays | change)


def jpegs(folder, images) -> ImageSet:
    """A set of JPEGs, three per category, from category -> (height, width[, 3])."""
    paths = []
    for category, pixels in images.items():
        for i in range(3):
            paths.append(folder / f"{category}{i}.jpg")
            Image.fromarray(np.roll(pixels, 7 * i, axis=0)).save(paths[-1])
    names = np.array([path.stem for path in paths])
    category = np.repeat(list(images), 3)
    return ImageSet("mine", "Mine", "none", names, category, paths=tuple(paths))


def test_a_category_of_edge_maps_is_found_and_named(tmp_path):
    ramp = np.add.outer(np.arange(120), np.arange(120)).astype(np.uint8)
    disc = np.hypot(*np.mgrid[-60:60, -60:60])
    edges = np.where(np.abs(disc % 20 - 10) < 1, 255, 0).astype(np.uint8)
    images = jpegs(
        tmp_path,
        {
            "grey photo": ramp,
            "edges": edges,
            "coloured lines": np.dstack([edges, edges, 0 * edges]),
        },
    )
    good, problems = images.check()
    assert len(good) == len(images)
    (problem,) = problems
    assert problem.startswith("category 'edges': none of its 3 images has any colour")
    mixed = ImageSet("mine", "Mine", "none", images.names, np.full(9, "all"), images.paths)
    assert mixed.check()[1] == []


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_without_images_is_refused(files, batch_size):
    with pytest.raises(ValueError, match=f"batch_size={batch_size}"):
        next(files.tensors(scaled, batch_size))


def test_an_error_of_the_preprocessing_is_passed_on(files):
    with pytest.raises(tf.errors.OpError):
        list(files.tensors(lambda x: tf.ensure_shape(tf.cast(x, tf.float32), (5, 5, 3))))


@pytest.mark.parametrize(
    "n, multiple, sizes",
    [(3, 1, [2, 3, 2]), (2, 4, [4, 3]), (9, 3, [3, 3, 1]), (1, 2, [7]), (99, 1, [1] * 7)],
)
def test_shards_are_consecutive_parts_of_full_batches(n, multiple, sizes):
    images = data.digits(7)
    shards = images.shards(n, multiple)
    assert [len(shard) for shard in shards] == sizes
    assert np.concatenate([shard.names for shard in shards]).tolist() == images.names.tolist()
    assert (np.concatenate([shard.pixels for shard in shards]) == images.pixels).all()


def test_shards_need_images_and_whole_numbers():
    with pytest.raises(ValueError, match="n=0, multiple=1: choose at least 1"):
        data.digits(7).shards(0)
    with pytest.raises(ValueError, match="'digits' holds no images"):
        data.digits(0).shards(2)
