import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from helpers import data, report
from helpers.metrics import accuracy, embeddings
from helpers.studies.ruman_2021 import claims, scores, store, study

KEYS = study.KEYS


@pytest.fixture(scope="module")
def digits():
    arrays = data.digits_split()
    small = {"x_train": arrays.x_train[:300], "y_train": arrays.y_train[:300]}
    return data.LabelledImages(**vars(arrays) | small)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def pair(digits, cache):
    return study.train_pair(digits, cache=cache)


@pytest.fixture
def quick_embedding(monkeypatch):
    """Two columns of the activations in place of an embedding; returns the calls."""
    calls = []

    def first_two(x, method, seed=42, **settings):
        calls.append((method, seed, settings))
        return np.float32(x[:, :2])

    monkeypatch.setattr(embeddings, "embed", first_two)
    return calls


def clouds(apart=3.0, dimensions=2, seed=0):
    labels = np.arange(90) % 3
    x = np.random.default_rng(seed).normal(size=(90, dimensions))
    x[:, 0] += apart * labels
    return x, labels


# study: the networks, the embeddings and their measures


def test_layers_of_a_pair_hold_the_pixels_once(pair, digits):
    found = pair.activations(digits.x_train[:20])
    assert tuple(found) == KEYS
    assert found[study.INPUT] == pytest.approx(digits.x_train[:20].reshape(20, -1) / 255)
    units = [found[key].shape[1] for key in KEYS]
    assert units == [64, 512, 256, 128, 512, 256, 128]
    assert (found["trained", "layer1"] != found["untrained", "layer1"]).any()
    kernel, bias = pair.trained.get_weights()[:2]
    by_hand = np.maximum(found[study.INPUT] @ kernel + bias, 0)
    assert found["trained", "layer1"] == pytest.approx(by_hand, abs=1e-5)


def test_networks_with_a_relu_on_the_logits_are_scored_alike(digits, cache, quick_embedding):
    found = study.relu_on_logits(digits, (0, 1), 60, cache)
    assert list(found.index) == [0, 1] and list(found)[:2] == ["accuracy", "never"]
    pair = study.train_pair(digits, 1, cache, relu_on_logits=True)
    logits = pair.trained.predict(study.pixels(digits.x_test), verbose=0)
    answers = logits.argmax(axis=1)
    assert logits.min() == 0
    assert found.loc[1, "accuracy"] == np.mean(answers == digits.y_test)
    assert found.loc[1, "never"] == 10 - len(set(answers))
    chosen = study.draw(digits, 1, 60)
    layer = pair.activations(digits.x_test[chosen], [("trained", "layer3")])["trained", "layer3"]
    expected = embeddings.structure(layer[:, :2], digits.y_test[chosen])
    assert found.loc[1, list(expected)].to_dict() == pytest.approx(expected)
    assert [call[:2] for call in quick_embedding] == [("tsne", 42), ("tsne", 43)]


def test_embeddings_are_found_again_by_everything_they_depend_on(tmp_path, quick_embedding):
    x = np.random.default_rng(0).normal(size=(20, 5))
    first = study.embed(x, "tsne", 1, tmp_path)
    assert (study.embed(x, "tsne", 1, tmp_path) == first).all() and len(quick_embedding) == 1
    study.embed(x, "tsne", 2, tmp_path)
    study.embed(2 * x, "tsne", 1, tmp_path)
    study.embed(x, "umap", 1, tmp_path)
    study.embed(x, "tsne", 1)
    assert [call[:2] for call in quick_embedding[1:]] == [
        ("tsne", 2),
        ("tsne", 1),
        ("umap", 1),
        ("tsne", 1),
    ]
    assert len(list(tmp_path.iterdir())) == 4


def test_the_pixels_are_repeated_under_both_conditions():
    table = study.tabulate({key: {"d_s": i} for i, key in enumerate(KEYS)})
    both = study.under_both(table)
    assert len(table) == 7 and len(both) == 8
    assert list(both.loc[both["layer"] == "input", "condition"]) == list(study.CONDITIONS)
    assert set(both.loc[both["layer"] == "input", "value"]) == {0}


