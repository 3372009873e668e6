"""Notebook 03: layers compared by three measures, modules taken apart, branches taken out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from helpers import data, layers
from helpers.metrics import checks, similarity
from helpers.metrics.intervals import (
    FEWEST_RESAMPLED,
    CorrelationTest,
    Estimate,
    Interval,
    bootstrap,
    estimate,
)

Array = NDArray[np.float64]
Found = dict[str | tuple[str, str], tuple[str, bool | str]]

MEASURES = ("second-order r", "unit-centred r", "debiased CKA")
NOTHING = "nothing"


class Averages:
    """Each unit's mean over the images, and each channel's mean over the places of every image.

    An accumulator for `layers.accumulate`.
    """

    def __init__(self) -> None:
        self._sum: NDArray[np.float64] | float = 0.0
        self._channels: list[np.ndarray] = []

    def update(self, x: np.ndarray) -> None:
        """Take in the activations (images, ..., channels) of the next images."""
        self._sum = self._sum + x.sum(axis=0, dtype=np.float64)
        self._channels.append(layers.channel_means(x))

    def merge(self, other: Averages) -> None:
        """Take in what another one saw, images that come after those seen."""
        self._sum = self._sum + other._sum
        self._channels += other._channels

    @property
    def units(self) -> NDArray[np.float32]:
        """(..., channels) mean over the images."""
        return np.float32(self._sum / len(self.channels))

    @property
    def channels(self) -> NDArray[np.float32]:
        """(images, channels) mean over places."""
        return np.concatenate(self._channels)


def one_pass(
    network: keras.Model, images: data.ImageSet, chosen: Sequence[str], batch_size: int = 2
) -> tuple[dict[str, similarity.Similarity], dict[str, Averages]]:
    """Compare all images in every chosen layer, and average the activations, in one pass.

    Args:
        network: whose card says how images are preprocessed.
        images: at least 3.
        chosen: names of layers.
        batch_size: images taken at a time; memory grows with it.

    Returns:
        layer -> what it makes of every pair of images, in float32 to save memory, and
        layer -> its averages.
    """
    with similarity.pattern_store(len(images)) as patterns:
        new = {"patterns": patterns, "averages": Averages}
        seen = layers.accumulate(
            network, images, chosen, new, batch_size=batch_size, progress=False
        )
        found = {layer: _halved(each["patterns"].similarity(layer)) for layer, each in seen.items()}
    return found, {layer: each["averages"] for layer, each in seen.items()}


def compare(
    found: Mapping[str, similarity.Similarity],
    chosen: Sequence[str],
    weights: ArrayLike | None = None,
) -> dict[str, Array]:
    """Compare layers with one another by each of `MEASURES`.

    Args:
        found: layer -> what it makes of every pair of images.
        chosen: layers, in order of depth.
        weights: (resamples, images) from `similarity.resample`.

    Returns:
        measure -> (layers, layers) or, with weights, (resamples, layers, layers).
    """
    parts = [found[layer] for layer in chosen]
    return {
        "second-order r": similarity.second_order([part.correlation for part in parts], weights),
        "unit-centred r": similarity.second_order([part.centred for part in parts], weights),
        "debiased CKA": similarity.cka([part.gram for part in parts], True, weights),
    }


def similarity_to(
    found: Mapping[str, similarity.Similarity], chosen: Sequence[str], last: str
) -> dict[str, Array]:
    """Return how similar each of several layers is to one other: measure -> (layers,)."""
    each = [compare(found, [layer, last]) for layer in chosen]
    return {measure: np.array([pair[measure][0, 1] for pair in each]) for measure in MEASURES}


def drops(matrix: ArrayLike) -> Array:
    """Return 1 - similarity of each layer and the one before, (..., layers - 1).

    Args:
        matrix: (..., layers, layers) similarities, layers in order of depth; NaN where unknown.

    Raises:
        TypeError: no real numbers.
        ValueError: no square matrices, or infinity.
    """
    matrix = checks.square_matrices(matrix, "matrix", None)
    return 1 - np.diagonal(matrix, 1, axis1=-2, axis2=-1)


def distance_trend(matrix: ArrayLike) -> Array:
    """Return Spearman's rho of the distance of two layers in depth and their similarity.

    Args:
        matrix: (..., layers, layers) similarities, layers in order of depth.

    Returns:
        (...,) -1 to 1; below 0 where neighbours are more alike than distant layers.
    """
    matrix = np.asarray(matrix)
    first, second = np.triu_indices(matrix.shape[-1], 1)
    apart = stats.zscore(stats.rankdata(second - first))
    alike = stats.zscore(stats.rankdata(matrix[..., first, second], axis=-1), axis=-1)
    return (alike * apart).mean(axis=-1)


def tabulate(
    values: Mapping[str, Array], draws: Mapping[str, Array], chosen: Sequence[str]
) -> pd.DataFrame:
    """Put a statistic of every layer and its 95 % interval into a tidy table.

    Args:
        values: measure -> (layers,).
        draws: measure -> (resamples, layers).
        chosen: the layers, in order of depth.

    Returns:
        A row per measure and layer: measure, layer, depth, value, low, high.
    """
    tables = []
    for measure, value in values.items():
        value = checks.finite(value, f"values of {measure!r}", ("layers",), missing=True)
        drawn = checks.finite(
            draws[measure], f"draws of {measure!r}", ("resamples", "layers"), missing=True
        )
        low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
        columns = {"layer": list(chosen), "depth": range(len(chosen)), "value": value}
        tables.append(pd.DataFrame({"measure": measure, **columns, "low": low, "high": high}))
    return pd.concat(tables, ignore_index=True)


def curves(
    matrices: Mapping[str, Array], draws: Mapping[str, Array], chosen: Sequence[str]
) -> pd.DataFrame:
    """Tabulate each layer's drop and its similarity to both ends, by every measure.

    Args:
        matrices: measure -> (layers, layers); those of `MEASURES` are taken.
        draws: measure -> (resamples, layers, layers).
        chosen: the layers, in order of depth.

    Returns:
        As `tabulate`, with a column statistic: "drop" (from the layer before; NaN for the
        first), "to the input" and "to the output".
    """
    statistics = {
        "drop": lambda matrix: np.insert(drops(matrix), 0, np.nan, axis=-1),
        "to the input": lambda matrix: matrix[..., 0, :],
        "to the output": lambda matrix: matrix[..., -1, :],
    }
    tables = []
    for name, of in statistics.items():
        values, resampled = ({m: of(each[m]) for m in MEASURES} for each in (matrices, draws))
        tables.append(tabulate(values, resampled, chosen).assign(statistic=name))
    return pd.concat(tables, ignore_index=True)


def in_long_form(matrices: Mapping[str, Array], chosen: Sequence[str]) -> pd.DataFrame:
    """Put (layers, layers) matrices into a table: measure, layer, other, value."""
    one, other = (
        np.ravel(names) for names in np.meshgrid(list(chosen), list(chosen), indexing="ij")
    )
    columns = {"layer": one, "other": other}
    return pd.concat(
        [
            pd.DataFrame({"measure": k, **columns, "value": np.ravel(m)})
            for k, m in matrices.items()
        ],
        ignore_index=True,
    )


def holds(draws: Mapping[str, Array], level: float = 0.0) -> list[bool]:
    """Return, for each measure, whether the 95 % interval of a statistic lies above a level.

    Args:
        draws: measure -> (resamples,).
        level: a number.

    Raises:
        TypeError: no real numbers.
        ValueError: NaN or infinity, of which no interval lies anywhere.
    """
    drawn = [checks.finite(x, f"draws of {m!r}", ("resamples",)) for m, x in draws.items()]
    return [bool(np.quantile(x, 0.025) > level) for x in drawn]


def told(values: Mapping[str, ArrayLike]) -> str:
    """Write a statistic in words: each measure's share, or mean and interval of its resamples.

    Args:
        values: measure -> a share of 0..1, or (resamples,).
    """
    texts = []
    for measure, value in values.items():
        if np.ndim(value):
            low, high = np.quantile(value, [0.025, 0.975])
            texts.append(f"{measure} {np.mean(value):.2f} ({low:.2f} … {high:.2f})")
        else:
            texts.append(f"{measure} {value:.0%}")
    return "; ".join(texts)


def verdict(holds: Sequence[bool]) -> bool | str:
    """Return True where a claim holds by all measures, False by none, else "mixed"."""
    return all(holds) or ("mixed" if any(holds) else False)


def about_depth(
    draws: Mapping[str, Array], chosen: Sequence[str], first: str, begin: str, end: str
) -> Found:
    """Judge the claims about the curve over all layers, as data/claims.csv words their rules.

    Args:
        draws: measure -> (resamples, layers, layers), of `MEASURES`.
        chosen: the layers, in order of depth, from the input to the output.
        first: the layer behind the first step.
        begin: where the plateau begins.
        end: where it ends.

    Returns:
        claim -> (what was found, whether it holds), for `report.judge`.
    """
    one, two, three = (list(chosen).index(layer) for layer in (first, begin, end))
    steps = {m: drops(x) for m, x in draws.items()}
    plateau = {m: x[:, two:three].mean(axis=1) for m, x in steps.items()}
    intervals = {
        "neighbours": {m: -distance_trend(x) for m, x in draws.items()},
        "plateau": {m: x[:, one:two].mean(axis=1) - plateau[m] for m, x in steps.items()},
        "again": {m: x[:, three] - plateau[m] for m, x in steps.items()},
    }
    third = len(chosen) // 3
    shares = {
        "input-lost": {m: (x[:, 0, :third] < 0.5).any(axis=1).mean() for m, x in draws.items()},
        "last-drop": {m: (x.argmax(axis=1) == x.shape[1] - 1).mean() for m, x in steps.items()},
    }
    judged = {claim: (told(x), verdict(holds(x))) for claim, x in intervals.items()}
    ours, holds_by = judged["neighbours"]
    judged["neighbours"] = f"−ρ: {ours}", holds_by
    return judged | {claim: (told(x), _nearly_always(x)) for claim, x in shares.items()}


def about_branches(compared: pd.DataFrame) -> Found:
    """Judge whether the 5×5 branches are the least similar ones, module by module.

    Args:
        compared: from `compare_branches`.

    Returns:
        (claim, module) -> (what was found, whether it holds).
    """
    judged = {}
    for (module, to), rows in compared.query("branch == '5x5'").groupby(["module", "to"]):
        shares = rows.set_index("measure")["lowest"].to_dict()
        judged[f"5x5-{to}", module] = told(shares), _nearly_always(shares)
    return judged


def about_last_drop(lost: Mapping[str, Array], after: Sequence[str]) -> Found:
    """Judge both explanations of the last drop: each as a share of the whole drop.

    Args:
        lost: from `drops_behind`.
        after: what follows the layer, in the order of `lost`; among them "random units",
            "random projection", "logits" and "output".

    Returns:
        claim -> (what was found, whether it holds).
    """
    behind = {m: dict(zip(after, lost[m][1:].T, strict=True)) for m in MEASURES[:2]}
    shares = {
        "fewer-units": {m: x["random units"] / x["output"] for m, x in behind.items()},
        "last-layer": {
            m: (x["logits"] - x["random projection"]) / x["output"] for m, x in behind.items()
        },
    }
    judged = {}
    for claim, share in shares.items():
        above = all(holds(share, 0.5))
        below = all(holds({m: -x for m, x in share.items()}, -0.5))
        judged[claim] = told(share), above if above or below else "mixed"
    return judged


def tightest(
    correlation: ArrayLike, order: ArrayLike, size: int = 8, count: int = 5
) -> list[NDArray[np.intp]]:
    """Return the most alike runs of neighbours in an order of images.

    Args:
        correlation: (images, images).
        order: (images,) indices, from `similarity.cluster_order`.
        size: images per run.
        count: runs, none of which overlap.

    Returns:
        The images of each run, the most alike first: those whose mean correlation is highest; none
        with a NaN.

    Raises:
        TypeError: no real numbers.
        ValueError: no square matrix, infinity, or an order that is not one of its images.
    """
    correlation = checks.square_matrices(correlation, "correlation", 2)
    order = checks.finite(order, "order", ("images",))
    if not np.array_equal(np.sort(order), np.arange(len(correlation))):
        raise ValueError(f"order must hold every index of {len(correlation)} images once")
    order = order.astype(int)
    starts = np.arange(len(order) - size + 1)
    runs = order[starts[:, None] + np.arange(size)]
    first, second = np.triu_indices(size, 1)
    alike = correlation[runs[:, first], runs[:, second]].mean(axis=1)
    found = []
    while len(found) < count and np.isfinite(alike).any():
        best = int(np.nanargmax(alike))
        found.append(runs[best])
        alike[max(0, best - size + 1) : best + size] = np.nan
    return found


class BranchSimilarity(NamedTuple):
    """How alike the branches of a module are to each other and to the output, (..., branches)."""

    neighbours: Array
    output: Array


def branch_similarity(matrix: ArrayLike) -> BranchSimilarity:
    """Return each branch's mean similarity to the others of its module, and that to the output.

    Args:
        matrix: (..., branches + 1, branches + 1) similarities; the last is the output.
    """
    matrix = np.asarray(matrix)
    among = matrix[..., :-1, :-1]
    others = among.shape[-1] - 1
    return BranchSimilarity((among.sum(axis=-1) - 1) / others, matrix[..., :-1, -1])


def compare_branches(
    found: Mapping[str, similarity.Similarity],
    modules: Mapping[str, Mapping[str, str]],
    output: str,
    weights: ArrayLike,
) -> pd.DataFrame:
    """Compare the branches of modules with their neighbours and with the output.

    Args:
        found: layer -> what it makes of every pair of images.
        modules: module -> branch -> layer, as `layers.branches` gives.
        output: the output layer.
        weights: (resamples, images) from `similarity.resample`.

    Returns:
        A row per measure, module, branch and `to` ("neighbours", "output"): value, the ends
        low and high of its 95 % interval, and in which share of resamples it is the lowest.
    """
    tables = []
    for module, branches in modules.items():
        chosen = [*branches.values(), output]
        draws = compare(found, chosen, weights)
        for measure, matrix in compare(found, chosen).items():
            resampled = branch_similarity(draws[measure])._asdict()
            for to, value in branch_similarity(matrix)._asdict().items():
                low, high = np.quantile(resampled[to], [0.025, 0.975], axis=0)
                lowest = np.bincount(resampled[to].argmin(axis=1), minlength=len(branches))
                place = {"measure": measure, "module": module, "to": to, "branch": list(branches)}
                numbers = {"value": value, "low": low, "high": high}
                share = lowest / len(resampled[to])
                tables.append(pd.DataFrame({**place, **numbers, "lowest": share}))
    return pd.concat(tables, ignore_index=True)


def drops_behind(
    before: ArrayLike, after: Mapping[str, Sequence[ArrayLike]], weights: ArrayLike
) -> dict[str, Array]:
    """Return what is lost from a layer to each of several that could follow it.

    Args:
        before: (images, units).
        after: what follows -> its activations (images, units), one array per random seed.
        weights: (resamples, images) from `similarity.resample`.

    Returns:
        measure -> (1 + resamples, what follows) 1 - similarity, averaged over seeds; the first
        row of all images, the others of the resamples.
    """
    lost: dict[str, list[Array]] = {measure: [] for measure in MEASURES}
    for xs in after.values():  # a few at a time, to save memory
        named = [("before", before), *(("after", x) for x in xs)]
        arrays = {
            str(k): checks.finite(x, name, ("images", "units")).astype(np.float32)
            for k, (name, x) in enumerate(named)
        }
        images = len(arrays["0"])
        found = similarity.matrices([(slice(0, images), arrays)], images)
        value, draws = compare(found, list(arrays)), compare(found, list(arrays), weights)
        for measure in MEASURES:
            both = np.concatenate([value[measure][None], draws[measure]])
            lost[measure].append(1 - both[:, 0, 1:].mean(axis=1))
    return {measure: np.stack(rows, axis=1) for measure, rows in lost.items()}


def without_branches(
    network: keras.Model,
    images: data.ImageSet,
    classes: ArrayLike,
    means: Mapping[str, ArrayLike],
    batch_size: int = 1,
) -> pd.DataFrame:
    """Classify images without each branch of each module, and without it in all modules.

    In the place of the branch come zeros, or its mean activation over the images, unit by
    unit, so that the level stays and only what tells images apart is gone. The variants pass
    together, those with zeros and those with means: what comes before a branch is computed once.

    Args:
        network: with modules that join branches, one after the other; the images' preprocessing
            is that of its card.
        images: to classify.
        classes: (images,) the index of the right output of each.
        means: module -> (height, width, channels) its mean activation, modules in order of depth.
        batch_size: images taken at a time; there are 1 + 4 (1 + modules) variants of each at once.

    Returns:
        A row per variant and image: module (or "all", or "nothing" for the whole network),
        branch, filled ("zeros" or "means"), image, correct.
    """
    zeros = {module: np.zeros_like(mean) for module, mean in means.items()}
    tables = []
    for name, filling in {"zeros": zeros, "means": means}.items():
        variants, outputs = _variants(network, filling)
        batches = images.tensors(network.card.preprocess, batch_size)
        correct = np.concatenate([outputs(batch).numpy() for batch in batches], axis=1) == classes
        table = pd.DataFrame(variants, columns=["module", "branch"]).assign(filled=name)
        table = table.loc[table.index.repeat(len(images))].reset_index(drop=True)
        tables.append(
            table.assign(image=np.tile(images.names, len(variants)), correct=correct.ravel())
        )
    whole = tables[0]["module"] == NOTHING
    tables[0].loc[whole, "filled"] = NOTHING
    tables[1] = tables[1][tables[1]["module"] != NOTHING]
    return pd.concat(tables, ignore_index=True)


def worth(answers: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Return the accuracy of every variant and what it loses, with bootstrap intervals (images).

    Args:
        answers: from `without_branches`.
        seed: of the bootstrap.

    Returns:
        A row per variant: module, branch, filled, top_1 with low and high, and loss (of the
        whole network's accuracy, image by image) with loss_low and loss_high.

    Raises:
        TypeError: `correct` holds something else than booleans.
        ValueError: NaN or infinity, or no answers.
    """
    answers = answers.assign(correct=checks.finite(answers["correct"], "correct", ("answers",)))
    keys = ["module", "branch", "filled"]
    whole = answers.loc[answers["module"] == NOTHING, "correct"].to_numpy(float)

    def mean(x: Array) -> Estimate:
        return estimate(np.mean, x, seed=seed, vectorized=True)

    rows = []
    for variant, each in answers.groupby(keys, sort=False):
        correct = each["correct"].to_numpy(float)
        rows.append([*variant, *mean(correct), *mean(whole - correct)])
    numbers = ["top_1", "low", "high", "loss", "loss_low", "loss_high"]
    return pd.DataFrame(rows, columns=[*keys, *numbers])


