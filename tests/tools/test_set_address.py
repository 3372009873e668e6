import shutil

import nbformat
import pytest
import yaml

from helpers import project
from tools import run_notebooks, set_address

NEW = "ada-lovelace/analytical.engine"


@pytest.fixture
def copy(tmp_path):
    for pattern in (*set_address.FILES, "requirements.txt"):
        for path in project.ROOT.glob(pattern):
            target = tmp_path / path.relative_to(project.ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, target)
    return tmp_path


def test_the_address_changes_everywhere_and_back(copy, monkeypatch):
    old = set_address.tomllib.loads((copy / "pyproject.toml").read_text())["project"]["urls"]
    old = old["Repository"].removeprefix(set_address.GITHUB)
    files = [path for pattern in set_address.FILES for path in copy.glob(pattern)]
    before = {path: path.read_text(encoding="utf-8") for path in files}
    changed = list(set_address.change(copy, NEW))
    names = {path.name for path in changed}
    assert {"pyproject.toml", "CITATION.cff", "README.md"} <= names
    assert {path.name for path in run_notebooks.find()} <= names
    texts = {path: path.read_text(encoding="utf-8") for path in files}
    assert not [p for p, text in texts.items() if old in text or set_address.site(old) in text]
    assert "ada-lovelace.github.io/analytical.engine" in texts[copy / "README.md"]
    cited = yaml.safe_load((copy / "CITATION.cff").read_text())["repository-code"]
    assert cited == set_address.GITHUB + NEW
    monkeypatch.setattr(project, "ROOT", copy)
    for path in (copy / "notebooks").iterdir():
        second = nbformat.read(path, as_version=4).cells[1]
        assert second.source == run_notebooks.colab_cell()
        assert "%cd analytical.engine" in second.source
    assert list(set_address.change(copy, old)) == changed
    assert {path: path.read_text(encoding="utf-8") for path in files} == before


@pytest.mark.parametrize("wrong", ["engine", "a/b/c", "https://github.com/a/b", "a b/c"])
def test_what_is_no_address_is_refused(wrong, capsys):
    with pytest.raises(SystemExit):
        set_address.main([wrong])
    assert "owner/name" in capsys.readouterr().err
