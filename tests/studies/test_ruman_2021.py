import numpy as np
import pandas as pd
import pytest

from helpers import data, report
from helpers.studies.ruman_2021 import claims, study
from helpers.studies.ruman_2021.claims import (
    agreement,
    compare,
    judged,
    published_table,
    trends,
    unanimous,
)


@pytest.fixture(scope="module")
def digits():
    arrays = data.digits_split()
    return data.LabelledImages(
        **{**vars(arrays), "x_train": arrays.x_train[:300], "y_train": arrays.y_train[:300]}
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def pair(digits, cache):
    return study.train_pair(digits, cache=cache)


def vectors():
    return np.random.default_rng(0).normal(size=(200, 6)).astype(np.float32)


def test_representations_of_a_pair(pair, digits):
    found = pair.activations(digits.x_train[:20])
    assert list(found) == [(c, layer) for c in study.CONDITIONS for layer in study.LAYERS]
    assert found["trained", "input"] is found["untrained", "input"]
    assert found["trained", "input"] == pytest.approx(digits.x_train[:20].reshape(20, -1) / 255)
    assert [found["trained", layer].shape[1] for layer in study.LAYERS] == [64, 512, 256, 128]
    assert (found["trained", "layer1"] != found["untrained", "layer1"]).any()


def test_a_replication_has_every_number_once(digits, pair, cache):
    done = study.replicate(digits, 0, 60, ("pca",), cache)
    keys = ["method", "condition", "layer", "measure"]
    assert not done.table.duplicated(keys).any()
    assert done.table["value"].notna().all()
    assert done.table.groupby("method").size().to_dict() == {"raw": 8 * 8, "pca": 8 * 9}
    inputs = done.table[done.table["layer"] == "input"]
    assert (inputs.groupby(["method", "measure"])["value"].nunique() == 1).all()
    assert done.images.shape[0] == len(done.labels) == 60
    assert done.points["pca"]["trained", "layer3"].shape == (60, 2)


def test_embedding_the_training_images_takes_the_layers_asked_for(digits, pair, cache):
    ends = ("input", "layer3")
    points, table = study.embed_training_images(digits, "pca", ends, 50, cache)
    assert {layer for _, layer in points} == set(ends)
    assert len(points["trained", "input"]) == 50
    assert set(table["measure"]) == set(claims.FIVE) and len(table) == 4 * 5


def test_the_input_of_both_networks_is_treated_once():
    keys = [("trained", "input"), ("trained", "layer1"), ("untrained", "input")]
    calls = []
    found = study.of_each(keys, lambda key: calls.append(key) or len(calls))
    assert calls == keys[:2]
    assert found == dict(zip(keys, (1, 2, 1), strict=True))


def test_embeddings_are_found_again_by_everything_they_depend_on(tmp_path, monkeypatch):
    x, calls = vectors(), []

    def count(x, method, seed, **settings):
        calls.append((method, seed, settings))
        return np.float32(x[:, :2])

    monkeypatch.setattr("helpers.metrics.embeddings.embed", count)
    first = study.embed(x, "tsne", 1, tmp_path)
    assert (study.embed(x, "tsne", 1, tmp_path) == first).all() and len(calls) == 1
    defaults = {"perplexity": 30, "metric": "euclidean", "n_jobs": 1}
    assert calls == [("tsne", 1, defaults)]
    study.embed(x, "tsne", 2, tmp_path)
    study.embed(x, "tsne", 1, tmp_path, perplexity=5)
    study.embed(2 * x, "tsne", 1, tmp_path)
    study.embed(x, "pca", 1, tmp_path)
    assert calls[1:] == [
        ("tsne", 2, defaults),
        ("tsne", 1, defaults | {"perplexity": 5}),
        ("tsne", 1, defaults),
        ("pca", 1, {}),
    ]
    study.embed(x, "tsne", 1)
    assert len(calls) == 6 and len(list(tmp_path.iterdir())) == 5


def test_layers_are_embedded_alike_and_aligned_with_the_first():
    x = vectors()
    turned = {("trained", "input"): x, ("trained", "layer1"): x[:, ::-1] * 3}
    points = study.embed_all(turned, "pca", 5)
    assert list(points) == list(turned)
    one, other = points.values()
    assert other == pytest.approx(one, abs=1e-4)


def made_up(slopes, seeds=3, method="tsne", dataset="mnist"):
    """A table in which d_s changes with depth by slopes[condition], a little more every seed."""
    rows = [
        (dataset, seed, method, condition, layer, depth, "d_s", 1 + depth * slope * (1 + seed))
        for seed in range(seeds)
        for condition, slope in slopes.items()
        for depth, layer in enumerate(study.LAYERS)
    ]
    return pd.DataFrame(rows, columns=study.COLUMNS)


def test_trends_are_signed_towards_better():
    found = trends(made_up({"trained": -0.1, "untrained": 0.2}))
    assert found["trained"].to_numpy() == pytest.approx([0.1, 0.2, 0.3])
    assert found["untrained"].to_numpy() == pytest.approx([-0.2, -0.4, -0.6])
    assert found["steps"].to_numpy() == pytest.approx([0.1, 0.2, 0.3])
    assert found["gap"].to_numpy() == pytest.approx([0.3, 0.6, 0.9])
    assert found["lead"].to_numpy() == pytest.approx([0.9, 1.8, 2.7])


def test_agreement_needs_every_seed():
    clear = agreement(trends(made_up({"trained": -0.1, "untrained": 0.2}))).iloc[0]
    assert (clear["improves"], clear["worsens"], clear["worse"]) == (True, True, True)
    opposite = agreement(trends(made_up({"trained": 0.1, "untrained": -0.2}))).iloc[0]
    assert (opposite["improves"], opposite["worsens"], opposite["worse"]) == (False, False, False)
    assert clear["each step"] is True and opposite["each step"] is False
    assert unanimous([1, 2, -1]) is None and unanimous([0.0, 1]) is None
    assert unanimous([]) is None and unanimous([np.nan, 1]) is True
    grid = claims.agreement_grid(agreement(trends(made_up({"trained": -0.1, "untrained": -0.2}))))
    assert grid["d_s"].to_dict() == {
        ("improves", "mnist", "tsne"): "✓",
        ("each step", "mnist", "tsne"): "✓",
        ("worsens", "mnist", "tsne"): "✗",
        ("worse", "mnist", "tsne"): "✗",
    }


@pytest.fixture(scope="module")
def published():
    return published_table(data.published("ruman-2021"))


def test_the_published_tables_are_complete_and_judge_themselves_true(published):
    assert len(published) == 160 and published.notna().all(axis=None)
    compared = compare(published, published)
    assert len(compared) == 160 and (compared["difference"] == 0).all()
    found = judged(published, published, published)
    assert {claim for claim, *_ in (k if isinstance(k, tuple) else (k,) for k in found)} == set(
        report.claims("05")["id"]
    )
    for claim, (ours, holds, *_) in found.items():
        if str(claim).startswith("table-"):
            assert ours.startswith("40 of the 40") and holds


def test_what_was_published_is_what_the_rules_say_of_the_published_tables(published):
    rows = report.claims("05").set_index("id")["published"]
    theirs = trends(published)
    found = agreement(theirs[theirs["measure"].isin(claims.FIVE)])
    for (dataset, method), group in found.groupby(["dataset", "method"]):
        for trend in claims.TRENDS:
            shown = f"{claims.TITLES[dataset]}: {claims.count(list(group[trend]))}"
            assert shown in rows[f"{method}-{trend.replace(' ', '-')}"].split("; ")
    for method in claims.METHODS.values():
        assert rows[f"{method}-weaker"] == claims.count(claims.weaker(theirs, method))


def test_numbers_too_far_away_differ_and_missing_ones_cannot_be_judged(published):
    ours = published[published["dataset"] == "mnist"].copy()
    ours.loc[ours["method"] == "umap", "value"] += 0.021
    found = judged(ours, ours, published)
    assert found["table-mnist-tsne"][1] and not found["table-mnist-umap"][1]
    assert found["table-fashion_mnist-umap"][1:] == (
        None,
        "not computed at the source's size in this run",
    )
    assert not any("weaker" in claim for claim in found)


def test_a_trend_must_hold_at_the_sources_size_too(published):
    seeds = published[published["dataset"] == "mnist"]
    large = seeds.copy()
    trained = (large["condition"] == "trained") & (large["measure"] == "d_s")
    large.loc[trained, "value"] += 0.1 * large["depth"]
    claim = ("tsne-improves", "MNIST")
    assert judged(seeds, seeds, published)[claim][1:] == (True,)
    assert judged(seeds, large, published)[claim][1:] == (None, "replications differ")
    assert judged(large, large, published)[claim][1:] == (False,)
    ends = seeds[seeds["layer"].isin(["input", "layer3"]) & (seeds["method"] == "tsne")]
    assert judged(seeds, ends, published)[claim][1:] == (True,)
