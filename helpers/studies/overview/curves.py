"""The committed measures of layers in one table, for the layer explorer."""

from __future__ import annotations

import pandas as pd

from helpers import report
from helpers.metrics import intervals

COLUMNS = ["network", "measure", "layer", "depth", "value", "low", "high"]
INCEPTION = "Inception-v3 (2015)"


def layer_table() -> pd.DataFrame:
    """Gather what notebooks 01 to 05 measured per layer: COLUMNS, one row per point.

    Intervals are 95 % over images or categories; of the perceptron, the range over its seeds.
    """
    parts = [
        _over_photos("gini", "Gini coefficient"),
        _of_animals(),
        _between_layers(),
        _over_categories(),
        _perceptron(),
        _over_photos("hoyer", "Hoyer's measure"),
    ]
    return pd.concat([part[COLUMNS] for part in parts], ignore_index=True)


def _over_photos(measure: str, title: str) -> pd.DataFrame:
    table = _committed("01_gini_by_image").query("measure == @measure and network == @INCEPTION")
    return _means(table).assign(measure=title)


def _of_animals() -> pd.DataFrame:
    names = {"active_percent": "active units, %", "decorrelation": "decorrelation 1 − r"}
    table = _committed("02_decorrelation_and_activity").replace({"measure": names})
    return table.assign(network=INCEPTION)


def _between_layers() -> pd.DataFrame:
    names = {"drop": "drop from the layer before", "to the input": "similarity to the input"}
    table = _committed("03_drops").query("measure == 'debiased CKA'").dropna(subset="value")
    table = table.assign(measure=table["statistic"].map(names) + " (debiased CKA)")
    return table.dropna(subset="measure")


def _over_categories() -> pd.DataFrame:
    psi = _committed("04_psi_by_category").query("measure == 'psi'")
    r = _committed("04_r_by_layer").query("measure == 'psi'")
    return pd.concat(
        [_means(psi).assign(measure="PSI"), r.assign(measure="correlation of PSI and accuracy")]
    )


def _perceptron() -> pd.DataFrame:
    """The nearest neighbours' accuracy in the activations."""
    table = _committed("05_measures").query("method == 'raw' and measure == 'kNN'")
    titles = {"mnist": "MNIST", "fashion_mnist": "Fashion-MNIST"}
    keys = ["dataset", "layer", "depth"]
    found = []
    for condition in ("trained", "untrained"):
        rows = table[table["condition"].isin(["pixels", condition])]
        spread = rows.groupby(keys, sort=False)["value"].agg(["mean", "min", "max"]).reset_index()
        network = f"perceptron, {condition}, " + spread["dataset"].map(titles)
        found.append(spread.assign(network=network, measure="ten neighbours, share right"))
    return pd.concat(found).rename(columns={"mean": "value", "min": "low", "max": "high"})


def _means(table: pd.DataFrame) -> pd.DataFrame:
    keys = ["network", "measure", "layer", "depth"]
    rows = [
        (*key, *intervals.mean_estimate(group["value"]))
        for key, group in table.groupby(keys, sort=False)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _committed(name: str) -> pd.DataFrame:
    return report.load(name, committed=True)
