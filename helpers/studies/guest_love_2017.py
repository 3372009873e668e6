"""Notebook 01: the published heat maps, which photos a layer takes for alike, random controls."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import permutations
from timeit import repeat
from typing import NamedTuple

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from helpers import data, layers, models, plotting, report
from helpers.metrics import checks, similarity, sparsity
from helpers.metrics.accuracy import rank_within
from helpers.metrics.intervals import superiority

Array = NDArray[np.float64]

# The photos' categories, in the order of `data.guest_love_photos` and of the published matrices.
NAMES = ("banjo", "guitar", "moped", "sportscar", "lion", "tiger", "robin", "partridge")
CATEGORY = np.repeat(NAMES, 5)
RELATED = (("banjo", "guitar"), ("moped", "sportscar"), ("lion", "tiger"), ("robin", "partridge"))
SOURCE_NAMES = dict(
    zip(
        ("input", *models.GUEST_LOVE_LAYERS),
        ("Mul (Sub / 128)", "conv", "conv_1", "conv_2", "pool", "conv_3", "conv_4", "pool_1",
         "mixed", *(f"mixed_{i}" for i in range(1, 11)), "pool_3", "softmax"),
        strict=True,
    )
)  # fmt: skip
STEP = 0.008  # of the published colours: 256 from -1 to 1
# Digits that look alike, for the quick profile.
LOOK_ALIKES = (("1", "7"), ("3", "8"), ("4", "9"))


def parts_of_gini(means: pd.DataFrame) -> pd.DataFrame:
    """Split each layer's Gini coefficient into silence and inequality of the active units.

    G = (1 - a) + a G_active, with a the active fraction; an identity for each image, and so
    for the means over images, where G_active is weighted by a.

    Args:
        means: index layer, in order of depth; columns gini, active_fraction.

    Returns:
        The same rows with the columns layer, depth, silence (1 - a), inequality (a G_active),
        gini_active, added.

    Raises:
        TypeError: gini or active_fraction hold no real numbers.
        ValueError: they are infinite, or there are no layers.
    """
    columns = ("gini", "active_fraction")
    means = means.assign(**{c: checks.finite(means[c], c, missing=True) for c in columns})
    parts = means.rename_axis("layer").reset_index()
    parts["depth"] = range(len(parts))
    parts["silence"] = 1 - parts["active_fraction"]
    parts["inequality"] = parts["gini"] - parts["silence"]
    parts["gini_active"] = parts["inequality"] / parts["active_fraction"]
    return parts


def average_over(x: np.ndarray, window: int) -> np.ndarray:
    """Average feature maps over square windows that do not overlap.

    Args:
        x: (images, height, width, channels).
        window: side of a window; rows and columns that fill no window are left out.

    Returns:
        (images, height // window, width // window, channels).

    Raises:
        ValueError: the window is larger than the maps.
    """
    images, height, width, channels = x.shape
    rows, columns = height // window, width // window
    if not rows or not columns:
        raise ValueError(f"a window of {window} does not fit maps of {height} × {width}")
    inside = x[:, : rows * window, : columns * window]
    return inside.reshape(images, rows, window, columns, window, channels).mean(axis=(2, 4))


def to_table(matrices: Mapping[str, ArrayLike]) -> pd.DataFrame:
    """Turn (images, images) matrices into a table: first, second image, and a column per layer."""
    matrices = {k: checks.square_matrices(m, f"matrices {k!r}", 2) for k, m in matrices.items()}
    first, second = np.triu_indices(len(next(iter(matrices.values()))), 1)
    values = {layer: matrix[first, second] for layer, matrix in matrices.items()}
    return pd.DataFrame({"first": first, "second": second, **values})


def to_matrices(table: pd.DataFrame) -> dict[str, Array]:
    """Turn the table of `to_table` back into symmetric matrices with ones on the diagonal."""
    first, second = table["first"], table["second"]
    matrices = {layer: np.eye(second.max() + 1) for layer in table.columns[2:]}
    for layer, matrix in matrices.items():
        matrix[first, second] = matrix[second, first] = table[layer]
    return matrices


def share_within(ours: ArrayLike, published: ArrayLike, step: float) -> float:
    """Return the share of pairs of images whose two correlations differ by at most `step`.

    Raises:
        TypeError: no real numbers.
        ValueError: no square matrices, NaN or infinity.
    """
    ours = checks.square_matrices(ours, "ours", 2, missing=False)
    published = checks.square_matrices(published, "published", 2, missing=False)
    pairs = np.triu_indices(len(ours), 1)
    return float(np.mean(np.abs(ours - published)[pairs] <= step))


def fitted_order(
    ours: Sequence[ArrayLike], published: Sequence[ArrayLike], category: ArrayLike
) -> NDArray[np.int64]:
    """Find the order of the images within each category that fits published matrices best.

    Category after category, all orders are tried against those that are placed already, by
    the sum of squared differences; a second round compares each with all others.

    Args:
        ours: one (images, images) matrix per layer.
        published: the same layers, images of one category in another order.
        category: (images,) the category of each image, the same for both.

    Returns:
        (images,) `order`, with ours[:, order][:, :, order] close to published.
    """
    ours, published, category = np.array(ours), np.array(published), np.asarray(category)
    groups = [np.flatnonzero(category == each) for each in dict.fromkeys(category)]
    order, placed = np.arange(len(category)), np.array([], int)

    def misfit(members: np.ndarray, arranged: Sequence[int]) -> float:
        trial = order.copy()
        trial[members] = arranged
        off = ours[:, trial[members]][:, :, trial[placed]] - published[:, members][:, :, placed]
        return float((off**2).sum())

    for members in groups + groups:
        placed = np.union1d(placed, members)
        candidates = permutations(np.sort(order[members]))
        order[members] = min(candidates, key=lambda each, m=members: misfit(m, each))
    return order


def shares_in_order_of_others(
    ours: Mapping[str, ArrayLike],
    published: Mapping[str, ArrayLike],
    category: ArrayLike,
    step: float,
) -> dict[str, float]:
    """Compare matrices in an order of the images that was fitted to other layers only.

    The layers are dealt into two halves, first, third, … and second, fourth, …; each half is
    judged in the order that fits the other half best, so that no layer has a say in its own.

    Args:
        ours: layer -> (images, images).
        published: the same layers and more.
        category: (images,).
        step: see `share_within`.

    Returns:
        layer -> share of pairs.
    """
    names, shares = list(ours), {}
    for judged, fitted in ((names[::2], names[1::2]), (names[1::2], names[::2])):
        order = fitted_order([ours[n] for n in fitted], [published[n] for n in fitted], category)
        for name in judged:
            arranged = np.asarray(ours[name])[np.ix_(order, order)]
            shares[name] = share_within(arranged, published[name], step)
    return {name: shares[name] for name in names}


def agreement(
    ours: Mapping[str, ArrayLike],
    published: Mapping[str, ArrayLike],
    category: ArrayLike,
    approximate: Sequence[str] = (),
    seed: int = 0,
) -> pd.DataFrame:
    """Compare our correlations with published ones that are exact to half a colour step, .004.

    Args:
        ours: layer -> (images, images).
        published: the same layers.
        category: (images,).
        approximate: layers that rest on re-estimated weights: they have no say in the order of
            the images, and are not judged in one.
        seed: of the random order.

    Returns:
        A row per layer: the share of pairs within .004 and .008; within .008 in the order of the
        images that was fitted to other layers (`shares_in_order_of_others`), and in a random
        order within categories; the largest difference; and Pearson's r over the pairs.
    """
    ours = {layer: checks.square_matrices(m, f"ours {layer!r}", 2) for layer, m in ours.items()}
    category = checks.one_each(category, len(next(iter(ours.values()))), "category")
    rng = np.random.default_rng(seed)
    members = [np.flatnonzero(category == each) for each in dict.fromkeys(category)]
    shuffle = np.empty(len(category), int)
    shuffle[np.concatenate(members)] = np.concatenate([rng.permutation(m) for m in members])
    shuffled = {layer: np.asarray(m)[np.ix_(shuffle, shuffle)] for layer, m in ours.items()}
    sound = {layer: m for layer, m in shuffled.items() if layer not in approximate}
    blind = shares_in_order_of_others(sound, published, category, STEP)
    above, rows = np.triu_indices(len(category), 1), {}
    for layer, theirs in published.items():
        a, b = np.asarray(ours[layer])[above], np.asarray(theirs)[above]
        rows[layer] = {
            "within .004": share_within(ours[layer], theirs, STEP / 2),
            "within .008": share_within(ours[layer], theirs, STEP),
            "order of others": blind.get(layer, np.nan),
            "random order": share_within(shuffled[layer], theirs, STEP),
            "largest difference": np.abs(a - b).max(),
            "r": np.corrcoef(a, b)[0, 1],
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def recovery(
    correlations: Sequence[ArrayLike],
    category: ArrayLike,
    related: Sequence[tuple[str, str]],
    images: NDArray[np.int64] | None = None,
) -> Array:
    """Return how well layers' correlations tell which images are alike.

    Args:
        correlations: one (images, images) matrix per layer.
        category: (images,).
        related: pairs of categories that are related.
        images: which images, for a bootstrap; pairs of an image with itself are left out.

    Returns:
        (2, layers) areas under the ROC curve: how often two images of one category are more
        correlated than two of different ones; and how often, among the latter, images of
        related categories are more correlated than those of unrelated ones.

    Raises:
        TypeError: correlations are no real numbers, or categories neither text nor numbers.
        ValueError: no square matrices, NaN or infinity, or not one category per image.
    """
    stack = checks.square_matrices(correlations, "correlations", missing=False)
    category = checks.one_each(category, stack.shape[-1], "category")
    images = np.arange(len(category)) if images is None else images
    above = np.triu_indices(len(images), 1)
    first, second = images[above[0]], images[above[1]]
    first, second = first[first != second], second[first != second]
    partner = {**dict(related), **{b: a for a, b in related}}
    partners = np.array([partner.get(each, "") for each in category])
    pairs, same = stack[:, first, second], category[first] == category[second]
    kin = partners[first] == category[second]
    return np.array(
        [superiority(pairs[:, same], pairs[:, ~same]),
         superiority(pairs[:, kin], pairs[:, ~same & ~kin])]
    )  # fmt: skip


def recovery_by_layer(
    matrices: Mapping[str, ArrayLike],
    category: ArrayLike,
    related: Sequence[tuple[str, str]],
    repeats: int = 500,
    seed: int = 0,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return `recovery` of each layer, and its trend with depth, with bootstrap intervals.

    Images are resampled within their categories. As these are small, the percentiles are taken
    further out, as in `intervals.bootstrap`: by sqrt(m / (m - 1)) for categories of m images,
    and by what Student's t is wider.

    Args:
        matrices: layer -> (images, images), in order of depth.
        category: see `recovery`.
        related: see `recovery`.
        repeats: bootstrap samples.
        seed: of the resampling.

    Returns:
        A table with the columns layer, pairs ("same category", "related categories"), value,
        low, high; and one with pairs, tau (Kendall's, of depth and value), low, high.
    """
    matrices = {k: checks.square_matrices(m, f"matrices {k!r}", 2) for k, m in matrices.items()}
    stack = np.array(list(matrices.values()))
    category = checks.one_each(category, stack.shape[-1], "category")
    members = [np.flatnonzero(category == each) for each in dict.fromkeys(category)]
    rng = np.random.default_rng(seed)
    draws = [np.arange(len(category))]
    draws += [np.concatenate([rng.choice(m, len(m)) for m in members]) for _ in range(repeats)]
    values = np.array([recovery(stack, category, related, draw) for draw in draws])
    size = len(category) / len(members)
    further = np.sqrt(size / (size - 1)) * stats.t.isf(0.025, len(category) - len(members))
    ends = [stats.norm.sf(further), stats.norm.cdf(further)]
    depth = np.arange(len(matrices))
    taus = np.array([[stats.kendalltau(depth, row).statistic for row in each] for each in values])
    table, trends = [], []
    for k, pairs in enumerate(("same category", "related categories")):
        low, high = np.quantile(values[1:, k], ends, axis=0)
        found = {"value": values[0, k], "low": low, "high": high}
        table.append(pd.DataFrame({"layer": list(matrices), "pairs": pairs, **found}))
        trends.append((pairs, taus[0, k], *np.quantile(taus[1:, k], ends)))
    trend = pd.DataFrame(trends, columns=["pairs", "tau", "low", "high"])
    return pd.concat(table, ignore_index=True), trend


def to_colours(r: ArrayLike) -> Array:
    """Round correlations to the published colours: the middles of 256 steps from -1 to 1.

    NaN stays NaN.

    Raises:
        TypeError: no real numbers.
        ValueError: r is empty or infinite.
    """
    return (np.floor((checks.finite(r, "r", missing=True) + 1) * 128) + 0.5) / 128 - 1


def effect_of_colours(
    ours: Mapping[str, ArrayLike],
    published: Mapping[str, ArrayLike],
    chosen: Sequence[str],
    category: ArrayLike,
    related: Sequence[tuple[str, str]],
) -> pd.DataFrame:
    """Say what the AUC of related categories rests on where correlations are rounded to colours.

    Args:
        ours: layer -> (images, images).
        published: the same layers.
        chosen: layers to look at.
        category: (images,).
        related: pairs of categories that are related.

    Returns:
        A row per layer and matrix ("published", "ours", "ours, rounded"): "AUC, related"
        (`recovery`); "ties", the share of comparisons of a related with an unrelated pair of
        images that are equal; "different values" between categories.
    """
    ours = {k: checks.square_matrices(m, f"ours {k!r}", 2, missing=False) for k, m in ours.items()}
    category = checks.one_each(category, len(next(iter(ours.values()))), "category")
    rows = {}
    first, second = np.triu_indices(len(category), 1)
    other = category[first] != category[second]
    first, second = first[other], second[other]
    partner = {**dict(related), **{b: a for a, b in related}}
    partners = np.array([partner.get(each, "") for each in category])
    kin = partners[first] == category[second]
    for layer in chosen:
        matrices = {"published": published[layer], "ours": ours[layer]}
        for name, m in (matrices | {"ours, rounded": to_colours(ours[layer])}).items():
            r = checks.square_matrices(m, name, 2, missing=False)[first, second]
            rows[layer, name] = {
                "AUC, related": float(superiority(r[kin], r[~kin])),
                "ties": float(np.mean(r[kin][:, None] == r[~kin])),
                "different values": len(np.unique(r)),
            }
    return pd.DataFrame(rows).T


def with_and_without_places(
    gini: Mapping[str, float],
    correlations: Mapping[str, ArrayLike],
    channels: Mapping[str, ArrayLike],
    category: ArrayLike,
    related: Sequence[tuple[str, str]],
) -> pd.DataFrame:
    """Compare layers' maps with their channels' means, by Gini and by `recovery`.

    Args:
        gini: layer -> mean Gini coefficient of its maps.
        correlations: layer -> (images, images), of its maps.
        channels: layer -> (images, channels) of the layers to compare.
        category: see `recovery`.
        related: see `recovery`.

    Returns:
        A row per layer.
    """
    rows = {}
    for layer, means in channels.items():
        both = [correlations[layer], similarity.correlation(means)]
        maps, pooled = recovery(both, category, related)[1]
        rows[layer] = {
            "Gini, maps": gini[layer],
            "Gini, channel means": float(sparsity.gini(means, axis=1).mean()),
            "AUC of related, maps": maps,
            "AUC of related, channel means": pooled,
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def trade_off(
    x: np.ndarray,
    category: ArrayLike,
    related: Sequence[tuple[str, str]],
    powers: Sequence[float] = (0.25, 0.5, 1, 2, 3),
    repeats: int = 200,
    seed: int = 0,
) -> pd.DataFrame:
    """Change a layer's sparsity in two ways and see what becomes of `recovery`.

    "averaged over places": in windows of 1, 2, 4, ... and the whole map (`average_over`);
    "raised to a power": each activation, so that the same units stay active.

    Args:
        x: (images, height, width, channels), not negative.
        category: see `recovery`.
        related: see `recovery`.
        powers: to raise the activations to.
        repeats: bootstrap samples, see `recovery_by_layer`.
        seed: of the resampling.

    Returns:
        Columns change, step, gini (mean over images), and those of `recovery_by_layer`: pairs,
        value, low, high.
    """
    x = checks.real(x, "x")
    if x.ndim != 4:
        raise ValueError(f"x must be (images, height, width, channels), got shape {x.shape}")
    x = x.astype(np.result_type(x, np.float32), copy=False)
    side = min(x.shape[1:3])
    windows = [2**k for k in range(side.bit_length()) if 2**k < side] + [side]
    steps = [("averaged over places", f"{w}×{w}", partial(average_over, x, w)) for w in windows]
    steps += [("raised to a power", f"^{k:g}", partial(np.power, x, k)) for k in powers]
    ginis, matrices = {}, {}
    for _, step, changed in steps:
        y = changed()
        ginis[step] = float(np.mean(sparsity.gini(y, axis=(1, 2, 3))))
        matrices[step] = similarity.correlation(y)
    table, _ = recovery_by_layer(matrices, category, related, repeats, seed)
    table = table.rename(columns={"layer": "step"})
    table.insert(0, "change", table["step"].map({step: change for change, step, _ in steps}))
    table.insert(2, "gini", table["step"].map(ginis))
    return table


def unfold(network: keras.Model, images: data.ImageSet) -> None:
    """Split each normalised unit's mean on some images from its offset, in place.

    What batch normalisation passes on hangs on its mean and its offset (beta) together only, and
    a weights file may have folded the one into the other. Here the mean becomes that of these
    images, and the offset what is added to it; the network computes what it did before.

    Args:
        network: with batch normalisations without a learnt scale, and a `card`.
        images: to take the means of.
    """
    normalisations = _normalisations(network)
    names = [layer.name for layer in normalisations]
    options = {"reduce": layers.spatial_mean, "batch_size": 4, "progress": False}
    passed_on = layers.activations(network, images, names, **options)
    for layer in normalisations:
        offset = passed_on[layer.name].mean(axis=0)
        scale = np.sqrt(np.asarray(layer.moving_variance) + layer.epsilon)
        layer.moving_mean.assign_add((offset - np.asarray(layer.beta)) * scale)
        layer.beta.assign(offset)


def controls(
    network: keras.Model,
    untrained: Callable[..., keras.Model],
    images: data.ImageSet,
    chosen: Sequence[str],
    measures: Mapping[str, Callable[..., np.ndarray]],
    seeds: int = 5,
) -> pd.DataFrame:
    """Measure a network beside others that lack what it has learnt, in part or wholly.

    "untrained": weights and batch normalisation as they start, offsets 0; "permuted": the trained
    network, the entries of each kernel in random order; "trained, offsets 0". "calibrated": with
    the statistics of batch normalisation set to those of one image of each category.

    Args:
        network: the trained one, `unfold`ed; it takes the others' weights meanwhile.
        untrained: seed -> the same architecture at initialisation.
        images: to measure. The trained network is calibrated on the first image of each
            category, then on the second, and so on; the others on the first.
        chosen: layers.
        measures: as for `layers.measure`.
        seeds: of "untrained" and of "permuted".

    Returns:
        The table of `layers.measure` with the columns weights and seed (for the trained network
        the set of images that it was calibrated on).
    """
    found, rank, trained = [], rank_within(images.category), network.get_weights()
    sets = [images[rank == k] for k in np.unique(rank)]
    calibrate_on = models.calibration(network)

    def measure(weights: str, seed: int) -> None:
        options = {"measures": measures, "batch_size": 2, "progress": False}
        table = layers.measure(network, images, chosen, **options)
        found.append(table.assign(weights=weights, seed=seed))

    def calibrate(weights: str, seed: int, photos: data.ImageSet) -> None:
        calibrate_on(photos)
        measure(f"{weights}, calibrated", seed)

    measure("trained", 0)
    # One network takes all weights in turn: a second one to run would need more memory.
    try:
        for k, photos in enumerate(sets):
            calibrate("trained", k, photos)
            for layer in _normalisations(network):
                layer.beta.assign(np.zeros(layer.beta.shape))
            calibrate("trained, offsets 0", k, photos)
            network.set_weights(trained)
        for seed in range(seeds):
            network.set_weights(untrained(seed=seed).get_weights())
            gc.collect()  # that network: it holds cycles
            measure("untrained", seed)
            calibrate("untrained", seed, sets[0])
            network.set_weights(trained)
            network.set_weights(models.permuted_weights(network, seed))
            measure("permuted", seed)
            calibrate("permuted", seed, sets[0])
            network.set_weights(trained)
    finally:
        network.set_weights(trained)
    return pd.concat(found, ignore_index=True).drop(columns="network")


def _normalisations(network: keras.Model) -> list[keras.layers.BatchNormalization]:
    return [each for each in network.layers if isinstance(each, keras.layers.BatchNormalization)]


def control_trends(table: pd.DataFrame) -> pd.DataFrame:
    """Return Kendall's tau of depth and mean Gini of each network in the table of `controls`.

    Returns:
        A row per network, index weights and seed: tau over "all layers", and over the "modules"
        (layers called mixed...).
    """
    rows = table[table["measure"] == "gini"]
    rows = rows.assign(value=checks.finite(rows["value"], "value", ("rows",)))
    means = rows.pivot_table(index=["weights", "seed"], columns="depth", values="value", sort=False)
    layer_of = table.drop_duplicates("depth").set_index("depth")["layer"]
    means = means.sort_index(axis=1).set_axis(layer_of.sort_index(), axis=1)

    def tau(values: pd.Series) -> float:
        return stats.kendalltau(np.arange(len(values)), values).statistic

    parts = {"all layers": means, "modules": means.filter(like="mixed")}
    return pd.DataFrame({name: part.apply(tau, axis=1) for name, part in parts.items()})


class BesidePySAL(NamedTuple):
    """A Gini coefficient beside that of PySAL.

    Attributes:
        difference: pattern -> absolute difference.
        time: its time as a share of PySAL's, the fastest of 7 runs each.
    """

    difference: pd.Series
    time: float


def beside_pysal(
    gini: Callable[[np.ndarray], float], patterns: Mapping[str, np.ndarray], timed: str
) -> BesidePySAL | None:
    """Compare a function with PySAL's Gini coefficient (package `inequality`).

    Args:
        gini: pattern -> its Gini coefficient.
        patterns: name -> values (n,), not negative; compared in 64 bits.
        timed: the pattern to measure the time on.

    Returns:
        None where the package is not installed.
    """
    if not find_spec("inequality"):
        return None
    from inequality.gini import Gini

    off = {}
    for name, x in patterns.items():
        x = x.astype(float)  # one at a time, for the memory
        off[name] = abs(gini(x) - Gini(x).g)
    x = patterns[timed].astype(float)
    ours, theirs = (min(repeat(lambda f=f: f(x), number=3, repeat=7)) for f in (gini, Gini))
    return BesidePySAL(pd.Series(off), ours / theirs)


def holds(parts: Sequence[bool], least: int = 1) -> bool | str:
    """Return a verdict for `report.judge`: True if all parts hold, "mixed" if `least` do."""
    return True if all(parts) else "mixed" if sum(parts) >= least else False


def harder_verdict(trends: pd.DataFrame) -> tuple[str, bool | str]:
    """Judge whether recovery falls with depth: the trends in words, and the verdict.

    Args:
        trends: as `recovery_by_layer` returns them.

    Returns:
        True if all intervals lie below 0, False if all lie above, else "mixed".
    """
    checks.finite(trends[["low", "high"]], "trends", ("pairs", "ends"))
    text = ", ".join(f"{t.pairs} τ {t.tau:+.2f} ({t.low:+.2f} … {t.high:+.2f})"
                     for t in trends.itertuples())  # fmt: skip
    falls, rises = (trends["high"] < 0).all(), (trends["low"] > 0).all()
    return text, True if falls else False if rises else "mixed"


def gini_verdicts(
    ours: Mapping[str, float], published: Mapping[str, float], approximate: Sequence[str]
) -> dict[str, tuple]:
    """Judge the published Gini coefficients by their rules in data/claims.csv.

    Args:
        ours: layer -> mean over the photos.
        published: layer -> value.
        approximate: layers that rest on re-estimated weights.
    """
    found = {"gini-mixed7": (ours.get("mixed7"), None, "the layer was chosen by this number")}
    for layer in ("avg_pool", "predictions"):
        found[f"gini-{layer}"] = report.within(ours[layer], published[layer], 5e-4)
        if layer in approximate:
            found[f"gini-{layer}"] = ours[layer], None, "re-estimated weights upstream"
    return found


def pysal_verdicts(found: BesidePySAL | None) -> dict[str, tuple]:
    """Judge the claims "pysal-equal" and "pysal-faster" by their rules in data/claims.csv."""
    if found is None:
        why = "the package inequality is not installed"
        return {"pysal-equal": ("–", None, why), "pysal-faster": ("–", None, why)}
    small = found.difference < 1e-5
    faster = True if found.time < 0.9 else False if found.time > 1.1 else "mixed"
    return {
        "pysal-equal": (f"up to {found.difference.max():.1e}", holds(small, len(small) // 2 + 1)),
        "pysal-faster": (f"{found.time:.2f} of PySAL's time", faster),
    }


def draw_confidence(table: pd.DataFrame, near: float) -> Figure:
    """Draw the output's Gini coefficient against the network's confidence, image by image.

    Args:
        table: columns category, gini, and top, the probability of the first choice.
        near: a Gini coefficient that counts as near 1, drawn as a line.
    """
    fig, axis = plt.subplots(figsize=(7, 4.6))
    axis.scatter(table["top"], table["gini"], s=30, alpha=0.8)
    axis.axhline(near, color="0.4", linewidth=1, linestyle=":")
    axis.annotate(f"near 1: {near} or more", (0.01, near), (0, 3), size=9, color="0.4",
                  xycoords=axis.get_yaxis_transform(), textcoords="offset points")  # fmt: skip
    axis.set(xlabel="probability of the first choice", ylabel="Gini coefficient of the output")
    lowest = table["gini"].nsmallest(5).index
    names = [c if i in lowest else "" for i, c in table["category"].items()]
    plotting.name_points(axis, table["top"], table["gini"], names)
    return fig


def draw_trade_off(table: pd.DataFrame, pairs: str) -> Figure:
    """Draw what averaging over places and raising to powers do to Gini and recovery, by layer.

    Args:
        table: as `trade_off` returns it, for several layers, with a column layer.
        pairs: "same category" or "related categories", the recovery to draw.
    """
    panels = list(table[table["pairs"] == pairs].groupby("layer", sort=False))
    size = {"figsize": (12.5, 4.6), "sharex": True, "sharey": True, "squeeze": False}
    fig, axes = plt.subplots(1, len(panels), **size)
    for axis, (layer, rows) in zip(axes.flat, panels, strict=True):
        for k, (change, steps) in enumerate(rows.groupby("change", sort=False)):
            colour = plotting.COLOURS[k]
            style = {"color": colour, "linestyle": "-" if k == 0 else "--", "markersize": 5}
            band = steps.sort_values("gini")
            axis.fill_between(band["gini"], band["low"], band["high"], color=colour, alpha=0.15,
                              linewidth=0)  # fmt: skip
            marker = "o" if k == 0 else "s"
            axis.plot(steps["gini"], steps["value"], marker=marker, label=change, **style)
        axis.set(title=layer, xlabel="Gini coefficient")
    axes[0, 0].set_ylabel(f"AUC, {pairs}")
    axes[0, -1].legend(loc="lower left")
    for axis, (_, rows) in zip(axes.flat, panels, strict=True):
        ends = rows.groupby("change", sort=False)["step"].agg(["first", "last"])
        names = {step: step for step in ends.to_numpy().ravel()} | {"1×1": "unchanged"}
        named = [names.get(step, "") for step in rows["step"]]
        plotting.name_points(axis, rows["gini"], rows["value"], named)
    return fig
