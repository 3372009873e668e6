"""Notebook 02: active units, pairs of pictures, and the basis of units (Rupprecht 2017)."""

from helpers.studies.rupprecht_2017.alike import (
    compare_pairs,
    mantel,
    pairs_of,
    resample_within,
    shared_top,
    superiority,
    without,
)
from helpers.studies.rupprecht_2017.basis import (
    Alignment,
    Places,
    alignment,
    jackknife,
    leave_out,
    random_directions,
    typical,
)
from helpers.studies.rupprecht_2017.common import (
    Profiles,
    Split,
    loud_channels,
    mean_product,
    split,
)
from helpers.studies.rupprecht_2017.pair import draw_pair
from helpers.studies.rupprecht_2017.passes import Seen, by_layer, observe, shrunk
from helpers.studies.rupprecht_2017.steps import Together, together
from helpers.studies.rupprecht_2017.verdicts import (
    bottleneck,
    graded,
    sparser_but_closer,
    sparser_with_depth,
)

__all__ = [
    "Alignment",
    "Places",
    "Profiles",
    "Seen",
    "Split",
    "Together",
    "alignment",
    "bottleneck",
    "by_layer",
    "compare_pairs",
    "draw_pair",
    "graded",
    "jackknife",
    "leave_out",
    "loud_channels",
    "mantel",
    "mean_product",
    "observe",
    "pairs_of",
    "random_directions",
    "resample_within",
    "shared_top",
    "shrunk",
    "sparser_but_closer",
    "sparser_with_depth",
    "split",
    "superiority",
    "together",
    "typical",
    "without",
]
