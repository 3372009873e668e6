"""Two Dask workers of one thread / one process with two (at most 1.15); bytes, memory, tiles."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import cloudpickle
import keras
import numpy as np
from distributed import Client, LocalCluster
from PIL import Image

from benchmarks.common import peak_rss, report, seconds
from helpers import data, layers, models, project
from helpers.layers import _cluster, _passes
from helpers.metrics import similarity, sparsity

IMAGES = 500
PAIRED = 2
TILED = 96
LAYERS = ["conv1", "fire?", "conv10"]
# The Inception-v3 of 2015 with the layers of notebook 01, where its weights and photos are.
INCEPTION = 200
MEASURES = {"gini": partial(sparsity.gini, tolerance=1e-6), "active": sparsity.active_fraction}
measure = partial(layers.measure, measures=MEASURES, batch_size=16, progress=False)


def photos(count: int, folder: str) -> data.ImageSet:
    """Return ImageNet samples or, where they are not there, noise in files."""
    if (project.downloads() / "imagenet-sample-images").exists():
        return data.imagenet_samples()[:count]
    rng = np.random.default_rng(0)
    for i in range(count):
        noise = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
        Image.fromarray(noise).save(Path(folder, f"{i:03d}.jpg"))
    return data.images_in(folder)


@contextmanager
def two_workers() -> Iterator[Client]:
    """Start two workers of one thread each."""
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(**options) as cluster, Client(cluster) as client:
        yield client


def overhead(
    name: str,
    client: Client,
    model: keras.Model,
    images: data.ImageSet,
    chosen: Sequence[str],
    repeats: int,
) -> None:
    """Report what two workers take longer than one process: the fastest of each, taking turns."""
    workers = partial(measure, model, images, chosen, client=client)
    single = partial(measure, model, images, chosen)
    measure(model, images[:64], chosen, client=client)  # the network travels, all is compiled
    measure(model, images[:64], chosen)
    times = np.array([[seconds(workers), seconds(single)] for _ in range(repeats)])
    print(f"{len(images)} images; seconds:", times.round(1).tolist())
    ratio = times[:, 0].min() / times[:, 1].min()
    more = f"median {np.median(times[:, 0] / times[:, 1]):.3g}"
    report(f"{name}: two workers of one thread / one process", ratio, 1.15, more=more)


def inception(client: Client) -> None:
    """Measure the larger network, if its weights and photos need not be downloaded."""
    needed = ("inception-2015-12-05", "imagenet-sample-images")
    if missing := [name for name in needed if not (project.downloads() / name).exists()]:
        print(f"Inception-v3: skipped, no {' and no '.join(missing)} in LAYERS_DATA")
        return
    images = data.imagenet_samples()[:INCEPTION]
    chosen = models.GUEST_LOVE_LAYERS
    overhead("Inception-v3", client, models.inception_v3_2015(), images, chosen, repeats=2)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, two_workers() as client:
        model, images = models.squeezenet(), photos(IMAGES, folder)
        overhead("SqueezeNet", client, model, images, LAYERS, PAIRED)
        names = layers.select(model, LAYERS)
        job = partial(_passes._measured, names=names, measures=MEASURES, batch_size=16)
        task = len(cloudpickle.dumps((_cluster._on_worker, "sha", job, images[:32])))
        back = len(cloudpickle.dumps(job(model, images[:32], progress=False)))
        sent = len(cloudpickle.dumps(_cluster.payload(model, None)))
        report("a task of 32 images, sent", task / 1e3, 20, "kB")
        report("its result, 10 layers and 2 measures", back / 1e3, 50, "kB")
        report("the network, sent once to a worker / its weights in float32",
               sent / sum(w.numpy().nbytes for w in model.weights), 1.2)  # fmt: skip
        report("peak memory of a worker", max(client.run(peak_rss).values()), 1500, "MB")
        with tempfile.TemporaryDirectory() as folder:
            take = {"patterns": partial(layers.KeptPatterns, folder)}
            some = images[:TILED]
            kept = layers.accumulate(model, some, LAYERS, take, client=client, progress=False)
            patterns = kept["fire2"]["patterns"]
            tiles, whole = patterns.similarity(client=client), patterns.similarity()
            print(
                "one layer's tiles, seconds:", seconds(lambda: patterns.similarity(client=client))
            )
        single = similarity.matrices(layers.stream(model, some, "fire2", progress=False), TILED)
        errors = [np.abs(m.correlation - single["fire2"].correlation).max() for m in (tiles, whole)]
        report("largest difference of a correlation, tiles to one pass", max(errors), 1e-5)
        inception(client)  # last, for the peak of a worker is SqueezeNet's


if __name__ == "__main__":
    main()
