import numpy as np
import pandas as pd
import pytest

from helpers import data, models, project, report

CLAIMS = """\
notebook,id,source,claim,published,network,rule
99,rises,source-2017,it rises,up,any,tau > 0
99,value,source-2017,the mean,0.947,source,|ours − published| ≤ 0.005
98,rises,source-2018,it rises,up,any,tau > 0
"""


@pytest.fixture
def quick(tmp_path, monkeypatch):
    chosen = project.Profile("quick", tmp_path / "figures", tmp_path / "results")
    monkeypatch.setattr(project, "current", lambda: chosen)
    return tmp_path


@pytest.fixture
def write_claims(tmp_path, monkeypatch):
    path = tmp_path / "claims.csv"
    monkeypatch.setattr(report, "CLAIMS", path)
    path.write_text(CLAIMS)
    return path.write_text


def test_a_table_survives_saving_and_loading(quick):
    table = pd.DataFrame({"layer": ["mixed0", "mixed1"], "value": [0.25, 1 / 3]})
    report.save(table, "99_example")
    loaded = report.load("99_example")
    assert list(loaded["layer"]) == ["mixed0", "mixed1"]
    np.testing.assert_allclose(loaded["value"], table["value"], rtol=1e-5)


def test_a_missing_table_is_named(quick):
    with pytest.raises(FileNotFoundError, match="98_nothing.csv is not there"):
        report.load("98_nothing")


def test_a_table_is_shown_with_its_whole_texts():
    long = "a <b> " + "word " * 100
    shown = report.in_full(pd.DataFrame({"text": [long] * 200, "none": None})).data
    assert shown.count("a &lt;b&gt; " + "word " * 99) == 200
    assert "..." not in shown


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        ((0.4, True), "holds"),
        ((0.4, np.True_), "holds"),
        ((0.4, np.False_), "differs"),
        ((0.4, "mixed"), "mixed"),
        ((None, None, "no network"), "cannot be judged"),
    ],
)
def test_the_outcome_of_the_rule_gives_the_verdict(quick, write_claims, outcome, verdict):
    shown = report.judge("98", {"rises": outcome})
    (row,) = report.load("98_claims").to_dict("records")
    assert row["verdict"] == verdict
    assert (row["claim"], row["published"], row["rule"]) == ("it rises", "up", "tau > 0")
    assert row["ours"] == (0.4 if outcome[0] else "–")
    assert (f"{verdict}: no network" if verdict == "cannot be judged" else verdict) in shown.data


def test_claims_about_the_sources_network_are_left_open_where_another_one_runs(quick, write_claims):
    report.judge("99", {"rises": ("tau 0.3", True)})
    judged = report.load("99_claims").set_index("id")
    assert judged["verdict"].to_dict() == {"rises": "holds", "value": "cannot be judged"}
    assert judged.loc["value", "why"] == "other network"
    report.judge("99", {"rises": ("tau 0.3", True), "value": (0.5, False)})
    judged = report.load("99_claims").set_index("id")
    assert judged.loc["value", ["ours", "verdict"]].tolist() == ["0.5", "cannot be judged"]
    report.judge("99", {"rises": ("tau 0.3", True), "value": (0.5, False)}, source_network=True)
    assert report.load("99_claims").set_index("id").loc["value", "verdict"] == "differs"


def test_a_claim_may_be_judged_on_several_networks(quick, write_claims):
    report.judge("98", {("rises", "one"): ("up", True), ("rises", "two"): ("down", False)})
    judged = report.load("98_claims")
    assert judged["claim"].tolist() == ["one: it rises", "two: it rises"]
    assert judged["verdict"].tolist() == ["holds", "differs"]