def ranks_within(table: pd.DataFrame, column: str) -> Array:
    """Return a column's ranks within each module, less their mean.

    Args:
        table: a row per branch, with columns module and branch; modules of the same branches.
        column: what is ranked.

    Returns:
        (modules, branches)

    Raises:
        TypeError: the column holds no real numbers.
        ValueError: it holds NaN or infinity, or there are no rows.
    """
    table = table.assign(**{column: checks.finite(table[column], column, ("branches",))})
    ranks = table.pivot(index="module", columns="branch", values=column).rank(axis=1).to_numpy()
    return ranks - ranks.mean(axis=1, keepdims=True)


def within_modules(
    x: ArrayLike, y: ArrayLike, repeats: int = 9_999, seed: int = 0
) -> CorrelationTest:
    """Correlate two rankings of branches within modules.

    Under the null hypothesis, branches of one module may be exchanged, not those of two: the
    permutations run within modules. The interval resamples whole modules.

    Args:
        x: (modules, branches) from `ranks_within`.
        y: the same of another column.
        repeats: permutations.
        seed: of the permutations and of the bootstrap.

    Returns:
        r, its 95 % interval (NaN for fewer than 8 modules), the 95th percentile of |r| under
        the null, and p.

    Raises:
        TypeError: no real numbers.
        ValueError: rankings of different shape, NaN or infinity.
    """
    axes = ("modules", "branches")
    x, y = checks.finite(x, "x", axes), checks.finite(y, "y", axes)
    if x.shape != y.shape:
        raise ValueError(f"x and y differ in shape: {x.shape}, {y.shape}")
    rng = np.random.default_rng(seed)
    r = _pooled(x, y)
    enough = len(x) >= FEWEST_RESAMPLED
    low, high = bootstrap(_pooled, x, y, seed=rng) if enough else Interval(np.nan, np.nan)
    shuffled = rng.permuted(np.tile(y, (repeats, 1, 1)), axis=2)
    null = np.abs((x * shuffled).sum(axis=(1, 2))) / np.sqrt((x**2).sum() * (y**2).sum())
    p = (1 + np.count_nonzero(null >= abs(r) - 1e-12)) / (1 + repeats)
    return CorrelationTest(r, low, high, float(np.quantile(null, 0.95)), p)


