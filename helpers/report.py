"""Tables of results, the verdicts on published claims, and the scorecard of all notebooks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from helpers import project

VERDICTS = ("holds", "differs", "cannot be judged")
COLUMNS = ["source", "claim", "published", "ours", "rule", "verdict"]


def save(table: pd.DataFrame, name: str) -> None:
    """Write a table to <name>.csv in the results folder of the current profile.

    Args:
        table: a tidy table; its index is not written.
        name: the notebook's number and what the table holds, e.g. "01_gini_by_image".
    """
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


def claim(
    text: str, published: object, ours: object, holds: bool | None, rule: str
) -> dict[str, str]:
    """Judge one claim of a source.

    Args:
        text: the claim, in one short sentence.
        published: what the source reports, a number or a word.
        ours: what this run gives.
        holds: the outcome of the rule; None where the rule cannot decide.
        rule: the rule in words; for None it says why it cannot decide.

    Returns:
        One row of the table: claim, published, ours, rule and verdict.

    Raises:
        ValueError: text or rule is empty: a verdict without its rule is an opinion.
    """
    if not text or not rule:
        raise ValueError("a verdict needs the claim's text and the rule that judges it")
    verdict = VERDICTS[2] if holds is None else VERDICTS[0] if holds else VERDICTS[1]
    row = (text, _shown(published), _shown(ours), rule, verdict)
    return dict(zip(COLUMNS[1:], row, strict=True))


def close(text: str, published: float, ours: float, tolerance: float) -> dict[str, str]:
    """Judge a published number: it holds where ours lies within the tolerance.

    Args:
        text: what the number is.
        published: the source's value.
        ours: this run's value, in the same unit.
        tolerance: the largest absolute difference that still counts as the same.
    """
    rule = f"|ours − published| ≤ {tolerance:g}"
    return claim(text, published, ours, bool(abs(ours - published) <= tolerance), rule)


def claims_table(source: str, claims: Iterable[Mapping[str, str]]) -> pd.DataFrame:
    """Join judged claims into a table with the columns of COLUMNS."""
    return pd.DataFrame([{"source": source, **row} for row in claims], columns=COLUMNS)


def save_claims(judged: pd.DataFrame, number: str) -> None:
    """Write the verdicts of a notebook to <number>_claims.csv."""
    save(judged, f"{number}_claims")


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


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) or hasattr(value, "dtype") else str(value)
