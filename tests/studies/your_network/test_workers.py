import numpy as np

from helpers import data, models
from helpers.studies.your_network import workers


def test_costs_scale_with_workers_and_images(seen):
    measured = workers.costs(models.mini_inception(), data.digits(20), ["mixed0", "mixed3"])
    table = workers.on_workers(measured).set_index("workers")
    np.testing.assert_allclose(table["pass_hours"], 50_000 * measured.seconds / 3600 / table.index)
    assert measured.patterns == 4 * (2048 + 1536) / 2
    twice = workers.on_workers(measured, images=100_000).set_index("workers")
    assert np.allclose(twice["client_gb"], 4 * table["client_gb"])
    assert np.allclose(twice["reads_tb"], 4 * table["reads_tb"], rtol=0.01)
