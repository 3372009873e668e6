import matplotlib
import matplotlib.pyplot as plt
import pytest

from helpers import plotting

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def style():
    with plt.rc_context():
        plotting.use_style()
        yield
    plt.close("all")
