import platform
import weakref

import keras
import numpy as np
import psutil
import pytest

from helpers import layers
from helpers.layers import _memory

SIZE = 64 << 20


@pytest.fixture
def host(monkeypatch):
    monkeypatch.setattr(_memory, "_CONTAINER_LIMITS", ())
    return psutil.virtual_memory().total


def test_available_is_at_most_what_the_machine_has(host):
    assert 0 < _memory.available() < host


def test_a_container_has_what_its_limit_leaves(host, monkeypatch, tmp_path):
    limit, unlimited = tmp_path / "memory.max", tmp_path / "unlimited"
    unlimited.write_text("max\n")
    monkeypatch.setattr(_memory, "_CONTAINER_LIMITS", (unlimited, limit))
    assert _memory.available() > 0  # one file says "max", the other is not there
    used = psutil.Process().memory_info().rss
    limit.write_text(f"{used + SIZE}\n")
    assert 0 < _memory.available() <= 2 * SIZE
    limit.write_text("1000\n")
    assert _memory.available() == 0


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_freed_memory_is_used_again():
    resource = pytest.importorskip("resource")
    assert _memory.reuse_freed_memory()
    filling = [b"x", b"y", b"z"]  # one constant would be folded
    assert len(filling[0] * SIZE) == SIZE
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for byte in filling:
        assert len(byte * SIZE) == SIZE
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    assert faults < SIZE / resource.getpagesize()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the allocator is not glibc's")
def test_freed_memory_is_handed_back():
    _memory.reuse_freed_memory()
    filling = [b"x", b"y"]
    kept = [bytearray(filling[0] * SIZE), bytearray(filling[1] * 64)]  # the second is on top
    assert len(kept.pop(0)) == SIZE
    before = psutil.Process().memory_info().rss
    layers.free_memory()
    assert before - psutil.Process().memory_info().rss > SIZE / 2


def test_a_network_is_let_go_of():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, name="d")])
    layers.activations(model, np.ones((2, 3)), ["d"], progress=False)
    alive = weakref.ref(model)
    del model
    layers.free_memory()
    assert alive() is None


def test_other_allocators_are_left_alone(monkeypatch):
    monkeypatch.setattr(_memory.platform, "libc_ver", lambda: ("", ""))
    assert not _memory.reuse_freed_memory.__wrapped__()
