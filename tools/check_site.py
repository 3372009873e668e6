"""Check the built site without a network: links, anchors, pictures, and what pages fetch.

`python -m tools.check_site [folder]` prints every problem and fails if there is one: a link or
picture that leads nowhere, an anchor that is not there, a picture without a text alternative,
and a script, style or picture that would be fetched from elsewhere.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

from helpers import project

FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}
LEAST_TEXT = 5  # characters of a text alternative


class Page(HTMLParser):
    """What a page links to, fetches and can be linked at.

    Attributes:
        anchors: ids that a link can end at.
        links: targets of links.
        fetched: what the browser fetches by itself.
        untold: pictures whose text alternative is missing.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.untold: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Take in one element."""
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if name in given}
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        relation = given.get("rel", "stylesheet")
        if tag in FETCHED and FETCHED[tag] in given:
            loads = tag != "link" or relation in ("stylesheet", "preload", "icon")
            (self.fetched if loads else self.links).append(given[FETCHED[tag]])
        if tag == "img" and len(given.get("alt", "")) < LEAST_TEXT:
            self.untold.append(given.get("src", ""))


def problems(folder: Path) -> Iterator[str]:
    """Yield what is wrong with the pages of a folder, one line each."""
    paths = (p for p in folder.rglob("*.html") if p.relative_to(folder).parts[0] != "_static")
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in paths}
    if not pages:
        yield f"{folder}: no pages; run make site"
    for path, page in sorted(pages.items()):
        shown = path.relative_to(folder)
        for picture in page.untold:
            yield f"{shown}: no text alternative: {picture}"
        for target in page.fetched:
            if urlsplit(target).scheme in ("http", "https") or target.startswith("//"):
                yield f"{shown}: fetched from elsewhere: {target}"
        for target in dict.fromkeys([*page.links, *page.fetched]):
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            aim = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            aim = aim / "index.html" if aim.is_dir() else aim
            if not aim.exists():
                yield f"{shown}: leads nowhere: {target}"
            elif aim in pages and unquote(parts.fragment) not in pages[aim].anchors | {""}:
                yield f"{shown}: no such anchor: {target}"


def main(arguments: list[str] | None = None) -> int:
    """Print the problems of a folder (default: build/site); return 1 if there are any."""
    given = sys.argv[1:] if arguments is None else arguments
    folder = Path(given[0] if given else project.ROOT / "build" / "site").resolve()
    found = list(problems(folder))
    print("\n".join(found) or f"{project.shown(folder)}: no broken link, no untold picture")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
