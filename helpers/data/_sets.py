"""The image sets of the notebooks: found or fetched, checked, and loaded."""

from __future__ import annotations

import hashlib
import operator
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from helpers import project
from helpers.data import _registry
from helpers.data._fetching import FetchError, fetch
from helpers.data._image_set import ImageSet, LabelledImages

DIGITS = ("digits", "8 x 8 digits (Alpaydin & Kaynak 1998, from scikit-learn)", "CC BY 4.0")
CALTECH_IMAGES = 25  # per category, as many as the registry lists


def image_set(name: str) -> ImageSet:
    """Return the images of a set in data/sets.csv; the sub-folder is the category.

    Args:
        name: the set's name there.

    Raises:
        FetchError: an image is missing and could not be fetched.
    """
    known = _registry.find(name)
    paths = [file.path for file in known.files]
    names = [Path(path).stem for path in paths]
    return _image_set(known, paths, names, [Path(path).parent.name for path in paths])


def guest_love_photos() -> ImageSet:
    """Return the 40 photos of Guest & Love (2017), 5 in each of 8 categories.

    Raises:
        FetchError: a photo is missing and could not be fetched.
    """
    return image_set("guest-love-2017")


def rupprecht_pictures() -> ImageSet:
    """Return the 7 animal pictures, 100 x 100, that Rupprecht's (2017) public notebook reads.

    The source records no licence for the single pictures and gives them no categories:
    all have the category "animal".

    Raises:
        FetchError: a picture is missing and could not be fetched.
    """
    known = _registry.find("rupprecht-2017-basis")
    paths = [file.path for file in known.files]
    return _image_set(known, paths, [Path(path).stem for path in paths], ["animal"] * len(paths))


def imagenet_samples() -> ImageSet:
    """Return 500 ImageNet images, one of every second class in the order of WordNet ids.

    `names` are the WordNet ids (n01440764 …), `category` the English class names.

    Raises:
        FetchError: an image is missing and could not be fetched.
    """
    known = _registry.find("imagenet-sample-images")
    paths = [file.path for file in known.files]
    parts = [Path(path).stem.partition("_") for path in paths]
    names, categories = [part[0] for part in parts], [part[2].replace("_", " ") for part in parts]
    return _image_set(known, paths, names, categories)


def caltech101(per_category: int = CALTECH_IMAGES) -> ImageSet:
    """Return the first images of each of Caltech-101's 101 object categories.

    Args:
        per_category: how many images of each category, 1 to 25.

    Raises:
        ValueError: per_category is not a whole number from 1 to 25.
        FetchError: the archive of the public home (137 MB) could not be fetched.
    """
    try:
        valid = 1 <= operator.index(per_category) <= CALTECH_IMAGES
    except TypeError:
        valid = False
    if not valid:
        raise ValueError(f"per_category={per_category!r}: choose 1 to {CALTECH_IMAGES}")
    known = _registry.find("caltech-101")
    paths = [file.path for file in known.files]
    paths = [path for path in paths if int(Path(path).stem[-4:]) <= per_category]
    names = [path.removesuffix(".jpg") for path in paths]
    return _image_set(known, paths, names, [Path(path).parent.name for path in paths])


