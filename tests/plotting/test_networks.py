import pytest

from helpers import plotting

BLOCKS = [
    ("activation", (149, 149, 32), []),
    ("mixed0", (35, 35, 256), ["1x1", "5x5", "double 3x3", "pool"]),
    ("avg_pool", (2048,), []),
    ("predictions", (1000,), []),
]


def test_every_block_has_its_names_shape_branches_and_stage():
    stages = {
        "activation": "stem",
        "mixed0": "35×35",
        "avg_pool": "output",
        "predictions": "output",
    }
    fig = plotting.network(BLOCKS, "a network", stages, wrap=3)
    first, second = [[t.get_text() for t in axis.texts if t.get_text()] for axis in fig.axes]
    expected = {"a0", "activation", "149×149×32", "m0", "35×35×256", "1×1", "5×5", "double 3×3",
                "pool", "stem", "35×35", "2048", "output"}  # fmt: skip
    assert expected <= set(first)
    assert second == ["predictions", "out", "1000", "output"]


def test_maps_of_a_larger_side_are_drawn_higher():
    fig = plotting.network([(f"l{s}", (s, s, 8), []) for s in (64, 16, 1)])
    boxes = [p for p in fig.axes[0].patches if hasattr(p, "get_boxstyle")][::2]
    heights = [box.get_bbox().height for box in boxes]
    assert heights == sorted(heights, reverse=True) and len(set(heights)) == 3


def test_nothing_cannot_be_drawn():
    with pytest.raises(ValueError, match="no blocks"):
        plotting.network([])
