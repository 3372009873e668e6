import errno
import os
import warnings

import numpy as np
import pytest

from helpers.data import _temporary, cached, digest

KEY = {"kind": "square", "of": 3}


@pytest.fixture
def compute():
    def run():
        run.calls += 1
        return {"a": np.arange(3.0), "b": np.array([[run.calls]])}

    run.calls = 0
    return run


def only_file(folder):
    (path,) = folder.iterdir()
    return path


def test_a_hit_computes_nothing(tmp_path, compute):
    first = cached(tmp_path / "new", KEY, compute)
    again = cached(tmp_path / "new", dict(reversed(KEY.items())), compute)
    assert compute.calls == 1
    assert list(again) == ["a", "b"]
    assert all((first[name] == again[name]).all() for name in first)


@pytest.mark.parametrize("other", [{"of": 4}, {"kind": "cube"}, {"more": 1}])
def test_another_key_is_another_result(tmp_path, compute, other):
    cached(tmp_path, KEY, compute)
    cached(tmp_path, KEY | other, compute)
    assert compute.calls == 2


def truncate(path):
    path.write_bytes(path.read_bytes()[:-200])


def empty(path):
    path.write_bytes(b"")


def flip_a_byte_of_the_data(path):
    content = path.read_bytes()
    at = content.index(np.arange(3.0).tobytes())
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def change_an_array(path):
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{**arrays, "a": arrays["a"] + 1})


def replace_by_text(path):
    path.write_text("<html>404</html>")


DAMAGES = [truncate, empty, flip_a_byte_of_the_data, change_an_array, replace_by_text]


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_file_is_computed_again_and_replaced(tmp_path, compute, damage):
    cached(tmp_path, KEY, compute)
    damage(only_file(tmp_path))
    with pytest.warns(UserWarning, match="damaged"):
        found = cached(tmp_path, KEY, compute)
    assert compute.calls == 2 and (found["a"] == np.arange(3)).all()
    cached(tmp_path, KEY, compute)
    assert compute.calls == 2


def test_a_file_of_another_key_is_not_believed(tmp_path, compute):
    cached(tmp_path, KEY, compute)
    first = only_file(tmp_path)
    cached(tmp_path, KEY | {"of": 4}, compute)
    (second,) = set(tmp_path.iterdir()) - {first}
    second.write_bytes(first.read_bytes())
    with pytest.warns(UserWarning, match="another key"):
        cached(tmp_path, KEY | {"of": 4}, compute)
    assert compute.calls == 3


def test_an_interrupted_run_leaves_nothing_half_done(tmp_path, compute, monkeypatch):
    def interrupt(file, **arrays):
        file.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cached(tmp_path, KEY, compute)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_costs_a_warning_only(tmp_path, compute):
    (tmp_path / "file").write_text("")
    with pytest.warns(UserWarning, match="could not be kept"):
        found = cached(tmp_path / "file" / "folder", KEY, compute)
    assert (found["a"] == np.arange(3)).all()


@pytest.mark.parametrize("at", range(0, 700, 7))
def test_whatever_byte_is_changed_the_result_is_right(tmp_path, compute, at):
    cached(tmp_path, KEY, compute)
    path = only_file(tmp_path)
    content = bytearray(path.read_bytes())
    content[at] ^= 255
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = cached(tmp_path, KEY, compute)
    assert (found["a"] == np.arange(3)).all() and found["b"] == compute.calls


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError, TypeError])
def test_whatever_error_a_damaged_file_causes_it_is_computed_again(
    tmp_path, compute, monkeypatch, error
):
    def load(*_, **__):
        raise error("File is encrypted")

    cached(tmp_path, KEY, compute)
    monkeypatch.setattr(np, "load", load)
    with pytest.warns(UserWarning, match="damaged .*encrypted"):
        cached(tmp_path, KEY, compute)
    assert compute.calls == 2


def test_a_full_disk_costs_a_warning_only(tmp_path, compute, monkeypatch):
    def full(path, **arrays):
        with open(path, "wb") as file:
            file.write(b"half of it")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "savez", full)
    with pytest.warns(UserWarning, match="could not be kept in the cache .*No space left"):
        found = cached(tmp_path, {"kind": "square", "of": 3}, compute)
    assert found
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_is_removed(tmp_path, compute):
    left = tmp_path / f"{_temporary.PREFIX}left"
    left.mkdir()
    os.utime(left, (0, 0))
    cached(tmp_path, KEY, compute)
    assert not left.exists()


def test_arrays_in_a_key_count_with_every_value(tmp_path, compute):
    x = np.zeros(5000)
    y = x.copy()
    y[2500] = 1e-12
    for start, calls in ((x, 1), (x.copy(), 1), (y, 2)):
        cached(tmp_path, KEY | {"start": start, "power": np.float32(2)}, compute)
        assert compute.calls == calls


@pytest.mark.parametrize("value", [lambda x: x, object(), {1, 2}, np.array([None])])
def test_a_key_that_cannot_be_described_is_refused(tmp_path, compute, value):
    with pytest.raises(TypeError):
        cached(tmp_path, KEY | {"metric": value}, compute)
    assert compute.calls == 0


def test_digest_tells_content_dtype_and_shape_apart():
    x = np.arange(6.0)
    different = [x, x + 1, x.astype(np.float32), x.reshape(2, 3), x.reshape(3, 2)]
    assert len({digest(a) for a in different}) == len(different)
    assert digest(x.reshape(2, 3)) == digest(np.asfortranarray(x.reshape(2, 3)))
    assert digest(x, x) != digest(x)
    with pytest.raises(TypeError, match="plain arrays"):
        digest(np.ma.masked_less(x, 2))


@pytest.mark.parametrize("array", [np.ma.masked_less(np.arange(3), 1), np.array([None])])
def test_a_result_that_no_file_keeps_is_refused(tmp_path, array):
    with pytest.raises(TypeError, match="plain arrays"):
        cached(tmp_path, KEY, lambda: {"a": array})
    assert not list(tmp_path.iterdir())
