"""Fetching, against a server on this machine that can misbehave in every way a real one does."""

import hashlib
import io
import tarfile
import threading
import zipfile
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote

import pytest

from helpers.data._fetching import FetchError, extracted, fetch, fetch_archive
from helpers.data._registry import File, FileSet

PHOTOS = {
    "banjo/Jon_Mills'_Banjo (1) [a].JPG": b"banjo" * 1000,
    "lion/100% lion & cub#2.jpg": b"lion" * 2000,
    "tiger.jpg": b"tiger" * 300,
}


class Server:
    """What is served: path -> bytes; how: "ok", "truncated", "html" or "gone"."""

    def __init__(self):
        self.content, self.asked, self.manner = {}, [], {}
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = unquote(self.path)[1:]
                server.asked.append(path)
                manner = server.manner.get(path, "ok")
                body = server.content.get(path)
                if body is None or manner == "gone":
                    return self.send_error(404)
                if manner == "html":
                    body = b"<html>sign in first</html>"
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2] if manner == "truncated" else body)

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
    return tmp_path / "data"


def described(path: str, content: bytes) -> File:
    return File(path, len(content), hashlib.sha256(content).hexdigest())


@pytest.fixture
def photos(server, home):
    server.content = {f"base/{path}": content for path, content in PHOTOS.items()}
    files = tuple(described(path, content) for path, content in PHOTOS.items())
    return FileSet("photos", "Photos", "none", f"{server.url}base/", files)