def test_a_replication_scores_every_space_alike(digits, pair):
    chosen = study.draw(digits, seed=0, n=80)
    assert len(set(chosen)) == 80
    labels = digits.y_test[chosen]
    raw = pair.activations(digits.x_test[chosen])
    planes = {"tsne": {key: x[:, :2].astype(float) for key, x in raw.items()}}
    done = study.replicate(pair, 0, chosen, planes)
    keys = ["method", "condition", "layer", "measure"]
    assert not done.table.duplicated(keys).any() and done.table["value"].notna().all()
    sizes = done.table.groupby("method").size().to_dict()
    assert sizes == {"raw": 7 * 7, "tsne": 7 * 8, "pca": 7 * 8}
    value = done.table.set_index(keys)["value"]
    for method, x in (("raw", raw[study.INPUT]), ("tsne", planes["tsne"][study.INPUT])):
        knn = accuracy.knn_accuracy(x, labels, leave_one_out=True)
        assert value[(method, *study.INPUT, "kNN")] == pytest.approx(knn)
        assert done.hits[method, study.INPUT, "kNN"].mean() == pytest.approx(knn)


# scores


def test_scores_image_by_image_have_the_means_of_the_measures():
    x, labels = clouds(2.0, 5)
    hits = scores.knn_hits(x, labels)
    assert hits.mean() == accuracy.knn_accuracy(x, labels, leave_one_out=True) < 1
    points = x[:, 1:3]
    trust = scores.trust(x, points)
    assert trust.shape == (90,)
    assert trust.mean() == pytest.approx(embeddings.trustworthiness(x, points))
    assert scores.trust(x, 3 * x + 1) == pytest.approx(np.ones(90))


def test_a_probe_reads_what_is_linear_only():
    x, labels = clouds(12.0)
    assert scores.probe_hits(x, labels).all()
    ring, side = np.linspace(0, 2 * np.pi, 100), np.arange(100) % 2
    circles = np.c_[np.cos(ring), np.sin(ring)] * (1 + side[:, None])
    assert scores.probe_hits(circles, side).mean() < 0.7
    assert scores.knn_hits(circles, side, k=1).all()


def test_matched_groups_are_distributed_alike():
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.5, 1, 3000), rng.normal(0, 1, 2000)
    i, j = scores.matched(a, b)
    assert len(i) == len(j) == len(set(i)) == len(set(j)) > 1000
    assert a[i].mean() == pytest.approx(b[j].mean(), abs=0.05)
    assert stats.ks_2samp(a[i], b[j]).statistic < 0.06 < stats.ks_2samp(a, b).statistic
    apart = scores.matched(np.zeros(10), np.ones(10))
    assert [len(own) for own in apart] == [0, 0]


# store


@pytest.mark.parametrize("spread", [1e-4, 30.0])
def test_fixed_point_keeps_positions_and_measures(spread):
    x, labels = clouds()
    points = np.float32(spread * x - 5)
    packed = store.encode(points, labels)
    assert packed["codes"].dtype == np.uint8 and packed["codes"].nbytes == 4 * len(points)
    back = store.decode(**packed, labels=labels)
    step = np.ptp(points, axis=0).max() / (2**store.BITS - 1)
    rounding = 2 * np.spacing(np.float32(5 + spread))
    assert np.abs(back - points).max() <= 0.51 * step + rounding
    before, after = (embeddings.structure(q, labels) for q in (points, back))
    assert after == pytest.approx(before, abs=2e-3)


