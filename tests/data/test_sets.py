"""The loaders, the registry, and the table of published numbers."""

import csv
import hashlib
import io
import re

import keras
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from helpers import data, project
from helpers.data import _registry, sets

IMAGE_SETS = {
    "guest-love-2017": (data.guest_love_photos, 40, 8),
    "imagenet-sample-images": (data.imagenet_samples, 500, 500),
    "caltech-101": (data.caltech101, 2525, 101),
    "rupprecht-2017-basis": (data.rupprecht_pictures, 7, 1),
}
FILES = {name: count for name, (_, count, _) in IMAGE_SETS.items()}
FILES |= {"inception-2015-12-05": 3, "googlenet-2014": 116}
FILES |= {"mnist": 4, "fashion_mnist": 4}


@pytest.mark.parametrize("name", FILES)
def test_the_registry_describes_every_file(name):
    known = _registry.find(name)
    assert len(known.files) == len({file.path for file in known.files}) == FILES[name]
    assert known.title and known.licence
    for file in known.files:
        assert file.size > 0
        assert re.fullmatch("[0-9a-f]{64}", file.sha256) or file.path.endswith("graph_def.pb")
        assert not file.path.startswith("/") and ".." not in file.path.split("/")


def test_downloads_are_encrypted_and_archives_keep_what_is_registered():
    for name in FILES:
        known = _registry.find(name)
        assert known.url.startswith(("https://", "keras.datasets."))
        if known.archive:
            assert known.archive.path == known.url.rpartition("/")[2]
            inside = "101_ObjectCategories/" if name == "caltech-101" else ""
            for file in known.files:
                assert re.fullmatch(known.members, inside + file.path)[1] == file.path


@pytest.mark.parametrize(
    "member",
    [
        "101_ObjectCategories/BACKGROUND_Google/image_0001.jpg",
        "101_ObjectCategories/cup/image_0041.jpg",
        "101_ObjectCategories/cup/._image_0001.jpg",
        "Annotations/cup/image_0001.jpg",
    ],
)
def test_of_caltech_only_the_first_40_images_of_objects_are_kept(member):
    assert not re.fullmatch(_registry.find("caltech-101").members, member)


def test_an_unknown_set_is_an_error_that_lists_the_known():
    with pytest.raises(ValueError, match="'cifar'.*guest-love-2017"):
        _registry.find("cifar")
    with pytest.raises(ValueError, match="it is loaded by keras.datasets.mnist"):
        data.fetch("mnist")


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Writes files below a downloads folder of the test's own, and registers them."""
    home = tmp_path / "downloads"
    monkeypatch.setenv("LAYERS_DATA", str(home))
    monkeypatch.setattr(_registry, "TABLES", tmp_path)
    (tmp_path / "sets.csv").write_bytes((project.ROOT / "data" / "sets.csv").read_bytes())

    def write(contents: dict[str, bytes]) -> None:
        with open(tmp_path / "registry.csv", "w", newline="") as table:
            rows = csv.writer(table)
            rows.writerow(["path", "bytes", "sha256"])
            for path, content in contents.items():
                (home / path).parent.mkdir(parents=True, exist_ok=True)
                (home / path).write_bytes(content)
                rows.writerow([path, len(content), hashlib.sha256(content).hexdigest()])

    return write


def jpeg(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (20, 30), (shade, shade, shade)).save(buffer, "jpeg")
    return buffer.getvalue()


def test_photos_come_in_the_order_of_the_registry(tables):
    paths = ["guest-love-2017/tiger/Big_(2).jpg", "guest-love-2017/banjo/b.c.JPG"]
    tables({path: jpeg(100 * i) for i, path in enumerate(paths)})
    photos = data.guest_love_photos()
    assert list(photos.names) == ["Big_(2)", "b.c"]
    assert list(photos.category) == ["tiger", "banjo"]
    assert photos[1].mean() == pytest.approx(100, abs=1)


def test_imagenet_names_are_wordnet_ids_and_categories_english(tables):
    tables({"imagenet-sample-images/n01484850_great_white_shark.JPEG": jpeg(0)})
    samples = data.imagenet_samples()
    assert list(samples.names) == ["n01484850"]
    assert list(samples.category) == ["great white shark"]


def test_caltech_takes_the_first_images_of_each_category(tables, monkeypatch):
    def path(category, i):
        return f"{category}/image_{i:04d}.jpg"

    tables({f"caltech-101/{path(c, i)}": jpeg(i) for c in ("ant", "Faces") for i in range(1, 26)})
    assert list(data.caltech101(2).names) == [
        f"{c}/image_000{i}" for c in ("ant", "Faces") for i in (1, 2)
    ]
    fetched = []

    def fetch_archive(known):
        listing = [path("Faces", i) for i in range(1, 41)] + [path("ant", i) for i in range(1, 32)]
        lines = "\n".join(f"{file},1," for file in listing)
        (known.folder / "extracted.csv").write_text(f"path,bytes,sha256\n{lines}\n")
        fetched.append(known.name)

    monkeypatch.setattr(sets, "fetch_archive", fetch_archive)
    for _ in range(2):
        more = data.caltech101(35)
        assert pd.Series(more.category).value_counts(sort=False).to_dict() == {
            "ant": 31,
            "Faces": 35,
        }
    assert fetched == ["caltech-101"]


