"""ImageNet's classes and their superordinate groups."""

import numpy as np
import pytest

from helpers import data
from helpers.data import _registry


def test_superordinate_groups():
    wnids = ["n01440764", "n01514668", "n02085620", "n02113978", "n02114367", "n02690373"]
    expected = ["", "bird", "dog", "dog", "", "vehicle"]
    assert data.superordinate(wnids).tolist() == expected
    assert data.is_animal(["n01440764", "n02655020", "n02666196"]).tolist() == [
        True,
        True,
        False,
    ]


def test_half_of_the_animals_are_among_the_samples():
    wnids = [file.path.split("_")[0] for file in _registry.find("imagenet-sample-images").files]
    assert data.is_animal(wnids).sum() == 199
    sizes = dict(zip(*np.unique(data.superordinate(wnids), return_counts=True), strict=True))
    assert sizes["dog"] == 59 and sizes["vehicle"] == 32


def test_classes_come_in_the_order_of_wordnet_ids(tables):
    folder = "inception-2015-12-05"
    pairs = [(7, "n02"), (3, "n01"), (9, "n03")]
    entry = 'entry {{\n  target_class: {}\n  target_class_string: "{}"\n}}\n'
    label_map = "".join(entry.format(*pair) for pair in pairs)
    english = "n00\tthing\nn01\ttench, Tinca tinca\nn02\tshark\nn03\then\n"
    tables(
        {
            f"{folder}/imagenet_2012_challenge_label_map_proto.pbtxt": label_map.encode(),
            f"{folder}/imagenet_synset_to_human_label_map.txt": english.encode(),
        }
    )
    classes = data.imagenet_classes()
    assert list(classes.wnid) == ["n01", "n02", "n03"]
    assert list(classes.node) == [3, 7, 9]
    assert classes.name[0] == "tench, Tinca tinca"


def test_the_real_classes_are_1000():
    folder = _registry.find("inception-2015-12-05").folder
    if not (folder / "imagenet_synset_to_human_label_map.txt").exists():
        pytest.skip("the label maps are not in the downloads folder")
    classes = data.imagenet_classes()
    assert classes.wnid.is_monotonic_increasing
    assert sorted(classes.node) == list(range(1, 1001))


@pytest.mark.parametrize("wnids", ["dog", ["zebra"], ["n02085620", None], [np.nan], [2085620]])
def test_what_is_no_wordnet_id_is_neither_animal_nor_not(wnids):
    with pytest.raises(ValueError, match="wnids must be"):
        data.is_animal(wnids)


def test_what_is_no_wordnet_id_has_no_group():
    assert data.superordinate(["zebra", "0", ""]).tolist() == ["", "", ""]
    for wnids in ([None], [np.nan], [2085620], 3):
        with pytest.raises(ValueError, match="wnids must be text"):
            data.superordinate(wnids)