def images_in(folder: str | Path) -> ImageSet:
    """Return the images of a folder of your own; the sub-folder is the category.

    The extension says which files are images; a warning names the other files, hidden
    ones excepted. Links to folders are followed, but not in a circle. `check()` of the set
    finds images that cannot be read.

    Raises:
        ValueError: the folder does not exist, holds no images, or it or one of its
            sub-folders cannot be read.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ValueError(f"no folder {folder}")

    files = sorted(_files(folder))
    known = Image.registered_extensions()
    paths = [path for path in files if path.suffix.lower() in known]
    if not paths:
        raise ValueError(f"{folder} holds no images")
    if others := [path.name for path in files if path.suffix.lower() not in known]:
        warnings.warn(f"{folder.name}: not images, left out: {', '.join(others)}", stacklevel=2)
    return ImageSet(
        name=folder.name,
        title=folder.name,
        licence="your own",
        names=np.array([_printable(path.relative_to(folder).as_posix()) for path in paths]),
        category=np.array([_printable(path.parent.name) for path in paths]),
        paths=tuple(paths),
    )


def _files(folder: Path) -> Iterator[Path]:
    """Yield the files below a folder that are not hidden."""

    def unreadable(error: OSError) -> None:
        raise ValueError(f"folder {error.filename} cannot be read: {error.strerror}") from error

    for place, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        above = Path(place).relative_to(folder).parents
        if Path(place).resolve() in [(folder / parent).resolve() for parent in above]:
            folders.clear()  # a link to where it is itself
            continue
        yield from (Path(place, name) for name in names if not name.startswith("."))


def digits(n: int | None = None) -> ImageSet:
    """Return the first n (by default all 1,797) of scikit-learn's 8 x 8 digits.

    Grey, uint8 (8, 8, 1), their 17 levels spread over 0 to 255; categories "0" to "9".
    """
    pixels, labels = (values[:n] for values in _digits())
    indices = np.arange(len(labels)).astype(str)
    return ImageSet(*DIGITS, indices, labels.astype(str), pixels=pixels[..., None])


def digits_split() -> LabelledImages:
    """Return scikit-learn's digits in the form of MNIST: every fifth is a test image."""
    x, y = _digits()
    test = np.arange(len(y)) % 5 == 4
    return LabelledImages(*DIGITS, tuple("0123456789"), x[~test], y[~test], x[test], y[test])


def mnist() -> LabelledImages:
    """Return MNIST: 60,000 and 10,000 images of 28 x 28.

    The arrays, whatever file they came in, are checked by their SHA-256.

    Raises:
        ValueError: a local mnist.npz is damaged or holds something else.
        FetchError: there is none, and Keras cannot download it.
    """
    return _arrays("mnist", tuple("0123456789"))


def fashion_mnist() -> LabelledImages:
    """Return Fashion-MNIST, in the form of MNIST and checked in the same way.

    Raises:
        ValueError, FetchError: as in `mnist`.
    """
    clothes = ("T-shirt", "trouser", "pullover", "dress", "coat")
    return _arrays("fashion_mnist", (*clothes, "sandal", "shirt", "sneaker", "bag", "ankle boot"))


def _image_set(
    known: _registry.FileSet, paths: list[str], names: list[str], categories: list[str]
) -> ImageSet:
    folder = fetch(known.name)
    return ImageSet(
        name=known.name,
        title=known.title,
        licence=known.licence,
        names=np.array(names),
        category=np.array(categories),
        paths=tuple(folder / path for path in paths),
    )


def _printable(name: str) -> str:
    """Return a file's name with "�" for the bytes that are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "replace")


def _digits() -> tuple[np.ndarray, np.ndarray]:
    loaded = load_digits()
    return np.round(loaded.images * 255 / 16).astype(np.uint8), loaded.target.astype(np.uint8)


def _arrays(name: str, class_names: tuple[str, ...]) -> LabelledImages:
    known = _registry.find(name)
    local = project.downloads() / f"{name}.npz"
    if local.exists():
        try:
            with np.load(local) as content:
                arrays = {file.path: content[file.path] for file in known.files}
        except Exception as error:  # NumPy and zipfile raise errors of many kinds
            raise ValueError(f"{local} is damaged ({error}): delete it or replace it") from error
    else:
        arrays = _from_keras(name, known, local)
    for file in known.files:
        if hashlib.sha256(arrays[file.path].tobytes()).hexdigest() != file.sha256:
            raise ValueError(f"{name}: the array {file.path} is not that of {known.title}")
    return LabelledImages(name, known.title, known.licence, class_names, **arrays)


def _from_keras(name: str, known: _registry.FileSet, local: Path) -> dict[str, np.ndarray]:
    try:
        splits = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises plain Exception
        raise FetchError(
            f"{name}.npz could not be fetched by {known.url} ({error}); without a network, put "
            f"it at {local}, with the arrays {', '.join(file.path for file in known.files)}"
        ) from error
    return {
        f"{kind}_{part}": x
        for part, split in zip(("train", "test"), splits, strict=True)
        for kind, x in zip("xy", split, strict=True)
    }
