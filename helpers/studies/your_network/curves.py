"""The histograms, and the curves of the networks of notebooks 01, 02 and 04."""

from __future__ import annotations

from functools import partial

import pandas as pd
from matplotlib.figure import Figure

from helpers import plotting, report
from helpers.studies.your_network.activity import THRESHOLD
from helpers.studies.your_network.one_pass import Seen
from helpers.studies.your_network.recognition import last_hidden

# Layers of the Inception-v3 of 2015 that rest on re-estimated weights (notebook 04).
APPROXIMATE = ("mixed9", "mixed10", "avg_pool", "predictions")


def references(measure: str, seen: Seen) -> pd.DataFrame:
    """Place the curves of the notebooks' networks over a network's depth.

    The first layer falls on the first; the last one on the last or, where the output was not
    measured (notebook 04), the last hidden layer on the last hidden layer.

    Args:
        measure: "gini", "active", "gini_active" or "decorrelation" (Inception-v3: notebooks 01
            and 02), "psi" or "r" (SqueezeNet, GoogLeNet and Inception-v3: notebook 04).
        seen: the network's pass.

    Returns:
        Columns layer, depth, value, name (with the number of the notebook). Layers that rest on
        re-estimated weights are left out.
    """
    load = partial(report.load, committed=True)
    if measure in ("psi", "r"):
        name = "04_psi_by_category" if measure == "psi" else "04_r_by_layer"
        known = load(name).query("measure == 'psi'")
    elif measure == "decorrelation":
        known = load("02_decorrelation_and_activity").query("measure == 'decorrelation'")
        known = known.assign(network="Inception-v3 (2015)")
    else:
        known = load("01_gini_by_image").query("network == 'Inception-v3 (2015)'")
        wide = known.pivot_table("value", ["network", "layer", "depth"], "measure").reset_index()
        silent = 1 - wide["active_fraction"]
        wide["gini_active"] = (wide["gini"] - silent) / wide["active_fraction"]
        known = wide.rename(columns={"active_fraction": "active"})
        known = known.assign(value=known[measure])
    curves = known.groupby(["network", "layer", "depth"], sort=False)["value"].mean()
    curves = curves.reset_index()
    span = curves.groupby("network")["depth"].transform("max")
    places = seen.places.set_index("layer")["depth"]
    last = places[last_hidden(seen)] if measure in ("psi", "r") else places.max()
    curves["depth"] *= last / span
    guessed = curves["network"].str.startswith("Inception") & curves["layer"].isin(APPROXIMATE)
    notebook = {"psi": "04", "r": "04", "decorrelation": "02"}.get(measure, "01")
    curves["name"] = curves["network"].str.split(" ").str[0] + f", notebook {notebook}"
    return curves[~guessed].drop(columns="network")


def draw_histograms(seen: Seen, threshold: float = THRESHOLD) -> Figure:
    """Draw every layer's activations in units of the RMS, and what counts as silent."""
    shown, zeros, signed = {}, {}, {}
    for layer, histogram in seen.histograms.items():
        total = histogram.total
        shown[layer] = histogram.edges, histogram.counts / total
        signed[layer] = bool(histogram.below or histogram.counts[histogram.edges[:-1] < 0].any())
        if histogram.zeros:
            zeros[layer] = histogram.zeros / total
    beyond = {n: (h.below + h.above) / h.total for n, h in seen.histograms.items()}
    texts = {n: f"beyond: {100 * b:.1g} %" for n, b in beyond.items() if b >= 1e-4}
    fig = plotting.histograms(shown, texts, zeros, wrap=5, label="activation / RMS")
    for axis, layer in zip(fig.axes, shown, strict=False):
        if signed[layer]:
            axis.axvspan(-threshold, threshold, color="0.5", linewidth=0, alpha=0.6)
    return fig
