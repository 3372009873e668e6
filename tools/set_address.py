"""Change the repository's address everywhere: `make address REPO=owner/name`.

The address stands in pyproject.toml, the citation, README and each notebook's badges and Colab
cell, in some of them with that of the site. The site, the tests and `make reproduce` read it from
pyproject.toml.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

from helpers import project

FILES = ("pyproject.toml", "CITATION.cff", "*.md", "notebooks/*.ipynb", "docs/**/*.md")
GITHUB = "https://github.com/"


def main(arguments: list[str] | None = None) -> int:
    """Change the address and say in which files."""
    parser = argparse.ArgumentParser(description="Change the repository's address everywhere.")
    parser.add_argument("address", metavar="owner/name", help="as on github.com")
    address = parser.parse_args(arguments).address
    if not re.fullmatch(r"[A-Za-z0-9-]+/[\w.-]+", address):
        parser.error(f"{address!r} is not of the form owner/name")
    for path in change(project.ROOT, address):
        print(path.relative_to(project.ROOT))
    return 0


def change(root: Path, address: str) -> Iterator[Path]:
    """Write the address to every file of a working copy that has another; yield the files."""
    about = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    old = about["urls"]["Repository"].removeprefix(GITHUB)
    for path in sorted(path for pattern in FILES for path in root.glob(pattern)):
        text = path.read_text(encoding="utf-8")
        changed = text.replace(site(old), site(address)).replace(old, address)
        if path.suffix == ".ipynb":
            clone = rf"(%cd ){re.escape(old.split('/')[1])}\b"
            changed = re.sub(clone, rf"\g<1>{address.split('/')[1]}", changed)
        if changed != text:
            path.write_text(changed, encoding="utf-8")
            yield path


def site(address: str) -> str:
    """Return where GitHub Pages publishes a repository's site."""
    owner, name = address.split("/")
    return f"{owner.lower()}.github.io/{name}"


if __name__ == "__main__":
    sys.exit(main())