def test_what_is_stored_is_found_again_and_computed_anew_if_asked(
    digits, tmp_path, cache, quick_embedding, monkeypatch
):
    places = {"folder": tmp_path, "cache": cache, "processes": 1}
    computed = store.training_images(digits, **places)
    assert len(quick_embedding) == 14
    found = store.training_images(digits, **places)
    assert len(quick_embedding) == 14
    assert list(found.points) == list(computed.points)
    for name, points in computed.points.items():
        step = np.ptp(points, axis=0).max() / (2**store.BITS - 1)
        assert np.abs(found.points[name] - points).max() <= 0.51 * step
    for ours, theirs in zip(
        found.pair.trained.get_weights(), computed.pair.trained.get_weights(), strict=True
    ):
        assert ours == pytest.approx(theirs, abs=1e-3)
    assert (found.pair.untrained.get_weights()[0] == computed.pair.untrained.get_weights()[0]).all()
    pd.testing.assert_frame_equal(found.pair.curve, computed.pair.curve, check_dtype=False)
    monkeypatch.setenv("LAYERS_RECOMPUTE", "1")
    for file in cache.glob("tsne*"):
        file.unlink()
    store.training_images(digits, **places)
    assert len(quick_embedding) == 21


def test_embeddings_of_other_images_are_refused(digits, tmp_path, cache, quick_embedding):
    store.training_images(digits, folder=tmp_path, cache=cache, processes=1)
    other = data.LabelledImages(**vars(digits) | {"x_train": digits.x_train[::-1]})
    with pytest.raises(ValueError, match=r"digits\.npz .* set LAYERS_RECOMPUTE=1"):
        store.training_images(other, folder=tmp_path, cache=cache, processes=1)


def test_a_process_that_embeds_loads_no_keras():
    code = "import sys; from helpers.studies.ruman_2021 import _worker; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = run.stdout.split()
    assert "numpy" in loaded and not {"keras", "tensorflow"} & set(loaded)


def test_everything_can_be_computed_anew_in_processes_of_their_own(
    digits, tmp_path, cache, monkeypatch
):
    """RECOMPUTE=1 from end to end, on few images: networks, embeddings, files, measures."""
    monkeypatch.setenv("LAYERS_RECOMPUTE", "1")
    monkeypatch.setattr(store, "METHODS", ("tsne",))
    monkeypatch.setattr(store, "SEEDS", (0,))
    monkeypatch.setattr(store, "REPLICATION_SIZE", 100)
    monkeypatch.setattr(store, "MORE_SEEDS", {"digits": [(1, "tsne", ("trained", "layer3"))]})
    few = {"x_train": digits.x_train[:100], "y_train": digits.y_train[:100]}
    arrays = data.LabelledImages(**vars(digits) | few)
    places = {"folder": tmp_path, "cache": tmp_path}
    found = store.training_images(arrays, **places)
    (replication,) = store.replications(arrays, (0,), 100, processes=1, **places)
    assert {name[0] for name in found.points} == {0, 1} and len(found.points) == 8
    layer = found.pair.activations(arrays.x_train, [("trained", "layer2")])["trained", "layer2"]
    alone = embeddings.embed(layer, "tsne", study.EMBEDDING_SEED)
    assert found.points[0, "tsne", ("trained", "layer2")] == pytest.approx(alone, abs=1e-3)
    monkeypatch.delenv("LAYERS_RECOMPUTE")
    monkeypatch.setattr(store, "compute", lambda *a: pytest.fail("computed although stored"))
    again = store.training_images(arrays, **places)
    assert sorted(again.points) == sorted(found.points)
    (same,) = store.replications(arrays, (0,), 100, **places)
    pd.testing.assert_frame_equal(same.table, replication.table, atol=2e-2)
    with np.load(tmp_path / "digits.npz") as file:
        about = json.loads(str(file["about"]))
    assert about["settings"] == {"tsne": embeddings.DEFAULTS["tsne"]}
    assert set(about["versions"]) == set(store.PACKAGES)


@pytest.mark.parametrize("dataset", ["mnist", "fashion_mnist"])
def test_the_committed_embeddings_are_complete_and_give_the_committed_measures(dataset):
    path = store.FOLDER / f"{dataset}.npz"
    assert path.stat().st_size < 5e6
    committed = report.load("05_full_size", committed=True).query("dataset == @dataset")
    with np.load(path) as file:
        names = {name.removesuffix("/codes") for name in file.files if name.endswith("/codes")}
        about = json.loads(str(file["about"]))
        assert file["0/tsne/pixels/input/codes"].shape == (2, 2, 60_000)
    rows = committed[["seed", "method", "condition", "layer"]].drop_duplicates().astype(str)
    assert names == set(rows.agg("/".join, axis=1)) and len(names) >= 14
    assert about["settings"] == {m: embeddings.DEFAULTS[m] for m in store.METHODS}
    assert about["bits"] == store.BITS


