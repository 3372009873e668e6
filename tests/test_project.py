from pathlib import Path

import pytest

from helpers import project


def test_full_is_the_default_and_writes_the_committed_folders(monkeypatch):
    monkeypatch.delenv("LAYERS_PROFILE", raising=False)
    p = project.current()
    assert p.full
    assert p.pick(full=40, quick=4) == 40
    assert p.results == project.ROOT / "data" / "results"
    assert p.figures == project.ROOT / "figures"


def test_quick_writes_elsewhere(monkeypatch):
    monkeypatch.setenv("LAYERS_PROFILE", "quick")
    p = project.current()
    assert p.pick(full=40, quick=4) == 4
    for folder in (p.figures, p.results):
        assert folder.is_relative_to(project.ROOT / "build")


def test_an_unknown_profile_is_refused(monkeypatch):
    monkeypatch.setenv("LAYERS_PROFILE", "fast")
    with pytest.raises(ValueError, match="LAYERS_PROFILE='fast': choose 'full' or 'quick'"):
        project.current()


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("", project.ROOT / "data" / "downloads"),
        ("there", Path("there")),
        ("~/x", Path.home() / "x"),
    ],
)
def test_the_data_folder_follows_the_environment(monkeypatch, value, expected):
    monkeypatch.setenv("LAYERS_DATA", value)
    assert project.downloads() == expected


def test_cores_are_those_that_the_process_may_use(monkeypatch):
    monkeypatch.setattr(project.os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert project.cores() == 3
    monkeypatch.delattr(project.os, "sched_getaffinity")
    monkeypatch.setattr(project.os, "cpu_count", lambda: None)
    assert project.cores() == 1


def test_shown_paths_never_start_at_the_root():
    inside = project.ROOT / "data" / "registry.csv"
    assert project.shown(inside) == str(Path("data") / "registry.csv")
    assert not Path(project.shown(project.ROOT.parent / "a" / "b" / "c.jpg")).is_absolute()


def test_a_worker_of_a_cluster_says_how_many_cores_it_may_use(monkeypatch):
    monkeypatch.setenv("LAYERS_CORES", "5")
    assert project.cores() == 5


def test_a_missing_file_of_the_repository_says_what_to_do(tmp_path):
    there = tmp_path / "weights.npz"
    with pytest.raises(FileNotFoundError, match=r"weights\.npz is not there.*Clone the repository"):
        project.shipped(there)
    there.touch()
    assert project.shipped(there) == there


def test_a_report_writes_into_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setenv("LAYERS_PROFILE", "full")
    monkeypatch.setenv("LAYERS_OUTPUT", str(tmp_path))
    profile = project.current()
    assert profile.full
    assert (profile.figures, profile.results) == (tmp_path / "figures", tmp_path / "tables")
