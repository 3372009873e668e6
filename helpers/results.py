"""Tables of results: written as CSV by the notebooks, read by figures, README and notebook 00."""

from __future__ import annotations

import pandas as pd

from helpers import profile


def save(table: pd.DataFrame, name: str) -> None:
    """Write a table to <name>.csv in the results folder of the current profile.

    Args:
        table: a tidy table; its index is not written.
        name: the notebook's number and what the table holds, e.g. "01_gini_by_image".
    """
    folder = profile.current().results
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
    folder = profile.COMMITTED_RESULTS if committed else profile.current().results
    path = folder / f"{name}.csv"
    if not path.exists():
        raise FileNotFoundError(
            f"{profile.shown(path)} is not there: run the notebook whose number it starts with"
        )
    return pd.read_csv(path)