# claims


def made_up(trained, untrained, dataset="mnist", methods=("tsne", "umap"), seeds=(0,)):
    """A table whose measures change with depth by `trained` or `untrained`, more being better."""
    rows = [
        (dataset, seed, method, *key, study.LAYERS.index(key[1]), measure, 1 + sign * change)
        for seed in seeds
        for method in methods
        for key in KEYS
        for measure, sign in claims.BETTER.items()
        for change in [(trained if key[0] == "trained" else untrained)[study.LAYERS.index(key[1])]]
    ]
    return pd.DataFrame(rows, columns=study.COLUMNS)


UP, DOWN = (0.0, 0.1, 0.2, 0.3), (0.0, -0.1, -0.2, -0.3)


def test_measures_are_signed_towards_better():
    layers = claims.signed(made_up(UP, DOWN), "mnist", "tsne")
    assert claims.slopes(layers, "trained").to_numpy() == pytest.approx(0.1)
    assert claims.slopes(layers, "untrained").to_numpy() == pytest.approx(-0.1)
    assert claims.leads(layers).to_numpy() == pytest.approx(np.array([[0.2, 0.4, 0.6]] * 4).T)


@pytest.mark.parametrize(
    ("answers", "holds"),
    [
        ([True] * 4, True),
        ([True, True, True, False], "mixed"),
        ([True, True, False, False], "mixed"),
        ([True, False, False, False], False),
        ([False] * 4, False),
    ],
)
def test_a_universal_that_fails_in_part_is_mixed(answers, holds):
    text, found = claims.verdict(answers, "size")
    assert found == holds and text == f"{sum(answers)} of 4; size"


def test_the_source_is_judged_by_the_same_rules():
    """The column `published` of data/claims.csv says what the rules give on the source's tables."""
    published = claims.published_table(data.published("ruman-2021"))
    assert len(published) == 160 and published.notna().all(axis=None)
    mnist = claims.signed(published, "mnist", "tsne")
    fashion = claims.signed(published, "fashion_mnist", "umap")
    trends = claims._trends(mnist, [])
    counts = [trends[name][0].split(";")[0] for name in ("improves", "each-step", "worse")]
    assert counts == ["4 of 4", "9 of 12", "12 of 12"]
    assert claims._trends(fashion, [])["improves"][1] is False
    assert claims.slopes(fashion, "trained")["d_s"] == pytest.approx(-0.0109, abs=1e-4)


def test_the_tables_are_weighed_against_the_guess_that_nothing_changes():
    published = claims.published_table(data.published("ruman-2021"))
    pixels = published["layer"] == "input"
    ours = published[~(pixels & (published["condition"] == "untrained"))].copy()
    ours.loc[ours["layer"] == "input", "condition"] = "pixels"
    compared = claims.compare(ours, published)
    assert len(compared) == 160
    assert (claims.against_null(compared)["ratio"] < 0.02).all()
    guess = ours.copy()
    keys = ["dataset", "method", "measure"]
    input_value = published[pixels].groupby(keys)["value"].mean()
    guess["value"] = [input_value[tuple(row)] for row in guess[keys].to_numpy()]
    assert claims.against_null(claims.compare(guess, published))["ratio"].to_numpy() == (
        pytest.approx(1)
    )


def test_the_interval_of_a_further_seed_covers_it():
    rng = np.random.default_rng(0)
    inside = []
    for _ in range(2000):
        *seen, next_one = rng.normal(size=4)
        low, high = claims.further_seed(seen)
        inside.append(low <= next_one <= high)
    assert np.mean(inside) == pytest.approx(0.95, abs=0.015)


