"""Mean pairwise distances of 60,000 points in the plane, beside scikit-learn's chunked ones."""

import sys

import numpy as np
from sklearn.metrics import pairwise_distances_chunked

from benchmarks.common import compare, peak_rss_of, report, seconds
from helpers.metrics.embeddings import pair_distances

N = 60_000
MEMORY = f"""
import numpy as np
from helpers.metrics.embeddings import pair_distances
x = np.random.default_rng(0).normal(size=({N}, 2)).astype(np.float32)
pair_distances(x, np.arange({N}) % 10)
"""


def chunked(x: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """The two sums of distances, from blocks of rows of the whole matrix."""

    def sums(rows: np.ndarray, start: int) -> tuple[np.ndarray, np.ndarray]:
        same = labels[start : start + len(rows), None] == labels
        within = np.where(same, rows, 0).sum(axis=1)
        return within, rows.sum(axis=1) - within

    parts = list(pairwise_distances_chunked(x, reduce_func=sums, working_memory=128))
    return tuple(np.concatenate(rows).sum() / 2 for rows in zip(*parts, strict=True))


def main() -> int:
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(N, 2)).astype(np.float32), rng.integers(0, 10, N)
    some = slice(0, N // 6)

    pair_distances(x, labels)
    fastest = min(seconds(lambda: pair_distances(x, labels)) for _ in range(5))
    met = [
        report("mean pair distances of 60,000 points", fastest, 2, "s"),
        compare(
            "the same of 10,000 / scikit-learn's chunked distances",
            lambda: pair_distances(x[some], labels[some]),
            lambda: chunked(x[some], labels[some]),
            0.1,
            repeats=3,
        ),
        report("peak memory of the process, 60,000 points", peak_rss_of(MEMORY), 500, "MB"),
    ]
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
