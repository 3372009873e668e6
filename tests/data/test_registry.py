"""The registry: what it lists, and whether local files are what it lists."""

import re

import pytest

from helpers import data, project
from helpers.data import _registry

FILES = {
    "guest-love-2017": 40,
    "imagenet-sample-images": 500,
    "caltech-101": 2525,
    "rupprecht-2017-basis": 7,
    "googlenet-2014": 116,
    "inception-2015-12-05": 3,
    "mnist": 4,
    "fashion_mnist": 4,
}


@pytest.mark.parametrize("name", FILES)
def test_the_registry_describes_every_file(name):
    known = _registry.find(name)
    assert len(known.files) == len({file.path for file in known.files}) == FILES[name]
    assert known.title and known.licence
    for file in known.files:
        assert file.size > 0
        assert re.fullmatch("[0-9a-f]{64}", file.sha256) or file.path.endswith("graph_def.pb")
        assert not file.path.startswith("/") and ".." not in file.path.split("/")


def test_downloads_are_encrypted():
    for name in FILES:
        known = _registry.find(name)
        assert known.url.startswith(("https://", "keras.datasets."))
        if known.archive:
            assert known.archive.path == known.url.rpartition("/")[2]


def test_an_unknown_set_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="'cifar'.*guest-love-2017"):
        _registry.find("cifar")
    with pytest.raises(ValueError, match="it is loaded by keras.datasets.mnist"):
        data.fetch("mnist")


def test_verify_tells_good_files_from_changed_and_missing_ones(tables):
    paths = [f"guest-love-2017/lion/{i}.jpg" for i in range(3)]
    tables({path: b"lion" for path in paths})
    changed, missing = (project.downloads() / path for path in paths[1:])
    changed.write_bytes(b"lynx")
    missing.unlink()
    assert list(data.verify("guest-love-2017").status) == ["ok", "differs", "missing"]


def test_the_weights_of_googlenet_have_the_sizes_of_its_tensors():
    sizes = {file.path: file.size for file in _registry.find("googlenet-2014").files}
    assert sum(sizes.values()) == 4 * 6_998_552
    assert sizes["weights/conv1/7x7_s2_filter.bin"] == 4 * 64 * 7 * 7 * 3
    assert sizes["weights/loss3/classifier_bias.bin"] == 4 * 1000
    biases = {path.replace("_filter", "_bias") for path in sizes if "_filter" in path}
    assert len(biases) == 58 and biases < set(sizes)
