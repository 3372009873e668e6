"""Decoding of odd formats, damaged files and images too large to hold."""

import io
import os
import struct
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from helpers.data import _decoding

HEIGHT, WIDTH = 40, 60
RAMP = np.add.outer(np.arange(HEIGHT), np.arange(WIDTH)).astype(np.uint8)
RGB = np.stack([RAMP, RAMP + 50, RAMP + 100], axis=-1)


def in_a_pipeline(path) -> np.ndarray:
    paths = tf.data.Dataset.from_tensors(os.fsencode(path))
    (pixels,) = paths.map(_decoding.decode_tensor).as_numpy_iterator()
    return pixels


def opened(image: Image.Image, path, **options) -> np.ndarray:
    """The image as the one-by-one and the parallel way read it back from a file."""
    image.save(path, **options)
    alone = _decoding.decode(path)
    np.testing.assert_array_equal(alone, in_a_pipeline(path))
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


def test_of_several_frames_the_first_is_read(tmp_path):
    frames = [Image.new("RGB", (6, 4), colour) for colour in ("red", "blue")]
    for extension in ("gif", "webp", "png"):
        options = {"save_all": True, "append_images": frames[1:], "lossless": True}
        pixels = opened(frames[0], tmp_path / f"x.{extension}", **options)
        np.testing.assert_array_equal(pixels, np.broadcast_to([255, 0, 0], (4, 6, 3)))


@pytest.mark.parametrize("extension", ["jpg", "png"])
def test_the_orientation_that_a_camera_noted_is_not_applied(tmp_path, extension):
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = opened(Image.fromarray(RGB), tmp_path / f"x.{extension}", exif=exif)
    assert pixels.shape == RGB.shape


@pytest.mark.parametrize(("content", "called"), [("png", "jpg"), ("jpeg", "png"), ("gif", "jpeg")])
def test_the_content_says_the_format_not_the_extension(tmp_path, content, called):
    pixels = opened(Image.fromarray(RGB), tmp_path / f"x.{called}", format=content)
    assert np.abs(pixels - RGB).mean() < 6


def test_a_file_that_may_not_be_read_is_named(tmp_path, monkeypatch):
    def read_bytes(path):
        raise PermissionError(13, "Permission denied", str(path))

    Image.fromarray(RGB).save(tmp_path / "x.png")
    monkeypatch.setattr(Path, "read_bytes", read_bytes)
    with pytest.raises(ValueError, match="x.png cannot be read as an image: .*Permission denied"):
        _decoding.decode(tmp_path / "x.png")


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


def inflated(size: int) -> bytes:
    """A small JPEG that says of itself to be size x size."""
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "jpeg")
    content = bytearray(buffer.getvalue())
    at = content.index(b"\xff\xc0") + 5
    content[at : at + 4] = struct.pack(">HH", size, size)
    return bytes(content)


def test_a_jpeg_that_would_fill_the_memory_is_refused_before_it_is_decoded(tmp_path):
    path = tmp_path / "bomb.jpg"
    path.write_bytes(inflated(20_000))
    start = time.perf_counter()
    with pytest.raises(ValueError, match="bomb.jpg .* more than 178,956,970 pixels"):
        _decoding.decode(path)
    with pytest.raises(tf.errors.InvalidArgumentError, match="more than 178,956,970 pixels"):
        in_a_pipeline(path)
    assert time.perf_counter() - start < 1


def test_a_png_that_would_fill_the_memory_is_refused(tmp_path, monkeypatch):
    Image.new("L", (3000, 3000)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10**6)
    with pytest.raises(ValueError, match="bomb.png cannot be read as an image: .*exceeds limit"):
        _decoding.decode(tmp_path / "bomb.png")
