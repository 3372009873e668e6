from functools import partial

import keras
import numpy as np

from helpers import layers, models, report
from helpers.studies.your_network import analyses, curves, loading, one_pass


def test_references_are_placed_over_the_depth(seen):
    psi = curves.references("psi", seen)
    assert set(psi["name"].str.split(",").str[0]) == {"SqueezeNet", "GoogLeNet", "Inception-v3"}
    last = psi[psi["layer"] == "fire9"]["depth"].item()
    assert last == 2  # on avg_pool, the last hidden layer
    gini = curves.references("gini", seen).set_index("layer")
    known = report.load("01_gini_by_image", committed=True).query("measure == 'gini'")
    mean = known.query("layer == 'mixed5' and network == 'Inception-v3 (2015)'")["value"].mean()
    assert np.isclose(gini.loc["mixed5", "value"], mean)
    assert "mixed10" not in gini.index


def test_an_architecture_of_keras_applications(tmp_path, photos):
    model = keras.applications.MobileNetV3Small(
        input_shape=(32, 32, 3), weights=None, classes=3, minimalistic=True
    )
    preprocess = partial(loading.preprocess, size=(32, 32), channels=3, pixels="0..255")
    model.card = models.Card("small", "random", preprocess)
    chosen = layers.stages(model)
    seen = one_pass.look(model, photos(tmp_path / "p"), chosen, tmp_path / "kept", progress=False)
    signed = [name for name, found in seen.sparseness.items() if found[:, 2].any()]
    assert "expanded_conv_2_add" in signed
    curves.draw_histograms(seen)
    assert np.isfinite(analyses.sparseness(seen).query("measure == 'gini'")["value"]).all()
