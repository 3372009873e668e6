import csv
import hashlib

import pytest

from helpers import project
from helpers.data import _registry


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
