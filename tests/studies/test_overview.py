import numpy as np
import pytest

from helpers import plotting, project, report
from helpers.studies import overview
from helpers.studies.overview import questions


@pytest.fixture(scope="module")
def answers():
    return overview.answers()


def test_every_notebook_with_a_source_has_a_question_an_answer_and_a_link(answers):
    judged = set(report.scorecard()["notebook"])
    assert {"01", "02", "03", "04", "05"} <= set(answers.index) and judged >= set(answers.index)
    for number, row in answers.iterrows():
        assert row["question"].endswith("?") and row["answer"].endswith(".")
        assert "nan" not in row["answer"]
        file = row["notebook"].split("(")[1].rstrip(")")
        assert file.startswith(number) and (project.ROOT / "notebooks" / file).exists()


def test_answers_carry_the_numbers_of_the_tables(answers):
    better = report.load("04_claims", committed=True).query("id == 'better'")
    for text in better["ours"]:
        assert text.split(";")[0].removeprefix("r ") in answers.loc["04", "answer"]
    for number in ("05", "07"):
        changes = report.load(f"{number}_changes", committed=True)
        for share in changes.query("method == 'raw' and score == 'kNN'")["after"]:
            assert f"{100 * share:.0f} %" in answers.loc[number, "answer"]
    together = report.load("02_together", committed=True).query("correlation == 'steps'")
    for rho in together["rho"]:
        assert f"{abs(rho):.2f}"[1:] in answers.loc["02", "answer"]


def test_a_network_without_maps_is_drawn_with_its_hidden_layers_set_apart():
    networks = report.load("00_networks", committed=True)
    (axis,) = overview.draw(networks, "multi-layer perceptron").axes
    texts = [text.get_text() for text in axis.texts]
    assert [t for t in texts if t in ("input", "hidden", "output")].count("hidden") == 1
    fills = {patch.get_facecolor() for patch in axis.patches if patch.get_alpha() == 0.35}
    assert len(fills) == 3


def test_photos_differ_from_the_others_by_one_minus_their_correlation():
    table = overview.photo_decorrelation()
    pairs = report.load("01_similarity", committed=True)
    assert table.groupby("layer").size().eq(40).all()
    means = table.groupby("layer")["value"].mean()
    for layer, mean in means.items():
        np.testing.assert_allclose(mean, 1 - pairs[layer].mean())


@pytest.mark.parametrize(("value", "sign", "text"), [(0.723, False, ".72"), (-0.6, True, "−.60")])
def test_numbers_are_written_as_in_the_notebooks(value, sign, text):
    assert questions._short(value, sign) == text


@pytest.fixture(scope="module")
def table():
    return overview.layer_table()


def test_one_value_per_point_within_its_interval(table):
    assert not table.duplicated(["network", "measure", "layer"]).any()
    assert table["value"].notna().all() and table["network"].nunique() >= 7
    known = table.dropna(subset=["low", "high"])
    assert len(known) > 0.8 * len(table)
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


def test_values_are_those_of_the_tables(table):
    photos = report.load("01_gini_by_image", committed=True)
    mean = photos.query("layer == 'mixed7' and measure == 'gini'")["value"].mean()
    (ours,) = table.query("layer == 'mixed7' and measure == 'Gini coefficient'")["value"]
    assert abs(ours - mean) < 1e-9


def test_the_explorer_is_small_enough_for_a_notebook(table):
    assert len(str(plotting.layer_explorer(table)._repr_mimebundle_())) < 150_000