def test_a_verdict_needs_its_row_and_a_row_its_verdict(quick, write_claims):
    with pytest.raises(ValueError, match="99: no row for 'falls'; there are 'rises', 'value'"):
        report.judge("99", {"rises": (1, True), "falls": (1, True)})
    with pytest.raises(ValueError, match="99: no verdict on 'rises'$"):
        report.judge("99", {"value": (1, True)})
    with pytest.raises(ValueError, match="99: no verdict on 'value'$"):
        report.judge("99", {"rises": (1, True)}, source_network=True)
    with pytest.raises(ValueError, match="97: no rows"):
        report.judge("97", {})


def test_a_verdict_is_one_of_four_and_an_open_one_says_why(quick, write_claims):
    with pytest.raises(ValueError, match="98, rises: .* needs the reason why"):
        report.judge("98", {"rises": (1, None)})
    for ours in (np.nan, np.float64(np.inf), np.float32("nan"), "τ nan (nan … 0.2)", "-inf %"):
        with pytest.raises(ValueError, match="98, rises: .*(nan|inf).* decides nothing"):
            report.judge("98", {"rises": (ours, False)})
    report.judge("98", {"rises": ("information on infants in Nantes", True)})
    for holds in ("holds", 1, np.nan):
        with pytest.raises(TypeError, match="98, rises: holds is"):
            report.judge("98", {"rises": (1, holds)})


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("98,rises,s,again,up,any,tau", "more than one row 'rises'"),
        ("98,falls,s,it falls,down,any,", "rows 'falls' need every cell"),
        ("98,falls,s,it falls,down,mine,tau", "rows 'falls' need every cell"),
    ],
)
def test_rows_of_claims_are_complete(write_claims, row, message):
    write_claims(f"{CLAIMS}{row}\n")
    with pytest.raises(ValueError, match=message):
        report.claims("98")


@pytest.mark.parametrize(("ours", "holds"), [(0.951, True), (0.9, False), (np.nan, False)])
def test_a_published_number_holds_within_its_tolerance(ours, holds):
    assert report.within(ours, 0.947, 0.005)[1] is holds


def test_scorecard_counts_verdicts(tmp_path, monkeypatch):
    verdicts = ["holds", "holds", "differs", "mixed", "cannot be judged"]
    table = pd.DataFrame({"source": "source-2017", "verdict": verdicts})
    table.to_csv(tmp_path / "07_claims.csv", index=False)
    monkeypatch.setattr(project, "COMMITTED_RESULTS", tmp_path)
    (row,) = report.scorecard().to_dict("records")
    assert row == {
        "notebook": "07",
        "source": "source-2017",
        "holds": 2,
        "differs": 1,
        "mixed": 1,
        "cannot be judged": 1,
    }


class Network:
    name = "mine"


class Card:
    title, weights, sha256, note = "Inception", "a.pb", "0" * 64, "approximate"


class Images:
    title, licence = "photos", "CC BY"

    def __len__(self):
        return 40


def test_the_header_names_what_runs(capsys, quick):
    network, images = Network(), Images()
    report.header(network, images)
    assert capsys.readouterr().out.splitlines() == [
        "profile  quick",
        "network  mine",
        "weights  not recorded",
        "images   photos: 40; licence: CC BY",
    ]
    network.card, images.x_train, images.x_test = Card(), range(10), range(5)
    report.header(network, images)
    assert capsys.readouterr().out.splitlines() == [
        "profile  quick",
        "network  Inception",
        f"weights  a.pb, SHA-256 {'0' * 64}",
        "images   photos: 10 + 5; licence: CC BY",
        "note     approximate",
    ]


def test_the_header_of_a_network_of_ours(capsys, quick):
    mini, digits = models.mini_inception(), data.digits(20)
    report.header(mini, digits)
    report.header(mini, data.digits_split())
    printed = capsys.readouterr().out
    assert "profile  quick\nnetwork  mini-Inception\n" in printed
    assert f"weights  mini_inception.npz, SHA-256 {mini.card.sha256}\n" in printed
    assert f"images   {digits.title}: 20; licence: {digits.licence}\n" in printed
    assert ": 1438 + 359; licence" in printed
    assert "note" not in printed and str(project.ROOT) not in printed