@pytest.mark.parametrize("number", [0, 41])
def test_caltech_refuses_a_number_of_images_it_cannot_give(number):
    with pytest.raises(ValueError, match=f"per_category={number}"):
        data.caltech101(number)


def test_verify_tells_good_files_from_changed_and_missing_ones(tables):
    paths = [f"guest-love-2017/lion/{i}.jpg" for i in range(3)]
    tables({path: jpeg(0) for path in paths})
    changed, missing = (project.downloads() / path for path in paths[1:])
    changed.write_bytes(jpeg(0)[:-1] + b"x")
    missing.unlink()
    assert list(data.verify("guest-love-2017").status) == ["ok", "differs", "missing"]


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


def splits() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in (("train", 6), ("test", 2)):
        arrays[f"x_{part}"] = rng.integers(0, 256, (n, 28, 28), dtype=np.uint8)
        arrays[f"y_{part}"] = rng.integers(0, 10, n, dtype=np.uint8)
    return arrays


@pytest.fixture
def mnist_file(tables):
    """A small mnist.npz in place, and the registry that goes with it."""
    arrays = splits()
    tables({f"mnist/{name}": array.tobytes() for name, array in arrays.items()})
    path = project.downloads() / "mnist.npz"
    np.savez_compressed(path, **arrays)
    return path


def test_mnist_is_read_from_the_local_file(mnist_file):
    loaded = data.mnist()
    for name, array in splits().items():
        np.testing.assert_array_equal(getattr(loaded, name), array)
    assert loaded.class_names == tuple("0123456789")
    assert loaded.licence == "CC BY-SA 3.0"


def test_without_a_local_file_mnist_comes_from_keras_and_is_checked(mnist_file, monkeypatch):
    mnist_file.unlink()
    a = splits()
    given = (a["x_train"], a["y_train"]), (a["x_test"], a["y_test"])
    monkeypatch.setattr(keras.datasets.mnist, "load_data", lambda: given)
    np.testing.assert_array_equal(data.mnist().y_test, a["y_test"])
    a["x_train"][0, 0, 0] ^= 1
    with pytest.raises(ValueError, match="mnist: the array x_train is not that of MNIST"):
        data.mnist()


def test_without_file_and_network_mnist_names_the_place(mnist_file, monkeypatch):
    def load_data():
        raise Exception("URL fetch failure")

    mnist_file.unlink()
    monkeypatch.setattr(keras.datasets.mnist, "load_data", load_data)
    with pytest.raises(data.FetchError, match="URL fetch failure") as caught:
        data.mnist()
    assert str(mnist_file) in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"<html>", None])
