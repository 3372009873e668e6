import numpy as np
import pandas as pd
import pytest

from helpers import project, report


@pytest.fixture
def quick_folder(tmp_path, monkeypatch):
    chosen = project.Profile("quick", tmp_path / "figures", tmp_path / "results")
    monkeypatch.setattr(project, "current", lambda: chosen)
    return tmp_path


def test_a_table_survives_saving_and_loading(quick_folder):
    table = pd.DataFrame({"layer": ["mixed0", "mixed1"], "value": [0.25, 1 / 3]})
    report.save(table, "99_example")
    loaded = report.load("99_example")
    assert list(loaded["layer"]) == ["mixed0", "mixed1"]
    np.testing.assert_allclose(loaded["value"], table["value"], rtol=1e-5)


def test_a_missing_table_is_named(quick_folder):
    with pytest.raises(FileNotFoundError, match="98_nothing.csv is not there"):
        report.load("98_nothing")


@pytest.mark.parametrize(
    ("holds", "verdict"), [(True, "holds"), (False, "differs"), (None, "cannot be judged")]
)
def test_the_rule_gives_the_verdict(holds, verdict):
    assert report.claim("rises", 0.9, 0.8, holds, "tau > 0")["verdict"] == verdict


@pytest.mark.parametrize(("ours", "verdict"), [(0.951, "holds"), (0.9, "differs")])
def test_a_published_number_holds_within_its_tolerance(ours, verdict):
    assert report.close("Gini", 0.947, ours, 0.005)["verdict"] == verdict


@pytest.mark.parametrize(("text", "rule"), [("", "tau > 0"), ("rises", "")])
def test_a_verdict_needs_text_and_rule(text, rule):
    with pytest.raises(ValueError, match="needs the claim's text and the rule"):
        report.claim(text, 1, 1, True, rule)


def test_scorecard_counts_verdicts(tmp_path, monkeypatch):
    rows = [report.claim("a", 1, 1, holds, "r") for holds in (True, True, False, None)]
    report.claims_table("source-2017", rows).to_csv(tmp_path / "07_claims.csv", index=False)
    monkeypatch.setattr(project, "COMMITTED_RESULTS", tmp_path)
    (row,) = report.scorecard().to_dict("records")
    assert row == {
        "notebook": "07",
        "source": "source-2017",
        "holds": 2,
        "differs": 1,
        "cannot be judged": 1,
    }
