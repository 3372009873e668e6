"""Tables of results, the verdicts on published claims, the scorecard, and a notebook's header."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd
from IPython.display import HTML

from helpers import project

__all__ = [
    "VERDICTS",
    "claims",
    "header",
    "in_full",
    "judge",
    "load",
    "save",
    "scorecard",
    "within",
]

VERDICTS = ("holds", "differs", "mixed", "cannot be judged")
CLAIMS = project.ROOT / "data" / "claims.csv"
NETWORKS = ("source", "any")
OTHER_NETWORK = "other network"
COLUMNS = ["id", "source", "claim", "published", "ours", "rule", "verdict", "why"]


def header(network: Any, images: Any) -> None:
    """Print what a notebook runs with: profile, network, weights, images and their licence.

    Args:
        network: a Keras model of `models`, or any other, whose weights are then "not recorded".
        images: a set of images or the arrays of `data`, with title and licence.
    """
    card = getattr(network, "card", None)
    title, weights = (card.title, card.weights) if card else (network.name, "not recorded")
    if card and card.sha256:
        weights += f", SHA-256 {card.sha256}"
    parts = (images.x_train, images.x_test) if hasattr(images, "x_train") else (images,)
    print(f"profile  {project.current().name}")
    print(f"network  {title}")
    print(f"weights  {weights}")
    print(f"images   {images.title}: {' + '.join(str(len(part)) for part in parts)}; ", end="")
    print(f"licence: {images.licence}")
    if card and card.note:
        print(f"note     {card.note}")


def save(table: pd.DataFrame, name: str) -> None:
    """Write a table to <name>.csv in the results folder of the current profile.

    Args:
        table: a tidy table; its index is not written.
        name: the notebook's number and what the table holds, e.g. "01_gini_by_image".

    Raises:
        TypeError: a column holds complex numbers, which come back as text.
    """
    for column, kind in table.dtypes.items():
        if getattr(kind, "kind", "") == "c":
            raise TypeError(f"column {column} of the table holds {kind}, not real numbers")
    folder = project.current().results
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g", lineterminator="\n")


def load(name: str, committed: bool = False) -> pd.DataFrame:
    """Read <name>.csv from the results of the current profile.

    Args:
        name: the table's name, as given to `save`.
        committed: read the committed table of the full profile, whatever the profile.

    Raises:
        FileNotFoundError: there is no such table; the message says which notebook writes it.
    """
    folder = project.COMMITTED_RESULTS if committed else project.current().results
    path = folder / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{project.shown(path)} is not there: run the notebook whose number it starts with"
        )
    return pd.read_csv(path)


def in_full(table: pd.DataFrame) -> HTML:
    """Show a table with its whole texts: cells wrap, nothing is cut."""
    with pd.option_context("display.max_colwidth", None):
        text = table.to_html(index=False, border=0, justify="left", na_rep="", max_rows=None)
    return HTML(text.replace("<td>", '<td style="text-align: left; vertical-align: top">'))


def claims(notebook: str) -> pd.DataFrame:
    """Read a notebook's rows of data/claims.csv.

    Returns:
        All columns are text: notebook, id, source, claim, published, network ("source": the
        claim is about the source's own network and images; "any": it may be judged on
        another) and rule, in words.

    Raises:
        ValueError: there are no rows, an id comes twice, a cell is empty, or `network` is neither.
    """
    table = pd.read_csv(CLAIMS, dtype=str, keep_default_na=False)
    table = table[table["notebook"] == notebook].reset_index(drop=True)
    where = f"{project.shown(CLAIMS)}, notebook {notebook}"
    if table.empty:
        raise ValueError(f"{where}: no rows")
    if table["id"].duplicated().any():
        raise ValueError(
            f"{where}: more than one row {_listed(table['id'][table.duplicated('id')])}"
        )
    wrong = (table == "").any(axis=1) | ~table["network"].isin(NETWORKS)
    if wrong.any():
        raise ValueError(
            f"{where}: rows {_listed(table['id'][wrong])} need every cell, and 'source' or 'any'"
            " as network"
        )
    return table


def judge(
    notebook: str,
    found: Mapping[str | tuple[str, str], tuple],
    source_network: bool | None = None,
) -> HTML:
    """Put the verdict beside each claim of a notebook's source, and save <notebook>_claims.csv.

    What is claimed, what was published and by which rule it is judged stand in data/claims.csv;
    the notebook computes what it found, and whether the rule is met.

    Args:
        notebook: its number, e.g. "01".
        found: for each claim's id, or (id, subject) for a claim judged on several networks or
            data sets, a tuple (ours, holds) or (ours, holds, why). ours is a number or short
            text. holds is True, False, "mixed" (part of the claim holds) or None (cannot be
            judged; it needs the reason why).
        source_network: whether the source's own network and images were used. If not, the claims
            whose `network` is "source" cannot be judged and may be left out of `found`.
            None: in the full profile they were.

    Returns:
        The table with its whole texts: claim, published, ours, rule and verdict with its reason.

    Raises:
        ValueError: an id without a row in data/claims.csv, a row without a verdict, None
            without a reason, or a verdict on NaN or infinity, also as a word of its text.
        TypeError: holds is anything else.
    """
    if source_network is None:
        source_network = project.current().full
    table = claims(notebook)
    by_id: dict[str, dict[str, tuple]] = {}
    for key, outcome in found.items():
        claim, subject = (key, "") if isinstance(key, str) else key
        by_id.setdefault(claim, {})[subject] = outcome
    _check_ids(notebook, table, by_id, source_network)
    rows = []
    for row in table.itertuples():
        other = row.network == "source" and not source_network
        for subject, outcome in by_id.get(row.id, {"": (None, None)}).items():
            ours, holds, why = outcome if len(outcome) == 3 else (*outcome, "")
            holds, why = (None, OTHER_NETWORK) if other else (holds, why)
            where = f"{notebook}, {row.id}"
            verdict = _verdict(where, holds, why)
            if holds is not None and _unknown(ours):
                raise ValueError(f"{where}: {ours} decides nothing: pass None, and why")
            text = f"{subject}: {row.claim}" if subject else row.claim
            shown = (text, row.published, _shown(ours), row.rule, verdict, why)
            rows.append((row.id, row.source, *shown))
    judged = pd.DataFrame(rows, columns=COLUMNS)
    save(judged, f"{notebook}_claims")
    reasons = [f": {why}" if why else "" for why in judged["why"]]
    judged["verdict"] += reasons
    return in_full(judged.drop(columns=["id", "source", "why"]))


def within(ours: float, published: float, tolerance: float) -> tuple[float, bool]:
    """Compare a number with the published one, for `judge`: ours, and whether it is as near.

    Args:
        ours: this run's value, in the unit of the published one.
        published: the source's value.
        tolerance: the largest absolute difference that still counts as the same.
    """
    return ours, bool(abs(ours - published) <= tolerance)


def scorecard() -> pd.DataFrame:
    """Count the committed verdicts per notebook, one row each, for README and notebook 00."""
    rows = []
    for path in sorted(project.COMMITTED_RESULTS.glob("*_claims.csv")):
        judged = pd.read_csv(path)
        counts = judged["verdict"].value_counts()
        rows.append(
            {"notebook": path.name[:2], "source": judged["source"].iloc[0]}
            | {verdict: int(counts.get(verdict, 0)) for verdict in VERDICTS}
        )
    return pd.DataFrame(rows, columns=["notebook", "source", *VERDICTS])


def _check_ids(
    notebook: str, table: pd.DataFrame, found: Mapping[str, object], source_network: bool
) -> None:
    ids = list(table["id"])
    unknown = [claim for claim in found if claim not in ids]
    if unknown:
        raise ValueError(
            f"{project.shown(CLAIMS)}, notebook {notebook}: no row for {_listed(unknown)};"
            f" there are {_listed(ids)}"
        )
    needed = table if source_network else table[table["network"] == "any"]
    left = [claim for claim in needed["id"] if claim not in found]
    if left:
        raise ValueError(f"notebook {notebook}: no verdict on {_listed(left)}")


def _verdict(where: str, holds: object, why: str) -> str:
    if holds is None:
        if not why:
            raise ValueError(f"{where}: a claim that cannot be judged needs the reason why")
        return "cannot be judged"
    if isinstance(holds, str) and holds == "mixed":
        return "mixed"
    if isinstance(holds, (bool, np.bool_)):
        return "holds" if holds else "differs"
    raise TypeError(f"{where}: holds is {holds!r}; use True, False, 'mixed' or None")


def _unknown(ours: object) -> bool:
    """Whether a number is NaN or infinite, or a text shows one that is."""
    if isinstance(ours, str):
        return bool(re.search(r"\b(nan|inf)\b", ours, re.IGNORECASE))
    return isinstance(ours, float | np.floating) and not math.isfinite(ours)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None or value != value:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) or hasattr(value, "dtype") else str(value)
