"""The data sets of the notebooks: found or fetched, checked, and loaded."""

from __future__ import annotations

import hashlib
import re
import warnings
import zipfile
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits

from helpers import project
from helpers.data import _registry
from helpers.data._fetching import FetchError, extracted, fetch, fetch_archive
from helpers.data.image_set import Arrays, ImageSet
from helpers.data._registry import verify

__all__ = [
    "Arrays",
    "FetchError",
    "ImageSet",
    "caltech101",
    "digits",
    "digits_split",
    "fashion_mnist",
    "fetch",
    "guest_love_photos",
    "imagenet_classes",
    "imagenet_samples",
    "images_in",
    "mnist",
    "published",
    "rupprecht_pictures",
    "verify",
]

DIGITS = ("digits", "8 x 8 digits (Alpaydin & Kaynak 1998, from scikit-learn)", "CC BY 4.0")
CALTECH_IN_REGISTRY, CALTECH_IN_ARCHIVE = 25, 40  # images a category


def guest_love_photos() -> ImageSet:
    """Return the 40 photos of Guest & Love (2017), 5 in each of 8 categories."""
    known = _registry.find("guest-love-2017")
    paths = [file.path for file in known.files]
    names = [Path(path).stem for path in paths]
    return _image_set(known, paths, names, [Path(path).parent.name for path in paths])


def rupprecht_pictures() -> ImageSet:
    """Return the 7 animal pictures, 100 x 100, that Rupprecht's (2017) public notebook reads.

    The source records no licence for the single pictures and gives them no categories:
    all have the category "animal".
    """
    known = _registry.find("rupprecht-2017-basis")
    paths = [file.path for file in known.files]
    return _image_set(known, paths, [Path(path).stem for path in paths], ["animal"] * len(paths))


def imagenet_samples() -> ImageSet:
    """Return 500 ImageNet images, one of every second class in the order of WordNet ids.

    `names` are the WordNet ids (n01440764 …), `category` the English class names.
    """
    known = _registry.find("imagenet-sample-images")
    paths = [file.path for file in known.files]
    parts = [Path(path).stem.partition("_") for path in paths]
    names, categories = [part[0] for part in parts], [part[2].replace("_", " ") for part in parts]
    return _image_set(known, paths, names, categories)


def caltech101(per_category: int = CALTECH_IN_REGISTRY) -> ImageSet:
    """Return the first images of each of Caltech-101's 101 object categories.

    More than 25 a category need the archive of the public home (137 MB, fetched once).

    Args:
        per_category: 1 to 40; a few categories have only 31 to 39 images and give all.

    Raises:
        ValueError: per_category is not within 1 to 40.
    """
    if not 1 <= per_category <= CALTECH_IN_ARCHIVE:
        raise ValueError(f"per_category={per_category}: choose 1 to {CALTECH_IN_ARCHIVE}")
    known = _registry.find("caltech-101")
    paths = [file.path for file in known.files]
    if per_category > CALTECH_IN_REGISTRY:
        if not extracted(known):
            fetch_archive(known)
        paths = sorted(extracted(known), key=str.lower)
    paths = [path for path in paths if int(Path(path).stem[-4:]) <= per_category]
    names = [path.removesuffix(".jpg") for path in paths]
    return _image_set(known, paths, names, [Path(path).parent.name for path in paths])


def images_in(folder: str | Path) -> ImageSet:
    """Return the images of a folder of your own; the sub-folder is the category.

    Which files are images is told by their extension; a warning names other files,
    hidden ones excepted. `check()` of the set tells which images can be read.

    Raises:
        ValueError: the folder does not exist or holds no images.
    """
    folder = Path(folder)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    files = [path for path in files if not path.name.startswith(".")]
    known = Image.registered_extensions()
    paths = [path for path in files if path.suffix.lower() in known]
    if not paths:
        raise ValueError(f"{folder} holds no images" if folder.is_dir() else f"no folder {folder}")
    if others := [path.name for path in files if path.suffix.lower() not in known]:
        warnings.warn(f"{folder.name}: not images, left out: {', '.join(others)}", stacklevel=2)
    return ImageSet(
        name=folder.name,
        title=folder.name,
        licence="your own",
        names=np.array([path.relative_to(folder).as_posix() for path in paths]),
        category=np.array([path.parent.name for path in paths]),
        paths=tuple(paths),
    )


