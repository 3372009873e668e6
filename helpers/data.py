"""Image sets and MNIST-like sets: find, load, hand out in batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf
from PIL import Image

from helpers import images, profile, registry
from helpers.registry import fetch

__all__ = ["fetch"]


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
        pixels: uint8 (n, height, width, channels), or None.
    """

    name: str
    title: str
    licence: str
    names: np.ndarray
    category: np.ndarray
    paths: tuple[Path, ...] | None = None
    pixels: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int | slice | np.ndarray | Sequence) -> ImageSet | np.ndarray:
        """Return image `index` (uint8, height x width x channels), or a subset in that order."""
        if isinstance(index, (int, np.integer)):
            return images.decode(self.paths[index]) if self.pixels is None else self.pixels[index]
        chosen = np.arange(len(self))[index]
        return replace(
            self,
            names=self.names[chosen],
            category=self.category[chosen],
            paths=self.paths and tuple(self.paths[i] for i in chosen),
            pixels=None if self.pixels is None else self.pixels[chosen],
        )

    @property
    def channels(self) -> int:
        """Colour channels of every image: 3 for files, else as in `pixels`."""
        return 3 if self.pixels is None else self.pixels.shape[-1]

    def tensors(self, preprocess: Callable, batch_size: int = 32) -> tf.data.Dataset:
        """Return the images in order, as float32 batches (b, H, W, C), decoded in parallel.

        Args:
            preprocess: TensorFlow operations from one uint8 image (height, width,
                channels) to float32 (H, W, C).
            batch_size: images in a batch; the last one may have fewer.
        """

        def load(index: tf.Tensor) -> tf.Tensor:
            image = tf.numpy_function(lambda i: self[int(i)], [index], tf.uint8)
            return preprocess(tf.ensure_shape(image, (None, None, self.channels)))

        loaded = tf.data.Dataset.range(len(self)).map(load, num_parallel_calls=tf.data.AUTOTUNE)
        return loaded.batch(batch_size).prefetch(tf.data.AUTOTUNE)

    def thumbnail(self, i: int, size: int = 64) -> np.ndarray:
        """Return the centre square of image i as uint8 (size, size, 3)."""
        pixels = self[int(i)]
        side = min(pixels.shape[:2])
        top, left = (np.array(pixels.shape[:2]) - side) // 2
        square = pixels[top : top + side, left : left + side]
        square = np.broadcast_to(square, (side, side, 3))
        return np.asarray(Image.fromarray(np.ascontiguousarray(square)).resize((size, size)))


@dataclass(frozen=True, eq=False)
class Arrays:
    """A set of small grey images with integer labels, split into training and test images."""

    name: str
    title: str
    licence: str
    class_names: tuple[str, ...]
    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def _from_files(name: str, files: list[registry.File], names: list[str], category: list[str]):
    folder, known = fetch(name), registry.find(name)
    return ImageSet(
        name=name,
        title=known.title,
        licence=known.licence,
        names=np.array(names),
        category=np.array(category),
        paths=tuple(folder / file.path for file in files),
    )


def guest_love_photos() -> ImageSet:
    """Return the 40 photos of Guest & Love (2017), 5 in each of 8 categories."""
    files = registry.find("guest-love-2017").files
    paths = [Path(file.path) for file in files]
    return _from_files(
        "guest-love-2017", files, [p.stem for p in paths], [p.parent.name for p in paths]
    )


def imagenet_samples() -> ImageSet:
    """Return 500 ImageNet images, one each of every second class in WordNet-id order.

    `names` are the WordNet ids, `category` the English class names.
    """
    files = registry.find("imagenet-sample-images").files
    wnids, classes = zip(*(Path(file.path).stem.split("_", 1) for file in files), strict=True)
    return _from_files(
        "imagenet-sample-images", files, list(wnids), [c.replace("_", " ") for c in classes]
    )


def caltech101(per_category: int = 25) -> ImageSet:
    """Return the first `per_category` images of each of Caltech-101's 101 categories."""
    files = [
        file
        for file in registry.find("caltech-101").files
        if int(Path(file.path).stem[-4:]) <= per_category
    ]
    paths = [Path(file.path) for file in files]
    names = [f"{p.parent.name}/{p.stem}" for p in paths]
    return _from_files("caltech-101", files, names, [p.parent.name for p in paths])


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return (digits.images * 255 / 16).round().astype(np.uint8), digits.target


def digits(n: int | None = None) -> ImageSet:
    """Return the first n (default all 1,797) of scikit-learn's 8 x 8 digits, grey, 0 to 255."""
    pixels, labels = (x[:n] for x in _digits())
    return ImageSet(
        name="digits",
        title="8 x 8 digits (scikit-learn)",
        licence="CC BY 4.0 (UCI Optical Recognition of Handwritten Digits)",
        names=np.arange(len(labels)).astype(str),
        category=labels.astype(str),
        pixels=pixels[..., None],
    )


def digits_split() -> Arrays:
    """Return scikit-learn's digits in the form of MNIST, every fifth as a test image."""
    pixels, labels = _digits()
    test = np.arange(len(labels)) % 5 == 4
    return Arrays(
        "digits",
        "8 x 8 digits (scikit-learn)",
        "CC BY 4.0 (UCI Optical Recognition of Handwritten Digits)",
        tuple("0123456789"),
        pixels[~test],
        labels[~test].astype(np.uint8),
        pixels[test],
        labels[test].astype(np.uint8),
    )


def mnist() -> Arrays:
    """Return MNIST: x uint8 (60000 or 10000, 28, 28) and labels uint8."""
    return _arrays("mnist", "MNIST (LeCun et al. 1998)", "CC BY-SA 3.0", tuple("0123456789"))


def fashion_mnist() -> Arrays:
    """Return Fashion-MNIST, in the form of MNIST."""
    classes = "T-shirt,trouser,pullover,dress,coat,sandal,shirt,sneaker,bag,ankle boot".split(",")
    return _arrays("fashion_mnist", "Fashion-MNIST (Xiao et al. 2017)", "MIT", tuple(classes))


def _arrays(name: str, title: str, licence: str, class_names: tuple[str, ...]) -> Arrays:
    with np.load(profile.downloads() / f"{name}.npz") as arrays:
        return Arrays(name, title, licence, class_names, **arrays)


def imagenet_classes() -> pd.DataFrame:
    """Return ImageNet's 1,000 classes in Keras' order: columns wnid, name, node.

    `node` is the class's output in the 2015 Inception-v3 (1 to 1000).
    """
    folder = fetch("inception-2015-12-05")
    text = (folder / "imagenet_2012_challenge_label_map_proto.pbtxt").read_text()
    entries = pd.Series(text).str.extractall(r'target_class: (\d+)\s+target_class_string: "(n\d+)"')
    classes = pd.DataFrame({"wnid": entries[1], "node": entries[0].astype(int)})
    english = pd.read_csv(
        folder / "imagenet_synset_to_human_label_map.txt", sep="\t", names=["wnid", "name"]
    )
    table = classes.merge(english, on="wnid").sort_values("wnid", ignore_index=True)
    return table[["wnid", "name", "node"]]


def published(source: str | None = None) -> pd.DataFrame:
    """Return the published numbers of data/published.csv, of one source or of all."""
    table = pd.read_csv(registry.TABLES / "published.csv")
    return table if source is None else table[table.source == source].reset_index(drop=True)
