"""Image sets and arrays of the notebooks, and the numbers that the sources published.

A set is taken from the folder that LAYERS_DATA names (data/downloads by default), or
fetched from its public home and verified; data/sets.csv and data/registry.csv list
all sets and files.

Image sets: guest_love_photos, imagenet_samples, caltech101, rupprecht_pictures, digits,
image_set for any other of data/sets.csv, and images_in for a folder of your own. Training
and test images: mnist, fashion_mnist, digits_split. ImageNet's classes: imagenet_classes,
is_animal, superordinate. Published numbers: published, published_similarities. Files:
fetch, verify, sha256. Results that take long: cached, digest; temporary_folder for files that
appear only when they are complete.
"""

from helpers.data._cache import cached, digest
from helpers.data._fetching import FetchError, fetch
from helpers.data._image_set import ImageSet, LabelledImages, prefetched
from helpers.data._published import published, published_similarities
from helpers.data._registry import sha256, verify
from helpers.data._sets import (
    caltech101,
    digits,
    digits_split,
    fashion_mnist,
    guest_love_photos,
    image_set,
    imagenet_samples,
    images_in,
    mnist,
    rupprecht_pictures,
)
from helpers.data._temporary import temporary_folder
from helpers.data._wordnet import imagenet_classes, is_animal, superordinate

__all__ = [
    "FetchError",
    "ImageSet",
    "LabelledImages",
    "cached",
    "caltech101",
    "digest",
    "digits",
    "digits_split",
    "fashion_mnist",
    "fetch",
    "guest_love_photos",
    "image_set",
    "imagenet_classes",
    "imagenet_samples",
    "images_in",
    "is_animal",
    "mnist",
    "prefetched",
    "published",
    "published_similarities",
    "rupprecht_pictures",
    "sha256",
    "superordinate",
    "temporary_folder",
    "verify",
]