def _pooled(x: Array, y: Array) -> float:
    """Return the correlation of what is centred already, over all modules at once."""
    return float((x * y).sum() / np.sqrt((x**2).sum() * (y**2).sum()))


def _nearly_always(shares: Mapping[str, float]) -> bool | str:
    return verdict([bool(share > 0.975) for share in shares.values()])


def _halved(matrices: similarity.Similarity) -> similarity.Similarity:
    return similarity.Similarity(*(matrix.astype(np.float32) for matrix in matrices))


def _variants(
    network: keras.Model, filling: Mapping[str, ArrayLike]
) -> tuple[list[tuple[str, str]], Callable[[tf.Tensor], tf.Tensor]]:
    """Return (module, branch) of each variant, and a function that classifies images by all.

    The function takes a batch of images and returns (variants, images) the most probable class.
    """
    modules = list(filling)
    variants, kept, filled = [(NOTHING, NOTHING)], [], []
    for module in ["all", *modules]:
        names = layers.branches(network, modules[0] if module == "all" else module)
        variants += [(module, branch) for branch in names]
        if module != "all":
            sizes = [network.get_layer(end).output.shape[-1] for end in names.values()]
            own = np.repeat(np.eye(len(sizes), dtype=np.float32), sizes, axis=1)
            own = own[:, None, None, None]  # (branches, images, height, width, channels)
            kept.append(tf.constant(1 - own))
            filled.append(tf.constant(own * np.asarray(filling[module], np.float32)))
    ends = [network.get_layer(name).output for name in modules]
    starts, stops = [network.input, *ends], [*ends, network.output]
    parts = [keras.Model(a, b) for a, b in zip(starts, stops, strict=True)]

    @tf.function(reduce_retracing=True)
    def outputs(batch: tf.Tensor) -> tf.Tensor:
        x = batch[None]  # (variants, images, ...): the whole network, then those without a branch
        for k, part in enumerate(parts):
            shape = tf.shape(x)
            x = part(tf.reshape(x, tf.concat([[-1], shape[2:]], 0)), training=False)
            x = tf.reshape(x, tf.concat([shape[:2], tf.shape(x)[1:]], 0))
            if k < len(modules):
                count = len(kept[k])
                single = x[:1] * kept[k] + filled[k]
                everywhere = x[1 : 1 + count] * kept[k] + filled[k] if k else single
                x = tf.concat([x[:1], everywhere, x[1 + count :], single], 0)
        return tf.argmax(x, axis=-1)

    return variants, outputs
