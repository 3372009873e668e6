import numpy as np
import pytest
from PIL import Image

from helpers import data, models
from helpers.studies.your_network import one_pass


@pytest.fixture(scope="session")
def seen(tmp_path_factory):
    model, folder = models.mini_inception(), tmp_path_factory.mktemp("kept")
    chosen = ["activation", "mixed3", "avg_pool", "predictions"]
    return one_pass.look(model, data.digits(60), chosen, folder, batch_size=8, progress=False)


@pytest.fixture
def photos():
    """Write photos of noise, some per category, and return them as an image set."""

    def write(folder, categories="abc", each=3):
        for k, category in enumerate(categories):
            (folder / category).mkdir(parents=True)
            for i in range(each):
                pixels = np.random.default_rng(10 * k + i).integers(0, 256, (20, 16, 3), np.uint8)
                Image.fromarray(pixels).save(folder / category / f"{i}.png")
        return data.images_in(folder)

    return write
