from helpers import plotting, report
from tools import layer_table

TABLE = layer_table.layer_table()


def test_one_value_per_point_within_its_interval():
    assert not TABLE.duplicated(["network", "measure", "layer"]).any()
    assert TABLE["value"].notna().all() and TABLE["network"].nunique() >= 7
    known = TABLE.dropna(subset=["low", "high"])
    assert len(known) > 0.8 * len(TABLE)
    assert ((known["low"] <= known["value"]) & (known["value"] <= known["high"])).all()


def test_values_are_those_of_the_tables():
    photos = report.load("01_gini_by_image", committed=True)
    mean = photos.query("layer == 'mixed7' and measure == 'gini'")["value"].mean()
    (ours,) = TABLE.query("layer == 'mixed7' and measure == 'Gini coefficient'")["value"]
    assert abs(ours - mean) < 1e-9


def test_the_explorer_is_small_enough_for_a_notebook():
    assert len(str(plotting.layer_explorer(TABLE).outputs())) < 150_000
