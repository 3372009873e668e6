"""Notebook 02: active units, pairs of pictures, and the basis of units (Rupprecht 2017)."""

from helpers.studies.rupprecht_2017.alike import (
    compare_pairs,
    lasting,
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
    aligned,
    aligned_twins,
    alignment,
    beside_twins,
    jackknife,
    lead,
    leave_out,
    random_directions,
    typical,
)
from helpers.studies.rupprecht_2017.common import (
    Profiles,
    Split,
    common_patterns,
    loud_channels,
    mean_product,
    split,
)
from helpers.studies.rupprecht_2017.pair import (
    draw_pair,
)
from helpers.studies.rupprecht_2017.passes import (
    Curves,
    Seen,
    by_layer,
    curves,
    observe,
    shrunk,
)
from helpers.studies.rupprecht_2017.steps import (
    Together,
    together,
    together_by_part,
)
from helpers.studies.rupprecht_2017.verdicts import (
    bottleneck,
    goes_together,
    graded,
    sparser_but_closer,
    sparser_with_depth,
)

__all__ = [
    "Alignment",
    "Curves",
    "Places",
    "Profiles",
    "Seen",
    "Split",
    "Together",
    "aligned",
    "aligned_twins",
    "alignment",
    "beside_twins",
    "bottleneck",
    "by_layer",
    "common_patterns",
    "compare_pairs",
    "curves",
    "draw_pair",
    "goes_together",
    "graded",
    "jackknife",
    "lasting",
    "lead",
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
    "together_by_part",
    "typical",
    "without",
]
