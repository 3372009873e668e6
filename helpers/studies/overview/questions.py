"""Each notebook's question with its answer, and the networks drawn, from committed tables."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from helpers import plotting, project, report
from helpers.studies.guest_love_2017 import to_matrices

_load = partial(report.load, committed=True)


def answers() -> pd.DataFrame:
    """Return a row per notebook, indexed by its number: question, answer and notebook (a link).

    Every number in an answer is read from data/results. A notebook that has no tables there is
    left out.
    """
    run = set(report.scorecard()["notebook"])
    rows = {
        number: {"question": question, "answer": answer()}
        for number, (question, answer) in _ANSWERS.items()
        if number in run
    }
    table = pd.DataFrame.from_dict(rows, orient="index")
    return table.assign(notebook=[f"[{number}]({_file(number)})" for number in table.index])


def draw(networks: pd.DataFrame, network: str) -> Figure:
    """Draw a network.

    Args:
        networks: the table 00_networks: a row per layer of each network.
        network: which one. A network without maps has no stages: its hidden layers are set
            apart from its input and output.
    """
    rows = networks[networks["network"] == network].fillna("")
    stages = rows["stage"].tolist()
    if not any(stages):
        stages = ["input", *["hidden"] * (len(rows) - 2), "output"]
    blocks = [
        (row.layer, [int(side) for side in row.shape.split("×")], row.branches.split(" | "))
        for row in rows.itertuples()
    ]
    blocks = [(layer, shape, [b for b in branches if b]) for layer, shape, branches in blocks]
    return plotting.network(blocks, network, dict(zip(rows["layer"], stages, strict=True)), wrap=11)


def photo_decorrelation() -> pd.DataFrame:
    """Return each of the 40 photos' mean 1 - r with the others, by layer: columns layer, value."""
    matrices = to_matrices(_load("01_similarity"))
    apart = {layer: (1 - r).sum(axis=1) / (len(r) - 1) for layer, r in matrices.items()}
    return pd.DataFrame(apart).melt(var_name="layer")


def _inequality() -> str:
    table = _load("01_gini_by_image")
    means = table.groupby(["measure", "layer"], sort=False)["value"].mean()
    modules = means["gini"].filter(like="mixed")
    ends = modules.index[0], modules.idxmax()
    gini = (_short(modules[layer]) for layer in ends)
    silent = (_percent(1 - means["active_fraction", layer]) for layer in ends)
    auc = _load("01_recovered").query("pairs == 'same category' and correlations == 'published'")
    auc = auc.set_index("layer")["value"]
    return (
        f"On the whole more unequally with depth in Inception-v3's modules: the Gini "
        f"coefficient goes from {' to '.join(gini)} (`{ends[0]}` to `{ends[1]}`), the share of "
        f"silent units from {' to '.join(silent)}. And deeper layers tell better which photos "
        f"are alike: a pair of one category is the more correlated one in "
        f"{_percent(auc['mixed0'])} of all comparisons with other pairs in `mixed0`, "
        f"in {_percent(auc['avg_pool'])} in `avg_pool`."
    )


def _activity() -> str:
    curves = _load("02_decorrelation_and_activity").query("measure == 'active_percent'")
    active = curves.set_index("layer")["value"]
    least = active.filter(like="mixed").idxmin()
    together = _load("02_together").query("correlation == 'steps'").set_index("part")
    steps = {part: _short(value, sign=True) for part, value in together["rho"].items()}
    ends = (_short(value, sign=True) for value in together.loc["all layers", ["low", "high"]])
    return (
        f"Fewer with depth: {active.iloc[0]:.0f} % in the first layer, {active[least]:.0f} % in "
        f"`{least}`. Whether images drift apart as fewer are active, the layers of one network do "
        f"not decide: if they did, the steps of both from layer to layer would go against each "
        f"other, and Spearman's ρ of these steps is {steps['modules']} in the modules, "
        f"{steps['stem']} in the stem and {steps['all layers']} over all layers (95 % interval "
        f"over layers {' … '.join(ends)})."
    )


