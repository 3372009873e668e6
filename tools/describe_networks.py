"""Write data/results/00_networks.csv: every network's layers, for the drawings of notebook 00.

`python -m tools.describe_networks` builds the networks without their trained weights (half a
minute), so that notebook 00 can draw them without building any.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import keras
import pandas as pd

from helpers import layers, models, project

NETWORKS: dict[str, tuple[Callable[[], keras.Model], Sequence[str] | None]] = {
    "Inception-v3 (2015)": (
        models.inception_v3_2015_untrained,
        ("input", *models.GUEST_LOVE_LAYERS),
    ),
    "GoogLeNet (2014)": (
        models.googlenet_2014_untrained,
        (*models.GOOGLENET_LAYERS, "maxpool*"),
    ),
    "SqueezeNet 1.1": (
        models.squeezenet,
        ("input", *models.SQUEEZENET_LAYERS, "pool*", "avg_pool", "predictions"),
    ),
    "multi-layer perceptron": (models.mlp, None),
}


def table(networks: Sequence[str] = tuple(NETWORKS)) -> pd.DataFrame:
    """Return a row per layer: network, layer, shape, units, stage, branches ("" if none).

    Shapes are written as "35×35×288", branches as "1x1 | 5x5 | double 3x3 | pool".
    """
    found = []
    for network in networks:
        build, chosen = NETWORKS[network]
        model = build()
        rows = layers.describe(model, layers.select(model, chosen)).drop(columns="depth")
        rows["shape"] = ["×".join(map(str, shape)) for shape in rows["shape"]]
        joined = [name.startswith(("mixed", "fire")) for name in rows["layer"]]
        rows["branches"] = [
            " | ".join(layers.branches(model, name)) if joint else ""
            for name, joint in zip(rows["layer"], joined, strict=True)
        ]
        found.append(rows.assign(network=network))
        del model
        keras.utils.clear_session()
    columns = ["network", "layer", "shape", "units", "stage", "branches"]
    return pd.concat(found, ignore_index=True)[columns]


if __name__ == "__main__":
    path = project.COMMITTED_RESULTS / "00_networks.csv"
    table().to_csv(path, index=False, lineterminator="\n")
    print(f"{project.shown(path)} written")
