"""The numbers that the sources published."""

import numpy as np
import pytest

from helpers import data
from helpers.data import _registry

PAIR = ("Serengeti_Lion_2", "Lion03_-_melbourne_zoo")


def test_every_published_number_is_there_once():
    table = data.published()
    counts = {
        "guest-love-2017": {"gini": 6},
        "rupprecht-2017-basis": {"active_percent": 16, "decorrelation": 16},
        "liu-2020": {
            "median_psi": 21,
            "r_accuracy": 7,
            "kendall_tau": 1,
            "kendall_p": 1,
            "r2_accuracy": 1,
            "psi": 1,
        },
        "ruman-2021": dict.fromkeys(["d_s", "d_d", "c_s", "c_d", "acc_knn"], 32),
        "ruman-2021-cnn": {"d_s": 96, "acc_knn": 96, "d_d": 16, "c_s": 16, "c_d": 16},
        "bvlc-googlenet": {"top_1": 1, "top_5": 1},
    }
    for source, measures in counts.items():
        assert data.published(source).measure.value_counts().to_dict() == measures
    assert len(table) == sum(sum(measures.values()) for measures in counts.values())
    assert not table.drop(columns=["value", "approximate"]).duplicated().any()
    assert table.value.notna().all()
    assert table.approximate.dtype == bool
    with pytest.raises(ValueError, match="'raghu'.*liu-2020"):
        data.published("raghu")


def test_the_published_tables_have_every_cell():
    table = data.published("ruman-2021")
    cells = table.groupby(["dataset", "condition", "layer"]).measure.nunique()
    assert len(cells) == 2 * 2 * 2 * 4 and (cells == 5).all()
    inputs = table[(table.layer == "input") & table.condition.str.startswith("t-SNE")]
    assert (inputs.groupby(["dataset", "measure"]).value.nunique() == 1).all()


def test_published_layers_go_by_the_names_of_keras():
    names = [*(f"mixed{i}" for i in range(11)), "activation", "avg_pool", "predictions"]
    names += [f"activation_{i}" for i in range(1, 5)]
    for source in ("guest-love-2017", "rupprecht-2017-basis"):
        assert set(data.published(source).layer.dropna()) <= set(names)
    assert set(data.published("ruman-2021").layer) == {"input", "layer1", "layer2", "layer3"}


def test_published_similarities_are_correlations_of_all_pairs():
    matrices = data.published_similarities()
    assert list(matrices) == ["input", *(f"mixed{i}" for i in range(11)), "avg_pool", "predictions"]
    for r in matrices.values():
        assert r.shape == (40, 40)
        np.testing.assert_array_equal(r, r.T)
        assert (np.diag(r) == 1).all() and np.abs(r).max() <= 1
        steps = (r[np.triu_indices(40, 1)] + 1) * 128 - 0.5  # of a colour map of 256
        np.testing.assert_allclose(steps, steps.round(), atol=0.01)


def test_published_similarities_come_in_the_order_of_the_photos():
    r = data.published_similarities()
    names = [file.path for file in _registry.find("guest-love-2017").files]
    category = np.array([name.split("/")[0] for name in names])
    same = category[:, None] == category
    assert r["avg_pool"][same].mean() > 0.5 > 0.1 > r["avg_pool"][~same].mean()
    pair = [names.index(f"lion/320px-{name}.jpg") for name in PAIR]
    assert [r[layer][*pair] for layer in ("input", "mixed7", "avg_pool")] == [
        0.2148,
        0.3008,
        0.6211,
    ]