def _letting_go() -> str:
    table = _load("03_drops").query("statistic == 'drop' and measure == 'second-order r'")
    drops = table[table["network"] == "GoogLeNet (2014)"]["value"].dropna()
    first, between, last = drops.iloc[0], drops.iloc[1:-1].median(), drops.iloc[-1]
    return (
        f"In its first layers, and once more at the output: in GoogLeNet the agreement of two "
        f"successive layers on which images are alike (1 if complete) falls short of 1 by "
        f"{_short(first)} from the input to the first layer, by {_short(last)} from the pool to "
        f"the output, and by {_short(between)} in the median step between."
    )


def _recognition() -> str:
    judged = _load("04_claims").query("id == 'better'")
    found = [
        f"{row.ours.split(';')[0].removeprefix('r ')} in {row.claim.split(':')[0]}"
        for row in judged.itertuples()
    ]
    published = judged["published"].iloc[0].removeprefix("r ")
    return (
        f"Somewhat: in the last hidden layer the correlation of sparseness and accuracy over "
        f"categories is {', '.join(found)}. The source has {published} in AlexNet."
    )


def _untangling() -> str:
    return (
        f"Training does, and it shows without any embedding. Share of test images whose class "
        f"their nearest neighbours name rightly: {_named_rightly('05_changes')}."
    )


def _settling() -> str:
    judged = _load("06_claims")
    tau = {
        reading: ", ".join(
            f"{row.ours.split(';')[0].removeprefix('tau: CKA ')} ({row.claim.split(':')[0]})"
            for row in judged[judged["id"] == reading].itertuples()
        )
        for reading in ("bottom-up", "bottom-up-own-way")
    }
    return (
        f"Whether they settle from the bottom up depends on how one counts. Kendall's τ of a "
        f"layer's depth and the step from which on it stays like its final state (by CKA; above 0 "
        f"if lower layers settle first), with its 95 % interval over seeds: {tau['bottom-up']}. "
        f"Counted by each layer's own way from its first to its final state: "
        f"{tau['bottom-up-own-way']}."
    )


def _filters() -> str:
    judged = _load("07_claims").query("id == 'sparse-better'")
    rho = ", ".join(
        f"{row.ours.split(',')[0].removeprefix('ρ ')} on {row.claim.split(':')[0]}"
        for row in judged.itertuples()
    )
    return (
        f"Its layers do. Share of test images whose class their nearest neighbours name rightly: "
        f"{_named_rightly('07_changes')}. Sparser filters are not the better ones: Spearman's ρ of "
        f"a filter's Gini coefficient and how well it tells the classes apart is {rho}."
    )


def _named_rightly(table: str) -> str:
    """Word the share of test images that nearest neighbours name rightly, before and after."""
    scores = _load(table).query("method == 'raw' and score == 'kNN'")
    scores = scores.set_index(["dataset", "condition"])
    names = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
    found = [
        f"{_percent(scores['before'][data, 'trained'])} in the pixels, "
        f"{_percent(scores['after'][data, 'trained'])} in the last trained layer and "
        f"{_percent(scores['after'][data, 'untrained'])} in the last untrained one ({name})"
        for data, name in names.items()
    ]
    return "; ".join(found)


# To add a notebook: a line here, with its question and the function that words its answer.
_ANSWERS: dict[str, tuple[str, Callable[[], str]]] = {
    "01": ("How unequally does a layer spread its activation over its units?", _inequality),
    "02": ("How many units are active, and do images drift apart as fewer are?", _activity),
    "03": ("Where does a network let go of the picture?", _letting_go),
    "04": ("Are sparsely coded categories recognised better?", _recognition),
    "05": (
        "Does training untangle the classes, or does the embedding make it look so?",
        _untangling,
    ),
    "06": ("What happens to the layers while a network learns?", _settling),
    "07": ("Does a convolutional network untangle the classes, too?", _filters),
}


def _file(number: str) -> str:
    (path,) = (project.ROOT / "notebooks").glob(f"{number}_*.ipynb")
    return path.name


def _percent(share: float) -> str:
    return f"{share:.0%}".replace("%", " %")


def _short(value: float, sign: bool = False) -> str:
    """Write .72, or with its sign −.60, as the notebooks do."""
    text = f"{value:+.2f}" if sign else f"{value:.2f}"
    return text.replace("0.", ".", 1).replace("-", "−")