def in_place(folder: Path) -> dict[str, bytes]:
    """Everything below the folder, temporary files included."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_files_with_odd_names_arrive_whole_and_once(server, home, photos):
    assert fetch("photos", photos) == home / "photos"
    assert in_place(home) == {f"photos/{path}": content for path, content in PHOTOS.items()}
    assert sorted(server.asked) == sorted(server.content)
    fetch("photos", photos)
    assert len(server.asked) == len(PHOTOS)
    assert not list(home.glob(".partial*"))


def test_one_file_of_a_set_brings_only_that_file(server, home, photos):
    assert fetch("photos/tiger.jpg", photos) == home / "photos" / "tiger.jpg"
    assert in_place(home) == {"photos/tiger.jpg": PHOTOS["tiger.jpg"]}


def test_an_unknown_file_is_an_error(home, photos):
    with pytest.raises(ValueError, match="photos has no such file"):
        fetch("photos/cat.jpg", photos)


@pytest.mark.parametrize("manner", ["truncated", "html", "gone"])
def test_a_bad_file_is_never_in_place_and_a_second_try_goes_on(server, home, photos, manner):
    server.manner["base/tiger.jpg"] = manner
    with pytest.raises(FetchError) as caught:
        fetch("photos", photos)
    for part in ("tiger.jpg", f"{server.url}base/tiger.jpg", str(home / "photos" / "tiger.jpg")):
        assert part in str(caught.value)
    kept = in_place(home)
    assert "photos/tiger.jpg" not in kept
    assert all(PHOTOS[path.removeprefix("photos/")] == content for path, content in kept.items())
    server.manner.clear()
    server.asked.clear()
    fetch("photos", photos)
    assert len(in_place(home)) == len(PHOTOS)
    assert len(server.asked) == len(PHOTOS) - len(kept)


def test_content_of_the_right_size_but_wrong_is_refused(server, home, photos):
    server.content["base/tiger.jpg"] = PHOTOS["tiger.jpg"][::-1]
    with pytest.raises(FetchError, match="SHA-256 differs"):
        fetch("photos/tiger.jpg", photos)
    assert in_place(home) == {}


def test_no_server_names_file_url_and_place(server, home, photos):
    server.close()
    with pytest.raises(FetchError) as caught:
        fetch("photos/tiger.jpg", photos)
    assert f"{server.url}base/tiger.jpg" in str(caught.value)
    assert str(home / "photos" / "tiger.jpg") in str(caught.value)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path, home, photos):
    home.write_text("a file where the folder should be")
    with pytest.raises(FetchError, match="photos"):
        fetch("photos", photos)


def test_a_local_file_of_another_size_is_neither_used_nor_replaced(server, home, photos):
    own = home / "photos" / "tiger.jpg"
    own.parent.mkdir(parents=True)
    own.write_bytes(b"my own tiger")
    with pytest.raises(ValueError, match="tiger.jpg has 12 bytes, the original has 1500"):
        fetch("photos", photos)
    assert own.read_bytes() == b"my own tiger"


def test_several_may_fetch_at_once(home, photos):
    with ThreadPoolExecutor(4) as pool:
        folders = [pool.submit(fetch, "photos", photos) for _ in range(4)]
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


def archived(server, name: str, content: bytes, files: dict[str, bytes], members: str) -> FileSet:
    server.content = {name: content}
    known = tuple(described(path, content) for path, content in files.items())
    return FileSet(
        "weights", "Weights", "none", server.url + name, known, described(name, content), members
    )


def test_a_tar_archive_gives_only_the_wanted_members(server, home):
    files = {"graph.pb": b"graph" * 99, "labels.txt": b"labels"}
    content = tarball({"./LICENSE": b"x", **files, "./sub/graph.pb.bak": b"x"})
    known = archived(server, "a.tgz", content, files, r"(?:\./)?(graph\.pb|labels\.txt)")
    fetch("weights/graph.pb", known)
    assert in_place(home / "weights").keys() == {"graph.pb", "labels.txt", "extracted.csv"}
    assert (home / "weights" / "graph.pb").read_bytes() == files["graph.pb"]
    assert not list(home.glob(".partial*"))


def test_an_archive_leaves_what_is_there_already(server, home):
    files = {"graph.pb": b"graph", "labels.txt": b"labels"}
    known = archived(server, "a.tgz", tarball(files), files, "(.*)")
    (home / "weights").mkdir(parents=True)
    (home / "weights" / "graph.pb").write_bytes(b"other")
    fetch("weights", known)
    assert (home / "weights" / "graph.pb").read_bytes() == b"other"


def test_a_tar_within_a_zip_gives_also_members_that_the_registry_does_not_list(server, home):
    images = {f"cup/image_{i:04d}.jpg": bytes([i]) * i for i in (1, 2, 40, 41)}
    inner = tarball({f"101/{path}": content for path, content in images.items()})
    outer = {
        "c/": b"",
        "c/notes.m": b"x",
        "c/101.tar.gz": inner,
        "__MACOSX/c/._101.tar.gz": b"no archive",
    }
    members = r".*101/([^/]+/image_00(?:[0-3]\d|40)\.jpg)"
    registered = {path: images[path] for path in list(images)[:1]}
    known = archived(server, "c.zip", zipped(outer), registered, members)
    assert extracted(known) == []
    fetch_archive(known)
    assert extracted(known) == list(images)[:3]
    assert all((home / "weights" / path).read_bytes() == images[path] for path in extracted(known))


def test_a_member_that_points_outside_is_refused(server, home):
    files = {"ok.txt": b"ok"}
    content = tarball({**files, "a/../../../evil.txt": b"evil"})
    known = archived(server, "a.tgz", content, files, r"(.*\.txt)")
    with pytest.raises(FetchError, match="outside"):
        fetch("weights", known)
    assert in_place(home.parent) == {}


def test_a_link_in_an_archive_is_not_followed(server, home):
    known = archived(
        server, "a.tgz", tarball({}, {"graph.pb": "/etc/hostname"}), {"graph.pb": b"x"}, "(.*)"
    )
    with pytest.raises(FetchError, match="the archive holds no graph.pb"):
        fetch("weights", known)
    assert in_place(home) == {}


@pytest.mark.parametrize("manner", ["truncated", "html", "gone"])
def test_a_bad_archive_leaves_nothing(server, home, manner):
    files = {"graph.pb": b"graph"}
    known = archived(server, "a.tgz", tarball(files), files, "(.*)")
    server.manner["a.tgz"] = manner
    with pytest.raises(FetchError) as caught:
        fetch("weights", known)
    assert server.url + "a.tgz" in str(caught.value)
    assert str(home / "weights") in str(caught.value)
    assert in_place(home) == {}


@pytest.mark.parametrize("name", ["a.tgz", "a.zip"])
def test_an_archive_that_is_none_is_named(server, home, name):
    known = archived(server, name, b"no archive at all", {"graph.pb": b"x"}, "(.*)")
    with pytest.raises(FetchError, match=name):
        fetch("weights", known)
    assert in_place(home) == {}