def digits(n: int | None = None) -> ImageSet:
    """Return the first n (by default all 1,797) of scikit-learn's 8 x 8 digits.

    Grey, uint8 (8, 8, 1), their 17 levels spread over 0 to 255; categories "0" to "9".
    """
    pixels, labels = (values[:n] for values in _digits())
    indices = np.arange(len(labels)).astype(str)
    return ImageSet(*DIGITS, indices, labels.astype(str), pixels=pixels[..., None])


def digits_split() -> Arrays:
    """Return scikit-learn's digits in the form of MNIST: every fifth is a test image."""
    x, y = _digits()
    test = np.arange(len(y)) % 5 == 4
    return Arrays(*DIGITS, tuple("0123456789"), x[~test], y[~test], x[test], y[test])


def mnist() -> Arrays:
    """Return MNIST: 60,000 and 10,000 images of 28 x 28.

    The arrays, whatever file they came in, are checked by their SHA-256.

    Raises:
        ValueError: a local mnist.npz is damaged or holds something else.
        FetchError: there is none, and Keras cannot download it.
    """
    return _arrays("mnist", tuple("0123456789"))


def fashion_mnist() -> Arrays:
    """Return Fashion-MNIST, in the form of MNIST and checked in the same way."""
    clothes = ("T-shirt", "trouser", "pullover", "dress", "coat")
    return _arrays("fashion_mnist", (*clothes, "sandal", "shirt", "sneaker", "bag", "ankle boot"))


def imagenet_classes() -> pd.DataFrame:
    """Return ImageNet's 1,000 classes in the order of Keras' outputs, that of WordNet ids.

    Returns:
        A table with the columns wnid, name (English) and node (the class's output in
        the 2015 Inception-v3, 1 to 1,000).
    """
    folder = _registry.find("inception-2015-12-05").folder
    label_map = fetch(f"{folder.name}/imagenet_2012_challenge_label_map_proto.pbtxt").read_text()
    pairs = re.findall(r'target_class: (\d+)\s+target_class_string: "(n\d+)"', label_map)
    lines = fetch(f"{folder.name}/imagenet_synset_to_human_label_map.txt").read_text().splitlines()
    english = dict(line.split("\t") for line in lines)
    rows = sorted((wnid, english[wnid], int(node)) for node, wnid in pairs)
    return pd.DataFrame(rows, columns=["wnid", "name", "node"])


def published(source: str | None = None) -> pd.DataFrame:
    """Return the numbers that the sources published, as data/published.csv holds them.

    Args:
        source: one of its source ids; None for all.

    Returns:
        One row for each number: source, place, network, dataset, source_layer (the source's
        name), layer (the name here, NaN if there is none), condition, measure, value,
        approximate (whether read off a figure or given as a bound).

    Raises:
        ValueError: no source has that id; the message lists those there are.
    """
    table = pd.read_csv(_registry.TABLES / "published.csv")
    if source is None:
        return table
    chosen = table[table.source == source]
    if chosen.empty:
        raise ValueError(f"no source {source!r}: choose one of {', '.join(table.source.unique())}")
    return chosen.reset_index(drop=True)


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


def _digits() -> tuple[np.ndarray, np.ndarray]:
    loaded = load_digits()
    return np.round(loaded.images * 255 / 16).astype(np.uint8), loaded.target.astype(np.uint8)


def _arrays(name: str, class_names: tuple[str, ...]) -> Arrays:
    known = _registry.find(name)
    local = project.downloads() / f"{name}.npz"
    if local.exists():
        try:
            with np.load(local) as content:
                arrays = {file.path: content[file.path] for file in known.files}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise ValueError(f"{local} is damaged ({error}): delete it or replace it") from error
    else:
        arrays = _from_keras(name, known, local)
    for file in known.files:
        if hashlib.sha256(arrays[file.path].tobytes()).hexdigest() != file.sha256:
            raise ValueError(f"{name}: the array {file.path} is not that of {known.title}")
    return Arrays(name, known.title, known.licence, class_names, **arrays)


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