def replication(hits, dataset="mnist", seed=0):
    """A replication of which only the hits of kNN matter."""
    table = pd.DataFrame([{"dataset": dataset, "seed": seed}])
    found = {("raw", key, "kNN"): np.asarray(values, bool) for key, values in hits.items()}
    trust = {("tsne", key): np.linspace(0.5, 1, len(values)) for key, values in hits.items()}
    found |= {("tsne", key, "kNN"): np.asarray(values, bool) for key, values in hits.items()}
    return study.Replication(table, found, trust, np.zeros(1))


def test_changes_count_the_images_whose_answer_changes():
    before, better = np.r_[np.ones(60), np.zeros(40)], np.r_[np.ones(80), np.zeros(20)]
    hits = {study.INPUT: before, ("trained", "layer3"): better, ("untrained", "layer3"): before}
    changed = claims.changes([replication(hits), replication(hits, seed=1)])
    rows = changed.set_index(["method", "condition"]).loc["raw"]
    assert rows["change"].to_list() == pytest.approx([0.2, 0])
    assert rows.loc["trained", "p"] == pytest.approx(2 * 0.5**40)
    assert rows.loc["trained", "p_holm"] == pytest.approx(4 * 2 * 0.5**40)
    assert rows.loc["untrained", "p"] == 1
    assert rows.loc["trained", "low"] < 0.2 < rows.loc["trained", "high"]
    assert rows.loc["trained", ["seed_low", "seed_high"]].to_list() == pytest.approx([0.2, 0.2])


def test_a_lead_that_is_only_better_drawn_vanishes_among_equals():
    rng = np.random.default_rng(0)
    keys = [("trained", "layer3"), ("untrained", "layer3")]
    trust = [np.clip(rng.normal(mean, 0.05, 4000), 0, 1) for mean in (0.9, 0.85)]
    hits = [rng.uniform(size=4000) < t for t in trust]
    table = pd.DataFrame([{"dataset": "mnist", "seed": 0}])
    found = {(m, key, "kNN"): h for m in ("raw", "tsne") for key, h in zip(keys, hits, strict=True)}
    by_key = {("tsne", key): t for key, t in zip(keys, trust, strict=True)}
    row = claims.matched_leads([study.Replication(table, found, by_key, np.zeros(1))]).iloc[0]
    assert row["plane"] > 0.03
    assert abs(row["plane, equally faithful"]) < 0.015


def test_every_claim_is_judged_by_its_row():
    full_size = pd.concat(
        [
            made_up(UP, DOWN),
            made_up((0, 0.05, 0.1, 0.02), (0, -0.01, -0.02, -0.03), "fashion_mnist"),
            made_up(UP, DOWN, "fashion_mnist", ("tsne",), (1, 2)),
        ],
        ignore_index=True,
    )
    table = pd.concat([made_up(UP, DOWN, d, seeds=(0, 1)) for d in ("mnist", "fashion_mnist")])
    changed = pd.DataFrame(
        [
            (dataset, method, score, condition, 0.1 if condition == "trained" else -0.1, 0.01)
            for dataset in ("mnist", "fashion_mnist")
            for method in ("raw", "tsne", "umap")
            for score in ("kNN", "probe")
            for condition in study.CONDITIONS
        ],
        columns=["dataset", "method", "score", "condition", "change", "p_holm"],
    )
    published = claims.published_table(data.published("ruman-2021"))
    found = claims.judged(full_size, table, changed, published)
    ids = {key if isinstance(key, str) else key[0] for key in found}
    assert ids == set(report.claims("05")["id"])
    assert found["tsne-improves", "MNIST"][1] is True
    assert found["tsne-each-step", "Fashion-MNIST"][1] == "mixed"
    assert found["tsne-weaker"][1] is True
    assert found["knn-trained", "MNIST"][1] is True
    assert found["umap-margin", "MNIST"][1] is False
    assert found["table-mnist-tsne"][1] is False
    changed["p_holm"] = 0.06
    assert claims.judged(full_size, table, changed, published)["knn-trained", "MNIST"][1] is False
