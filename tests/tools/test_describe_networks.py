import pandas as pd

from helpers import project
from tools import describe_networks


def test_the_committed_table_describes_the_networks():
    light = ["SqueezeNet 1.1", "multi-layer perceptron"]
    committed = pd.read_csv(project.COMMITTED_RESULTS / "00_networks.csv", keep_default_na=False)
    assert list(committed["network"].unique()) == list(describe_networks.NETWORKS)
    committed = committed[committed["network"].isin(light)].reset_index(drop=True)
    pd.testing.assert_frame_equal(describe_networks.table(light).astype(str), committed.astype(str))
