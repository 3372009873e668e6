"""Mean responses to categories, accumulated in one pass of a network over an image set."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray

from helpers import layers
from helpers.data.image_set import ImageSet
from helpers.metrics import sparsity


class CategoryResponses:
    """The mean response of every channel to every category, keeping no image's activations.

    Attributes:
        categories: (categories,) str, sorted.
        counts: (categories,) how many images of each were seen and counted.
    """

    def __init__(self, labels: ArrayLike, chosen: ArrayLike | None = None) -> None:
        """Make an accumulator for images that will come in a known order.

        Args:
            labels: (images,) the category of each image.
            chosen: (images,) booleans, which images count; None for all.

        Raises:
            ValueError: labels is empty or no vector, or `chosen` leaves a category no image.
        """
        labels = np.asarray(labels)
        if labels.ndim != 1 or not labels.size:
            raise ValueError(f"labels must be a non-empty vector, got shape {labels.shape}")
        self.categories, self._index = np.unique(labels, return_inverse=True)
        self._chosen = np.ones(labels.size, bool) if chosen is None else np.asarray(chosen, bool)
        if self._chosen.shape != labels.shape:
            raise ValueError(f"{labels.size} labels but {self._chosen.size} images to choose from")
        left = np.bincount(self._index[self._chosen], minlength=len(self.categories))
        if (left == 0).any():
            raise ValueError(
                f"category {str(self.categories[left.argmin()])!r} has no chosen image"
            )
        self.counts = np.zeros(len(self.categories), np.int64)
        self._sums: NDArray[np.float64] | None = None
        self._seen = 0

    def update(self, x: ArrayLike) -> None:
        """Take in the activations (images, ..., channels) of the next images.

        Raises:
            ValueError: more images than labels, or a NaN or infinite activation.
        """
        x = np.asarray(x)
        means = x.reshape(len(x), -1, x.shape[-1]).mean(axis=1, dtype=np.float64)
        if not np.isfinite(means).all():
            image = self._seen + int((~np.isfinite(means)).any(axis=1).argmax())
            raise ValueError(f"image {image} has NaN or infinite activations")
        place = slice(self._seen, self._seen + len(x))
        if place.stop > len(self._index):
            raise ValueError(f"more images came than there are labels ({len(self._index)})")
        if self._sums is None:
            self._sums = np.zeros((len(self.categories), x.shape[-1]))
        chosen, index = self._chosen[place], self._index[place]
        np.add.at(self._sums, index[chosen], means[chosen])
        self.counts += np.bincount(index[chosen], minlength=len(self.counts))
        self._seen = place.stop

    @property
    def means(self) -> NDArray[np.float64]:
        """(categories, channels) mean over space and over the category's images.

        Raises:
            ValueError: not all images have come yet.
        """
        if self._seen < len(self._index):
            raise ValueError(f"only {self._seen} of {len(self._index)} images have come")
        return self._sums / self.counts[:, None]


@dataclass(frozen=True, eq=False)
class Responses:
    """What one pass of a network over an image set leaves.

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


def respond(
    model: keras.Model,
    images: ImageSet,
    patterns: Iterable[str],
    penultimate: str | None = None,
    subsets: Mapping[str, ArrayLike] | None = None,
    **options,
) -> Responses:
    """Run a network once over images and return its responses to their categories.

    Args:
        model: see `layers.stream`.
        images: the image set; its categories are the categories.
        patterns: layers as in `layers.select`.
        penultimate: the layer whose spatial means are kept for each image; None for none.
        subsets: name -> (images,) booleans; "all" is always there.
        **options: passed on to `layers.stream`.

    Raises:
        ValueError: as `layers.stream` and `CategoryResponses`; an activation that is
            NaN or infinite names its layer.
    """
    names = layers.select(model, patterns)
    subsets = {"all": np.ones(len(images), bool), **(subsets or {})}
    parts = {
        subset: {name: CategoryResponses(images.category, chosen) for name in names}
        for subset, chosen in subsets.items()
    }
    features = []
    wanted = names if penultimate is None else [*names, penultimate]
    for batch in layers.stream(model, images, wanted, reduce=layers.spatial_mean, **options):
        if penultimate is not None:
            features.append(batch.activations[penultimate].copy())
        for subset in parts.values():
            for name, accumulator in subset.items():
                _update(accumulator, batch.activations[name], name)
    return Responses(
        network=getattr(getattr(model, "source", None), "title", model.name),
        categories=np.unique(images.category),
        labels=images.category,
        means={s: {name: a.means for name, a in layer.items()} for s, layer in parts.items()},
        features=np.concatenate(features) if features else None,
    )


