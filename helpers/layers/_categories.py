"""Mean responses of channels to categories, from one pass of a network over an image set."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import ArrayLike, NDArray

from helpers.data import ImageSet
from helpers.layers._graph import select, title
from helpers.layers._inputs import numbers
from helpers.layers._passes import feed, in_parts
from helpers.layers._shards import built, merged
from helpers.layers._stream import spatial_mean, stream


class CategoryMeans:
    """An accumulator of the mean response of every channel to every category.

    Attributes:
        categories: (categories,) str, sorted.
        counts: (categories,) how many images of each were seen and counted.
    """

    def __init__(
        self,
        labels: ArrayLike,
        chosen: ArrayLike | None = None,
        categories: ArrayLike | None = None,
    ) -> None:
        """Prepare for images whose order is known.

        Args:
            labels: (images,) the category of each image.
            chosen: (images,) booleans, which images count; None for all.
            categories: (categories,) sorted; None for those of the labels. Named for a part of
                the images, to be merged with the other parts.

        Raises:
            TypeError: `labels` are neither text nor numbers, or `chosen` are not booleans.
            ValueError: `labels` is empty or not a vector, or `chosen` leaves a category without
                images; or a label is missing.
        """
        labels = _labels(labels)
        if labels.ndim != 1 or not labels.size:
            raise ValueError(f"labels must be a non-empty vector, got shape {labels.shape}")
        self.categories = np.unique(labels if categories is None else categories)
        self._index = np.searchsorted(self.categories, labels)
        if not np.isin(labels, self.categories).all():
            raise ValueError("categories leave out some of the labels")
        chosen = numbers(np.ones(labels.size, bool) if chosen is None else chosen, "chosen")
        if not np.isin(chosen, (0, 1)).all():
            raise ValueError("chosen must be booleans, or 0 and 1")
        self._chosen = chosen.astype(bool)
        if self._chosen.shape != labels.shape:
            raise ValueError(f"{labels.size} labels but chosen has shape {chosen.shape}")
        left = np.bincount(self._index[self._chosen], minlength=len(self.categories))
        if categories is None and (left == 0).any():
            raise ValueError(
                f"category {str(self.categories[left.argmin()])!r} has no chosen image"
            )
        self.counts = np.zeros(len(self.categories), np.int64)
        self._sums: NDArray[np.float64] | None = None
        self._seen = 0

    def update(self, x: ArrayLike) -> None:
        """Take in the activations (images, ..., channels) of the next images.

        Raises:
            TypeError: x does not hold real numbers.
            ValueError: more images than labels, none at all, a NaN or infinite activation, or
                another number of channels than before.
        """
        x = numbers(x, "x")
        if x.ndim < 2 or not x.size:
            raise ValueError(f"x must be activations (images, ..., channels), got shape {x.shape}")
        means = x.reshape(len(x), -1, x.shape[-1]).mean(axis=1, dtype=np.float64)
        if not np.isfinite(means).all():
            image = self._seen + int((~np.isfinite(means)).any(axis=1).argmax())
            raise ValueError(f"image {image} has NaN or infinite activations")
        place = slice(self._seen, self._seen + len(x))
        if place.stop > len(self._index):
            raise ValueError(f"more images came than there are labels ({len(self._index)})")
        if self._sums is None:
            self._sums = np.zeros((len(self.categories), x.shape[-1]))
        if x.shape[-1] != self._sums.shape[1]:
            raise ValueError(f"{x.shape[-1]} channels after batches of {self._sums.shape[1]}")
        chosen, index = self._chosen[place], self._index[place]
        np.add.at(self._sums, index[chosen], means[chosen])
        self.counts += np.bincount(index[chosen], minlength=len(self.counts))
        self._seen = place.stop

    def merge(self, other: CategoryMeans) -> None:
        """Take in what another one saw, images that come after those of this one.

        Raises:
            ValueError: this one still waits for images, or the categories or channels are others.
        """
        if self._seen < len(self._index):
            raise ValueError(f"only {self._seen} of {len(self._index)} images have come")
        if not np.array_equal(self.categories, other.categories):
            raise ValueError("only means of the same categories can be merged")
        if self._sums.shape != np.shape(other._sums):
            raise ValueError(f"{np.shape(other._sums)} sums cannot join {self._sums.shape}")
        self._sums = self._sums + other._sums
        self.counts = self.counts + other.counts
        self._index = np.concatenate([self._index, other._index])
        self._chosen = np.concatenate([self._chosen, other._chosen])
        self._seen += other._seen

    @property
    def means(self) -> NDArray[np.float64]:
        """(categories, channels) mean over space and over the category's images.

        Raises:
            ValueError: not all images have come yet.
        """
        if self._seen < len(self._index):
            raise ValueError(f"only {self._seen} of {len(self._index)} images have come")
        return self._sums / self.counts[:, None]


def _labels(labels: ArrayLike) -> np.ndarray:
    """Return text or numbers, none of them missing, or raise TypeError or ValueError."""
    if np.ma.is_masked(labels):
        raise ValueError("labels mask values: drop those images")
    labels = np.asarray(labels)
    if labels.dtype == object and all(isinstance(label, str) for label in labels.flat):
        labels = labels.astype(str)
    if labels.dtype.kind not in "biufUS":
        raise TypeError(f"labels hold {labels.dtype}: give text or numbers, none missing")
    if labels.dtype.kind == "f" and np.isnan(labels).any():
        raise ValueError("labels hold NaN: drop those images, or give them a category")
    return labels


@dataclass(frozen=True, eq=False)
class Responses:
    """Mean responses of a network to the categories of an image set.

    Attributes:
        network: the network's title.
        categories: (categories,) str.
        labels: (images,) str, the category of each image.
        means: subset name -> layer -> (categories, channels), layers in depth order.
        features: (images, channels) spatial means of the layer that feeds the classifier;
            None if no such layer was named.
    """

    network: str
    categories: NDArray
    labels: NDArray
    means: Mapping[str, Mapping[str, NDArray[np.float64]]]
    features: NDArray[np.float32] | None


def category_responses(
    model: keras.Model,
    images: ImageSet,
    layers: str | Iterable[str] | None = None,
    penultimate: str | None = None,
    subsets: Mapping[str, ArrayLike] | None = None,
    *,
    client: Any = None,
    keep: str | Path | None = None,
    **options: Any,
) -> Responses:
    """Return each channel's mean response to each category, from one pass over the images.

    Args:
        model: see `measure`.
        images: the image set; its categories are the categories.
        layers: names or patterns as in `select`; None for all layers.
        penultimate: the layer whose spatial means are kept for each image; None for none.
        subsets: name -> (images,) booleans; "all" is always there.
        client: see `measure`.
        keep: see `measure`.
        **options: passed on to `stream`.

    Raises:
        ValueError: as `measure` and `CategoryMeans`; an activation that is NaN or infinite
            names its layer.
    """
    network = built(model)
    names = select(network, layers)
    labels = np.asarray(images.category)
    subsets = {"all": np.ones(len(images), bool), **(subsets or {})}
    for chosen in subsets.values():
        CategoryMeans(labels, chosen)  # refuses what does not fit
    categories = np.unique(labels)
    subsets = {name: np.asarray(chosen, bool) for name, chosen in subsets.items()}

    def job(place: slice) -> Callable[..., _Part]:
        chosen = {name: subset[place] for name, subset in subsets.items()}
        known = {"labels": labels[place], "categories": categories, "subsets": chosen}
        return partial(_responses, names=names, penultimate=penultimate, **known)

    wanted = names if penultimate is None else [*names, penultimate]
    options["reduce"] = spatial_mean
    done = in_parts(job, model, network, images, wanted, client, keep, options)
    means = {
        subset: {name: merged([part[0][subset][name] for part in done]).means for name in names}
        for subset in subsets
    }
    features = [part[1] for part in done]
    return Responses(
        network=title(network),
        categories=categories,
        labels=labels,
        means=means,
        features=None if penultimate is None else np.concatenate(features),
    )


_Part = tuple[dict[str, dict[str, CategoryMeans]], NDArray[np.float32] | None]


def _responses(
    model: keras.Model,
    images: ImageSet,
    *,
    names: Sequence[str],
    penultimate: str | None,
    labels: NDArray,
    categories: NDArray,
    subsets: Mapping[str, NDArray[np.bool_]],
    **options: Any,
) -> _Part:
    """Sum the responses to some of the images, and keep their features."""
    parts = {
        subset: {name: CategoryMeans(labels, chosen, categories) for name in names}
        for subset, chosen in subsets.items()
    }
    features = []
    wanted = names if penultimate is None else [*names, penultimate]
    for _, batch in stream(model, images, wanted, **options):
        if penultimate is not None:
            features.append(batch[penultimate])
        for subset in parts.values():
            for name, accumulator in subset.items():
                feed(accumulator, batch[name], name)
    return parts, np.concatenate(features) if features else None