def test_a_damaged_local_mnist_is_named(mnist_file, content):
    half = mnist_file.read_bytes()[: mnist_file.stat().st_size // 2]
    mnist_file.write_bytes(half if content is None else content)
    with pytest.raises(ValueError, match="mnist.npz is damaged"):
        data.mnist()


def test_another_array_in_the_local_mnist_is_refused(mnist_file):
    arrays = splits()
    arrays["y_test"] += 1
    np.savez(mnist_file, **arrays)
    with pytest.raises(ValueError, match="the array y_test is not that of MNIST"):
        data.mnist()


def test_digits_span_the_greys_of_a_byte():
    digits = data.digits()
    assert len(digits) == 1797
    assert digits.pixels.shape == (1797, 8, 8, 1)
    assert (digits.pixels.min(), digits.pixels.max()) == (0, 255)
    assert sorted(set(digits.category)) == list("0123456789")
    np.testing.assert_array_equal(data.digits(50).pixels, digits.pixels[:50])


def test_the_split_of_the_digits_keeps_every_image_once():
    digits, split = data.digits(), data.digits_split()
    together = np.concatenate([split.x_train, split.x_test])
    assert together.shape == (1797, 8, 8)
    assert sorted(x.tobytes() for x in together) == sorted(x.tobytes() for x in digits.pixels)
    assert len(split.x_train) == len(split.y_train) > 3 * len(split.x_test)
    assert set(split.y_test) == set(range(10))


def test_a_folder_of_your_own_becomes_an_image_set(tmp_path):
    for path in ("cats/b.jpg", "cats/a.PNG", "dogs/a.jpg", "top.bmp"):
        (tmp_path / path).parent.mkdir(exist_ok=True)
        Image.new("RGB", (9, 9)).save(tmp_path / path)
    for path in ("notes.txt", "cats/.DS_Store"):
        (tmp_path / path).write_text("no image")
    with pytest.warns(UserWarning, match=r"left out: notes\.txt$"):
        images = data.images_in(tmp_path)
    assert list(images.names) == ["cats/a.PNG", "cats/b.jpg", "dogs/a.jpg", "top.bmp"]
    assert list(images.category) == ["cats", "cats", "dogs", tmp_path.name]
    assert images.check()[1] == []


def test_a_folder_without_images_or_none_at_all_is_named(tmp_path):
    (tmp_path / "notes.txt").write_text("no image")
    with pytest.raises(ValueError, match=f"{tmp_path.name} holds no images"):
        data.images_in(tmp_path)
    with pytest.raises(ValueError, match="no folder .*nowhere"):
        data.images_in(tmp_path / "nowhere")


def test_every_published_number_is_there_once():
    table = data.published()
    counts = {
        "guest-love-2017": {"gini": 6},
        "rupprecht-2017-basis": {"active_percent": 16, "decorrelation": 16},
        "liu-2020": {
            "median_psi": 21,
            "r_accuracy": 7,
            "kendall_tau": 1,
            "kendall_p": 1,
            "r2_accuracy": 1,
            "psi": 1,
        },
        "ruman-2021": dict.fromkeys(["d_s", "d_d", "c_s", "c_d", "acc_knn"], 32),
    }
    for source, measures in counts.items():
        assert data.published(source).measure.value_counts().to_dict() == measures
    assert len(table) == sum(sum(measures.values()) for measures in counts.values())
    assert not table.drop(columns=["value", "approximate"]).duplicated().any()
    assert table.value.notna().all()
    assert table.approximate.dtype == bool
    with pytest.raises(ValueError, match="'raghu'.*liu-2020"):
        data.published("raghu")


def test_the_published_tables_have_every_cell():
    table = data.published("ruman-2021")
    cells = table.groupby(["dataset", "condition", "layer"]).measure.nunique()
    assert len(cells) == 2 * 2 * 2 * 4 and (cells == 5).all()
    inputs = table[(table.layer == "input") & table.condition.str.startswith("t-SNE")]
    assert (inputs.groupby(["dataset", "measure"]).value.nunique() == 1).all()


def test_published_layers_go_by_the_names_of_keras():
    names = [*(f"mixed{i}" for i in range(11)), "activation", "avg_pool", "predictions"]
    names += [f"activation_{i}" for i in range(1, 5)]
    for source in ("guest-love-2017", "rupprecht-2017-basis"):
        assert set(data.published(source).layer.dropna()) <= set(names)
    assert set(data.published("ruman-2021").layer) == {"input", "layer1", "layer2", "layer3"}


@pytest.mark.parametrize("name", IMAGE_SETS)
def test_the_real_images_load(name):
    load, count, categories = IMAGE_SETS[name]
    known = _registry.find(name)
    if not all((known.folder / file.path).exists() for file in known.files):
        pytest.skip(f"{name} is not in the downloads folder")
    images = load()
    assert len(images) == count
    assert len(set(images.category)) == categories
    assert len(set(images.names)) == count
    assert images[0].ndim == 3
    assert images.thumbnail(count - 1).shape == (64, 64, 3)


def test_the_weights_of_googlenet_have_the_sizes_of_its_tensors():
    sizes = {file.path: file.size for file in _registry.find("googlenet-2014").files}
    assert sum(sizes.values()) == 4 * 6_998_552
    assert sizes["weights/conv1/7x7_s2_filter.bin"] == 4 * 64 * 7 * 7 * 3
    assert sizes["weights/loss3/classifier_bias.bin"] == 4 * 1000
    biases = {path.replace("_filter", "_bias") for path in sizes if "_filter" in path}
    assert len(biases) == 58 and biases < set(sizes)


@pytest.mark.skipif(not (project.downloads() / "mnist.npz").exists(), reason="no local MNIST")
@pytest.mark.parametrize("load", [data.mnist, data.fashion_mnist])
def test_the_real_digits_and_clothes_load(load):
    loaded = load()
    assert loaded.x_train.shape == (60000, 28, 28)
    assert (np.bincount(loaded.y_test, minlength=10) > 800).all()


def test_the_real_classes_are_1000():
    folder = _registry.find("inception-2015-12-05").folder
    if not (folder / "imagenet_synset_to_human_label_map.txt").exists():
        pytest.skip("the label maps are not in the downloads folder")
    classes = data.imagenet_classes()
    assert classes.wnid.is_monotonic_increasing
    assert sorted(classes.node) == list(range(1, 1001))
