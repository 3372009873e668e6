"""The image sets and arrays: found or fetched from their public homes, checked, and loaded."""

from helpers.data._cache import cached, digest
from helpers.data._fetching import FetchError, fetch
from helpers.data._pipelines import prefetched
from helpers.data._registry import sha256, verify
from helpers.data.image_set import Arrays, ImageSet
from helpers.data.sets import (
    caltech101,
    digits,
    digits_split,
    fashion_mnist,
    guest_love_photos,
    imagenet_classes,
    imagenet_samples,
    images_in,
    mnist,
    published,
    rupprecht_pictures,
)
from helpers.data.wordnet import is_animal, superordinate

__all__ = [
    "Arrays",
    "FetchError",
    "ImageSet",
    "cached",
    "caltech101",
    "digest",
    "digits",
    "digits_split",
    "fashion_mnist",
    "fetch",
    "guest_love_photos",
    "imagenet_classes",
    "imagenet_samples",
    "images_in",
    "is_animal",
    "mnist",
    "prefetched",
    "published",
    "rupprecht_pictures",
    "sha256",
    "superordinate",
    "verify",
]
