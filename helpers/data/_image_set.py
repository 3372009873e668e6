"""Sets of images: as files or in memory, one by one, as thumbnails, or as batches of tensors."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from PIL import Image, ImageOps

from helpers import project
from helpers.data import _decoding

AHEAD = 2  # batches that wait for the network
# What counts as two levels: grey levels (of 255) around them, and share of an image's pixels.
NEAR, NEARLY_ALL = 32, 0.9


@dataclass(frozen=True, eq=False)
class ImageSet:
    """Images with a name and a category each, as files or in memory.

    Attributes:
        name: short id.
        title: for captions.
        licence: under which terms the images may be used.
        names: (n,) str, one per image.
        category: (n,) str.
        paths: the n files, or None.
        pixels: uint8 (n, height, width, channels) with 1 or 3 channels, or None.

    Raises:
        TypeError: names or categories are neither text nor whole numbers, which become text.
        ValueError: the attributes do not fit each other.
    """

    name: str
    title: str
    licence: str
    names: np.ndarray
    category: np.ndarray
    paths: tuple[Path, ...] | None = None
    pixels: np.ndarray | None = None

    def __post_init__(self) -> None:
        for attribute in ("names", "category", "pixels"):
            value = getattr(self, attribute)
            if np.ma.is_masked(value):
                raise ValueError(f"image set {self.name!r}: {attribute} mask values")
            if value is not None:
                value = np.asarray(value) if attribute == "pixels" else self._texts(attribute)
                object.__setattr__(self, attribute, value)
        if (self.paths is None) == (self.pixels is None):
            raise ValueError(f"image set {self.name!r}: give either paths or pixels")
        images = self.paths if self.pixels is None else self.pixels
        if not len(self.names) == len(self.category) == len(images):
            raise ValueError(
                f"image set {self.name!r}: {len(self.names)} names, {len(self.category)} "
                f"categories and {len(images)} images"
            )
        if self.pixels is not None and not (
            self.pixels.dtype == np.uint8
            and self.pixels.ndim == 4
            and self.pixels.shape[-1] in (1, 3)
        ):
            raise ValueError(
                f"image set {self.name!r}: pixels are {self.pixels.dtype} {self.pixels.shape}, "
                "not uint8 (images, height, width, 1 or 3)"
            )

    def _texts(self, attribute: str) -> np.ndarray:
        value = np.asarray(getattr(self, attribute))
        objects = value.dtype == object and all(isinstance(each, str) for each in value.flat)
        if value.size and value.dtype.kind not in "Uiu" and not objects:
            raise TypeError(f"image set {self.name!r}: {attribute} hold {value.dtype}, not text")
        if value.ndim != 1:
            raise ValueError(
                f"image set {self.name!r}: {attribute} have shape {value.shape}: one per image"
            )
        return value.astype(str)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int | slice | np.ndarray | Sequence) -> ImageSet | np.ndarray:
        """Return image `index`, uint8 (height, width, channels), or a subset in the given order.

        Raises:
            ValueError: the image's file cannot be read.
        """
        if isinstance(index, int | np.integer):
            return (
                _decoding.decode(self.paths[index]) if self.pixels is None else self.pixels[index]
            )
        chosen = np.arange(len(self))[index]
        return replace(
            self,
            names=self.names[chosen],
            category=self.category[chosen],
            paths=None if self.paths is None else tuple(self.paths[i] for i in chosen),
            pixels=None if self.pixels is None else self.pixels[chosen],
        )

    def shards(self, n: int, multiple: int = 1) -> list[ImageSet]:
        """Split the set into consecutive parts of nearly equal size, none of them empty.

        Args:
            n: how many parts at most.
            multiple: every part but the last holds a multiple of so many images, so that
                batches of that size are the same ones as without the split.

        Raises:
            ValueError: n or multiple is below 1, or the set is empty.
        """
        if n < 1 or multiple < 1:
            raise ValueError(f"n={n}, multiple={multiple}: choose at least 1")
        if not len(self):
            raise ValueError(f"image set {self.name!r} holds no images")
        batches = -(-len(self) // multiple)
        edges = np.linspace(0, batches, min(n, batches) + 1).round().astype(int) * multiple
        return [self[a:b] for a, b in zip(edges[:-1], edges[1:], strict=True)]

    def tensors(
        self, preprocess: Callable[[tf.Tensor], tf.Tensor], batch_size: int = 32
    ) -> Iterator[tf.Tensor]:
        """Yield the images in order as float32 batches (b, H, W, C).

        The next batches are decoded and preprocessed in parallel while the caller
        works on the present one.

        Args:
            preprocess: TensorFlow operations from one uint8 image (height, width,
                channels) of any size to float32 (H, W, C).
            batch_size: images per batch, at least 1; the last one may have fewer.

        Raises:
            ValueError: the set is empty, batch_size is below 1, or files cannot be read;
                the message names them.
        """
        if batch_size < 1:
            raise ValueError(f"batch_size={batch_size}: choose at least 1")
        if not len(self):
            raise ValueError(f"image set {self.name!r} holds no images")
        if self.pixels is None:
            source = tf.data.Dataset.from_tensor_slices([os.fsencode(path) for path in self.paths])
        else:
            source = tf.data.Dataset.from_tensor_slices(self.pixels)

        def load(image: tf.Tensor) -> tf.Tensor:
            return preprocess(_decoding.decode_tensor(image) if self.pixels is None else image)

        loaded = source.map(load, num_parallel_calls=project.cores(), deterministic=True)
        try:
            yield from prefetched(loaded.batch(batch_size))
        except tf.errors.OpError as error:  # does not say which file: find out
            bad = [image.error for image in self._looks() if image.error]
            if not bad:
                raise
            raise ValueError(
                f"{len(bad)} of the {len(self)} images of {self.name!r} cannot be read "
                f"(`images.check()[0]` is the set without them): {'; '.join(bad)}"
            ) from error

    def check(self) -> tuple[ImageSet, list[str]]:
        """Decode every image, to find files that cannot be read and categories that are no photos.

        Returns:
            The set of all images that can be read, and one message per problem: an
            image that cannot be read, or a category (still in the set) in which no image
            has any colour and nearly every pixel is close to one of two grey levels, as
            in edge maps, masks and drawings.
        """
        looks = self._looks()
        problems = [look.error for look in looks if look.error]
        for category in dict.fromkeys(self.category.tolist()):
            here = [
                look
                for look, c in zip(looks, self.category, strict=True)
                if c == category and not look.error
            ]
            if here and all(look.two_tone for look in here):
                problems.append(
                    f"category {category!r}: none of its {len(here)} images has any colour, and "
                    "nearly every pixel is close to one of two grey levels: edge maps?"
                )
        return self[[not look.error for look in looks]], problems

    def _looks(self) -> list[_Look]:
        def look(i: int) -> _Look:
            try:
                return _Look(two_tone=_is_two_tone(self[i]))
            except ValueError as error:
                return _Look(error=str(error))

        with ThreadPoolExecutor(project.cores()) as pool:
            return list(pool.map(look, range(len(self))))

    def thumbnail(self, i: int, size: int = 64) -> np.ndarray:
        """Return the centre square of image i as uint8 (size, size, 3)."""
        pixels = self[int(i)]
        coloured = np.broadcast_to(pixels, (*pixels.shape[:2], 3))
        image = Image.fromarray(np.ascontiguousarray(coloured))
        return np.asarray(ImageOps.fit(image, (size, size)))


class _Look(NamedTuple):
    """What decoding an image showed: an error, or whether it has two grey levels only."""

    error: str = ""
    two_tone: bool = False


def _is_two_tone(pixels: np.ndarray) -> bool:
    """Whether an image (height, width, 3) is grey, nearly all of it close to its two extremes."""
    if pixels.shape[-1] != 3 or (pixels != pixels[..., :1]).any():
        return False
    grey = pixels[..., 0].astype(int)
    near = np.minimum(grey - grey.min(), grey.max() - grey) <= NEAR
    return bool(near.mean() >= NEARLY_ALL)


def prefetched(batches: tf.data.Dataset) -> tf.data.Dataset:
    """Return a tf.data pipeline that makes batches ahead of their use, without autotuning.

    Closing an autotuned pipeline often waits for the tuner's thread, which sleeps for as long
    as the pipeline has run: 12 s of work then take 20 s.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return batches.prefetch(AHEAD).with_options(options)


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """Small grey images with integer labels, split into training and test images.

    Attributes:
        name: short id.
        title: for captions.
        licence: under which terms the images may be used.
        class_names: what the labels 0, 1, … mean.
        x_train: uint8 (images, height, width).
        y_train: uint8 (images,).
        x_test: as x_train.
        y_test: as y_train.

    Raises:
        ValueError: the arrays are not of these types and shapes, or a label is no class.
    """

    name: str
    title: str
    licence: str
    class_names: tuple[str, ...]
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    def __post_init__(self) -> None:
        for part in ("train", "test"):
            x, y = getattr(self, f"x_{part}"), getattr(self, f"y_{part}")
            given = [(np.asarray(each).dtype, np.shape(each)) for each in (x, y)]
            if np.ma.is_masked(x) or np.ma.is_masked(y):
                raise ValueError(f"{self.name!r}: x_{part} or y_{part} masks values")
            if given[0][0] != np.uint8 or np.ndim(x) != 3 or np.shape(y) != (len(x),):
                raise ValueError(
                    f"{self.name!r}: x_{part} and y_{part} are {given}, not uint8 (images, height, "
                    "width) and (images,)"
                )
            whole = np.isin(y, np.arange(len(self.class_names)))
            if np.asarray(y).dtype.kind not in "biuf" or not whole.all():
                raise ValueError(
                    f"{self.name!r}: y_{part} must be 0 to {len(self.class_names) - 1}, whole"
                )
