"""Image sets: subsets, batches, thumbnails, odd formats and damaged files."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers.data import _decoding
from helpers.data.image_set import ImageSet

HEIGHT, WIDTH = 40, 60
RAMP = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)
RGB = np.stack([RAMP, RAMP + 50, RAMP + 100], axis=-1)


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
        Image.new("RGB", (30 + i, 20 + 2 * i), (30 * i, 30 * i, 30 * i)).save(paths[-1])
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


def opened(image: Image.Image, path, **options) -> np.ndarray:
    """The image as the one-by-one and the parallel way read it back from a file."""
    image.save(path, **options)
    alone = _decoding.decode(path)
    batch = next(from_files([path]).tensors(lambda x: tf.cast(x, tf.float32)))
    np.testing.assert_array_equal(alone, batch[0])
    assert alone.dtype == np.uint8
    return alone.astype(int)


@pytest.mark.parametrize("extension", ["png", "bmp", "tiff", "gif"])
def test_lossless_formats_come_back_as_they_were(tmp_path, extension):
    np.testing.assert_array_equal(opened(Image.fromarray(RGB), tmp_path / f"x.{extension}"), RGB)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpegs_of_every_colour_space_become_rgb(tmp_path, mode):
    image = Image.fromarray(RGB).convert(mode)
    pixels = opened(image, tmp_path / "x.jpg", quality=100, subsampling=0)
    assert np.abs(pixels - np.asarray(image.convert("RGB"), int)).max() <= 6


def test_webp_is_read(tmp_path):
    pixels = opened(Image.fromarray(RGB), tmp_path / "x.webp", lossless=True)
    np.testing.assert_array_equal(pixels, RGB)


@pytest.mark.parametrize("extension", ["png", "tiff"])
def test_16_bits_become_8(tmp_path, extension):
    image = Image.fromarray((RAMP.astype(np.uint16) << 8) + 255)
    pixels = opened(image, tmp_path / f"x.{extension}")
    np.testing.assert_array_equal(pixels, np.repeat(RAMP[..., None], 3, axis=-1))


def test_transparency_is_laid_over_white(tmp_path):
    alpha = np.zeros_like(RAMP)
    alpha[:10], alpha[10:20] = 255, 51
    pixels = opened(Image.fromarray(np.dstack([RGB, alpha])), tmp_path / "x.png")
    np.testing.assert_array_equal(pixels[:10], RGB[:10])
    assert np.abs(pixels[10:20] - (0.2 * RGB[10:20] + 0.8 * 255)).max() <= 1
    assert (pixels[20:] == 255).all()


def test_grey_with_transparency_and_palettes_are_read(tmp_path):
    half = Image.fromarray(np.dstack([RAMP, np.full_like(RAMP, 255)]))
    assert (opened(half, tmp_path / "la.png") == RAMP[..., None]).all()
    palette = Image.fromarray(RAMP).convert("P")
    assert (opened(palette, tmp_path / "p.png") == RAMP[..., None]).all()


def broken(folder) -> dict[str, bytes]:
    Image.fromarray(RGB).save(folder / "good.jpg")
    Image.fromarray(RGB).save(folder / "good.png")
    jpeg, png = (folder / "good.jpg").read_bytes(), (folder / "good.png").read_bytes()
    return {
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "start.jpg": jpeg[:3],
        "cut.png": png[: len(png) // 2],
        "head.png": png[:20],
        "empty.jpg": b"",
        "page.jpg": b"<html>not found</html>",
    }


@pytest.mark.parametrize(
    "name", ["cut.jpg", "start.jpg", "cut.png", "head.png", "empty.jpg", "page.jpg"]
)
def test_a_damaged_file_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(broken(tmp_path)[name])
    with pytest.raises(ValueError, match=f"{name} cannot be read as an image: "):
        _decoding.decode(tmp_path / name)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="gone.jpg cannot be read as an image: .*No such file"):
        _decoding.decode(tmp_path / "gone.jpg")


def test_32_bit_pixels_are_refused(tmp_path):
    Image.fromarray(RAMP.astype(np.float32)).save(tmp_path / "x.tiff")
    with pytest.raises(ValueError, match="x.tiff .* 32 bits"):
        _decoding.decode(tmp_path / "x.tiff")


def test_bad_files_in_a_set_are_all_named_and_the_good_ones_remain(tmp_path):
    for name, content in broken(tmp_path).items():
        (tmp_path / name).write_bytes(content)
    image_set = from_files(sorted(tmp_path.iterdir()))
    with pytest.raises(ValueError) as caught:
        list(image_set.tensors(scaled, 2))
    good, bad = image_set.check()
    assert list(good.names) == ["good", "good"]
    assert len(bad) == len(image_set) - 2
    assert all(text in str(caught.value) for text in bad)
    assert len(list(good.tensors(scaled, 1))) == 2


def test_an_error_of_the_preprocessing_is_passed_on(files):
    with pytest.raises(tf.errors.OpError):
        list(files.tensors(lambda x: tf.ensure_shape(tf.cast(x, tf.float32), (5, 5, 3))))