def rank_within(labels: ArrayLike) -> NDArray[np.int64]:
    """Return each image's place (0, 1, …) among the images of its category.

    `rank_within(labels) % 2` gives two interleaved folds, `rank_within(labels) < n`
    the first n images of every category.
    """
    return pd.Series(np.asarray(labels)).groupby(np.asarray(labels)).cumcount().to_numpy()


def psi_table(responses: Responses, subset: str = "all", null_seed: int = 0) -> pd.DataFrame:
    """Return the PSI of every category in every layer, with its variants and nulls.

    Measures: psi (Liu, Zhen & Liu's normalisation); psi, z-scores (no min-max:
    z-scores, their negative half set to 0) and psi, raw and gini, raw (the category
    responses as they are; left out where one is negative); psi, shuffled units
    and psi, noise (the nulls of `sparsity.psi_null` and `sparsity.psi_noise`).

    Args:
        responses: from `respond`.
        subset: which of its subsets of images.
        null_seed: of the two nulls.

    Returns:
        Columns network, layer, depth, units, dead (units that are constant across
        categories), category, measure, value.
    """
    rows = []
    for depth, (layer, table) in enumerate(responses.means[subset].items()):
        dead = int(sparsity.dead_units(table).sum())
        for measure, values in _variants(table, null_seed).items():
            rows.append(
                pd.DataFrame(
                    {
                        "network": responses.network,
                        "layer": layer,
                        "depth": depth,
                        "units": table.shape[1],
                        "dead": dead,
                        "category": responses.categories,
                        "measure": measure,
                        "value": values,
                    }
                )
            )
    return pd.concat(rows, ignore_index=True)


def wide(table: pd.DataFrame) -> NDArray[np.float64]:
    """Return a network's rows of `psi_table`, one measure, as (categories, layers)."""
    return table.pivot(index="category", columns="depth", values="value").to_numpy()


def small_pixels(images: ImageSet, side: int = 32) -> NDArray[np.float32]:
    """Return the images shrunk to side x side, as vectors (images, side² * channels) of 0..1."""

    def shrink(image: tf.Tensor) -> tf.Tensor:
        return tf.reshape(tf.image.resize(image, (side, side), antialias=True) / 255.0, [-1])

    return np.concatenate([batch.numpy() for batch in images.tensors(shrink, batch_size=256)])


def variance_within(vectors: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Return how much the images of each category differ: the mean squared distance to their mean.

    Args:
        vectors: (images, dimensions).
        labels: (images,) categories.

    Returns:
        (categories,) in the order of the sorted categories, in squared units of `vectors`.
    """
    vectors, labels = np.asarray(vectors, float), np.asarray(labels)
    return np.array(
        [vectors[labels == category].var(axis=0).sum() for category in np.unique(labels)]
    )


def _update(accumulator: CategoryResponses, x: NDArray, layer: str) -> None:
    try:
        accumulator.update(x)
    except ValueError as error:
        raise ValueError(f"layer {layer!r}: {error}") from error


def _variants(table: NDArray[np.float64], seed: int) -> dict[str, NDArray[np.float64]]:
    spread = np.where(sparsity.dead_units(table), np.inf, table.std(axis=0))
    scores = (table - table.mean(axis=0)) / spread
    variants = {
        "psi": sparsity.psi(sparsity.normalise_responses(table)),
        "psi, z-scores": sparsity.psi(np.maximum(scores, 0)),
        "psi, shuffled units": sparsity.psi_null(table, seed, repeats=1)[0],
        "psi, noise": sparsity.psi_noise(*table.shape, seed=seed)[0],
    }
    if table.min() >= 0:
        variants |= {"psi, raw": sparsity.psi(table), "gini, raw": sparsity.gini(table, axis=1)}
    return variants
