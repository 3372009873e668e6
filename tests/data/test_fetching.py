"""Fetching, against a server on this machine that can misbehave in every way a real one does."""

import hashlib
import io
import os
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from helpers.data import FetchError, _fetching, _temporary, fetch
from helpers.data._registry import File, FileSet

PHOTOS = {
    "banjo/Jon_Mills'_Banjo (1) [a].JPG": b"banjo" * 1000,
    "lion/100% lion & cub#2.jpg": b"lion" * 2000,
    "tiger.jpg": b"tiger" * 300,
}


class Server:
    """What is served: path -> bytes; how: "ok", "truncated", "html", "gone", "endless", "busy"."""

    def __init__(self):
        self.content, self.asked, self.manner = {}, [], {}
        self.hung_up = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = unquote(self.path)[1:]
                server.asked.append(path)
                manner = server.manner.get(path, "ok")
                body = server.content.get(path)
                if body is None or manner == "gone":
                    return self.send_error(404)
                if manner == "busy":  # once
                    server.manner[path] = "ok"
                    return self.send_error(500)
                if manner == "html":
                    body = b"<html>sign in first</html>"
                self.send_response(200)
                if manner != "endless":
                    self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                while manner == "endless":
                    self.send(b"x" * 2**16)
                self.wfile.write(body[: len(body) // 2] if manner == "truncated" else body)

            def send(self, content):
                try:
                    self.wfile.write(content)
                except OSError:
                    server.hung_up.set()
                    raise

            def log_message(self, *_):
                pass

        self.httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.httpd.serve_forever, args=(0.01,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.httpd.server_port}/"

    def close(self):
        self.httpd.shutdown()
        self.httpd.server_close()


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LAYERS_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(_fetching, "FIRST_PAUSE", 0)
    return tmp_path / "data"


def described(path: str, content: bytes) -> File:
    return File(path, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def register(monkeypatch):
    """Makes a set the only one of the registry."""

    def register(known: FileSet) -> FileSet:
        monkeypatch.setattr(_fetching, "find", {known.name: known}.__getitem__)
        return known

    return register


@pytest.fixture
def photos(server, home, register):
    server.content = {f"base/{path}": content for path, content in PHOTOS.items()}
    files = tuple(described(path, content) for path, content in PHOTOS.items())
    return register(FileSet("photos", "Photos", "none", f"{server.url}base/", files))


def in_place(folder: Path) -> dict[str, bytes]:
    """Everything below the folder, temporary files included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_with_odd_names_arrive_whole_and_once(server, home, photos):
    assert fetch("photos") == home / "photos"
    assert in_place(home) == {f"photos/{path}": content for path, content in PHOTOS.items()}
    assert sorted(server.asked) == sorted(server.content)
    fetch("photos")
    assert len(server.asked) == len(PHOTOS)
    assert not list(home.glob(".partial*"))


def test_one_file_of_a_set_brings_only_that_file(server, home, photos):
    assert fetch("photos/tiger.jpg") == home / "photos" / "tiger.jpg"
    assert in_place(home) == {"photos/tiger.jpg": PHOTOS["tiger.jpg"]}


def test_an_unknown_file_is_an_error(home, photos):
    with pytest.raises(ValueError, match="photos has no such file"):
        fetch("photos/cat.jpg")


@pytest.mark.parametrize("manner", ["truncated", "html", "gone"])
def test_a_bad_file_is_never_in_place_and_a_second_try_goes_on(server, home, photos, manner):
    server.manner["base/tiger.jpg"] = manner
    with pytest.raises(FetchError) as caught:
        fetch("photos")
    for part in ("tiger.jpg", f"{server.url}base/tiger.jpg", str(home / "photos" / "tiger.jpg")):
        assert part in str(caught.value)
    kept = in_place(home)
    assert "photos/tiger.jpg" not in kept
    assert all(PHOTOS[path.removeprefix("photos/")] == content for path, content in kept.items())
    server.manner.clear()
    server.asked.clear()
    fetch("photos")
    assert len(in_place(home)) == len(PHOTOS)
    assert len(server.asked) == len(PHOTOS) - len(kept)


def test_content_of_the_right_size_but_wrong_is_refused(server, home, photos):
    server.content["base/tiger.jpg"] = PHOTOS["tiger.jpg"][::-1]
    with pytest.raises(FetchError, match="SHA-256 differs"):
        fetch("photos/tiger.jpg")
    assert in_place(home) == {}


def test_no_server_names_file_url_and_place(server, home, photos):
    server.close()
    with pytest.raises(FetchError) as caught:
        fetch("photos/tiger.jpg")
    assert f"{server.url}base/tiger.jpg" in str(caught.value)
    assert str(home / "photos" / "tiger.jpg") in str(caught.value)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, home, photos):
    home.write_text("a file where the folder should be")
    with pytest.raises(FetchError, match="photos"):
        fetch("photos")


def test_a_local_file_of_another_size_is_neither_used_nor_replaced(server, home, photos):
    own = home / "photos" / "tiger.jpg"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"my own tiger")
    with pytest.raises(ValueError, match="tiger.jpg has 12 bytes, the original has 1500"):
        fetch("photos")
    assert own.read_bytes() == b"my own tiger"


def test_several_may_fetch_at_once(home, photos):
    with ThreadPoolExecutor(4) as pool:
        folders = [pool.submit(fetch, "photos") for _ in range(4)]
    assert {folder.result() for folder in folders} == {home / "photos"}
    assert in_place(home) == {f"photos/{path}": content for path, content in PHOTOS.items()}


def tarball(members: dict[str, bytes], links: dict[str, str] | None = None) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, target in (links or {}).items():
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, target
            tar.addfile(info)
    return buffer.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.fixture
def archived(server, register):
    """Serves an archive, and registers it with the files that it should hold."""

    def archived(name: str, content: bytes, files: dict[str, bytes]) -> FileSet:
        server.content = {name: content}
        known = tuple(described(path, content) for path, content in files.items())
        archive = described(name, content)
        return register(FileSet("weights", "Weights", "none", server.url + name, known, archive))

    return archived


def test_a_tar_archive_gives_only_the_wanted_members(home, archived):
    files = {"graph.pb": b"graph" * 99, "labels.txt": b"labels"}
    content = tarball({"./LICENSE": b"x", **files, "./sub/graph.pb.bak": b"x"})
    archived("a.tgz", content, files)
    fetch("weights/graph.pb")
    assert in_place(home / "weights").keys() == {"graph.pb", "labels.txt"}
    assert (home / "weights" / "graph.pb").read_bytes() == files["graph.pb"]
    assert not list(home.glob(".partial*"))


def test_an_archive_leaves_what_is_there_already(home, archived):
    files = {"graph.pb": b"graph", "labels.txt": b"labels"}
    archived("a.tgz", tarball(files), files)
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "graph.pb").write_bytes(b"other")
    fetch("weights")
    assert (home / "weights" / "graph.pb").read_bytes() == b"other"


def test_of_a_tar_within_a_zip_only_registered_members_are_taken(home, archived):
    images = {f"cup/image_{i:04d}.jpg": bytes([i]) * i for i in (1, 2, 40)}
    others = {"BACKGROUND/image_0001.jpg": b"x", "cup/._image_0001.jpg": b"x"}
    inner = tarball({f"101/{path}": content for path, content in {**images, **others}.items()})
    outer = {
        "c/": b"",
        "c/notes.m": b"x",
        "c/101.tar.gz": inner,
        "__MACOSX/c/._101.tar.gz": b"no archive",
    }
    registered = {path: images[path] for path in list(images)[:2]}
    archived("c.zip", zipped(outer), registered)
    fetch("weights")
    assert in_place(home) == {f"weights/{path}": x for path, x in registered.items()}


def test_a_member_that_points_outside_is_written_inside_or_not_at_all(home, archived):
    files = {"ok.txt": b"ok", "evil.txt": b"evil"}
    content = tarball({"ok.txt": b"ok", "a/../../../evil.txt": b"evil", "/other.txt": b"x"})
    archived("a.tgz", content, files)
    fetch("weights")
    assert in_place(home.parent) == {f"data/weights/{path}": x for path, x in files.items()}


@pytest.mark.parametrize("held", [b"graph" * 10**6, b"gra", b"hparg"])
def test_a_member_of_other_size_or_content_is_refused(home, archived, held):
    archived("a.tgz", tarball({"graph.pb": held}), {"graph.pb": b"graph"})
    with pytest.raises(FetchError, match="graph.pb (is longer|came with)"):
        fetch("weights")
    assert in_place(home) == {}


def test_a_link_in_an_archive_is_not_followed(home, archived):
    archived("a.tgz", tarball({}, {"graph.pb": "/etc/hostname"}), {"graph.pb": b"x"})
    with pytest.raises(FetchError, match="the archive holds no graph.pb"):
        fetch("weights")
    assert in_place(home) == {}


@pytest.mark.parametrize("manner", ["truncated", "html", "gone"])
def test_a_bad_archive_leaves_nothing(server, home, archived, manner):
    files = {"graph.pb": b"graph"}
    archived("a.tgz", tarball(files), files)
    server.manner["a.tgz"] = manner
    with pytest.raises(FetchError) as caught:
        fetch("weights")
    assert server.url + "a.tgz" in str(caught.value)
    assert str(home / "weights") in str(caught.value)
    assert in_place(home) == {}


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
def test_an_archive_that_is_none_is_named(home, archived, name):
    archived(name, b"no archive at all", {"graph.pb": b"x"})
    with pytest.raises(FetchError, match=name):
        fetch("weights")
    assert in_place(home) == {}


def test_a_server_that_never_stops_sending_is_left_at_the_registered_size(server, home, photos):
    server.manner["base/tiger.jpg"] = "endless"
    with pytest.raises(FetchError, match="tiger.jpg is longer than the expected 1500 bytes"):
        fetch("photos/tiger.jpg")
    assert server.hung_up.wait(10)
    assert in_place(home) == {}


def test_after_an_error_of_the_server_the_file_is_asked_for_again(server, home, photos):
    server.manner["base/tiger.jpg"] = "busy"
    fetch("photos/tiger.jpg")
    assert in_place(home) == {"photos/tiger.jpg": PHOTOS["tiger.jpg"]}
    assert server.asked == ["base/tiger.jpg"] * 2


def test_what_a_killed_run_left_is_removed_but_not_what_another_is_using(home, photos):
    old, new = (home / f"{_temporary.PREFIX}{name}" for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "half").write_bytes(b"half")
    os.utime(old, (0, 0))
    fetch("photos/tiger.jpg")
    assert in_place(home).keys() == {"photos/tiger.jpg", f"{new.name}/half"}


@pytest.mark.parametrize(
    "path", ["../tiger.jpg", "lion/../../tiger.jpg", "/tiger.jpg", "..\\t.jpg"]
)
def test_a_path_that_leads_out_of_the_folder_is_refused(path):
    with pytest.raises(ValueError, match="leads out of"):
        File(path, 1, "")
