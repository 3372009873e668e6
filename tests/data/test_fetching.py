"""Fetching, against a server on this machine that can misbehave in every way a real one does."""

import gzip
import hashlib
import io
import multiprocessing
import os
import signal
import subprocess
import tarfile
import threading
import time
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
    """What is served: path -> bytes; how: a word below, or the bytes of the whole answer."""

    def __init__(self):
        self.content, self.asked, self.manner = {}, [], {}
        self.hung_up, self.stuck, self.go_on = (threading.Event() for _ in range(3))
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                path = unquote(self.path)[1:]
                server.asked.append(path)
                manner = server.manner.get(path, "ok")
                body = server.content.get(path)
                if isinstance(manner, bytes):
                    self.close_connection = True
                    return self.send(manner)
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
                if manner == "stuck":
                    self.wfile.write(body[: len(body) // 2])
                    server.stuck.set()
                    server.go_on.wait(60)
                    body = body[len(body) // 2 :]
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
        self.go_on.set()
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


TIGER = PHOTOS["tiger.jpg"]


def answer(status: str, *headers: str, body: bytes = b"") -> bytes:
    return "\r\n".join([f"HTTP/1.1 {status}", *headers, "", ""]).encode() + body


BOMB = gzip.compress(bytes(10**7))
ANSWERS = {
    "nothing": b"",
    "no HTTP": b"SSH-2.0-server\r\n",
    "cut in its headers": b"HTTP/1.1 200 OK\r\nContent-Le",
    "a header without end": answer("200 OK", "X: " + "x" * 70_000, body=TIGER),
    "too many headers": answer("200 OK", *["X: x"] * 1000, body=TIGER),
    "half of what is promised": answer("200 OK", "Content-Length: 1500", body=TIGER[:700]),
    "more than is promised": answer("200 OK", "Content-Length: 700", body=TIGER),
    "a length that is no number": answer("200 OK", "Content-Length: many", body=TIGER),
    "a negative length": answer("200 OK", "Content-Length: -1", body=TIGER),
    "two lengths": answer("200 OK", "Content-Length: 1500", "Content-Length: 7", body=TIGER),
    "chunks cut short": answer("200 OK", "Transfer-Encoding: chunked", body=b"5dc\r\ntiger"),
    "chunks of no size": answer("200 OK", "Transfer-Encoding: chunked", body=b"many\r\n" + TIGER),
    "whole in chunks": answer(
        "200 OK", "Transfer-Encoding: chunked", body=b"5dc\r\n" + TIGER + b"\r\n0\r\n\r\n"
    ),
    "no gzip": answer("200 OK", "Content-Encoding: gzip", body=TIGER),
    "a gzip bomb": answer("200 OK", "Content-Encoding: gzip", body=BOMB),
    "whole as gzip": answer("200 OK", "Content-Encoding: gzip", body=gzip.compress(TIGER)),
    "a page": answer("200 OK", "Content-Type: text/html", body=b"<html>sign in first</html>"),
    "a redirection to itself": answer("302 Found", "Location: /base/tiger.jpg"),
    "a redirection to a file": answer("302 Found", "Location: file:///etc/hostname"),
    "a redirection to nowhere": answer("302 Found"),
    "a redirection to another file": answer("302 Found", "Location: /elsewhere"),
    "a part": answer("206 Partial Content", "Content-Range: bytes 0-6/1500", body=TIGER[:7]),
} | {
    f"status {status}": answer(f"{status} Status", "Content-Length: 0", "Retry-After: 9999")
    for status in (204, 304, 401, 403, 404, 410, 429, 451, 500, 502, 503, 504, 599)
}
WHOLE = {"a length that is no number", "a negative length", "whole in chunks", "whole as gzip"}


@pytest.mark.parametrize("kind", ANSWERS)
def test_whatever_the_server_answers_the_file_is_whole_or_not_there(server, home, photos, kind):
    server.manner = {"base/tiger.jpg": ANSWERS[kind], "elsewhere": answer("200 OK", body=b"x")}
    if kind in WHOLE:
        fetch("photos/tiger.jpg")
        assert in_place(home) == {"photos/tiger.jpg": TIGER}
        return
    with pytest.raises(FetchError) as caught:
        fetch("photos/tiger.jpg")
    assert f"{server.url}base/tiger.jpg" in str(caught.value)
    assert in_place(home) == {}
    assert len(server.asked) <= 31  # 30 redirections
    server.manner = {}
    fetch("photos/tiger.jpg")
    assert in_place(home) == {"photos/tiger.jpg": TIGER}


def test_a_server_that_falls_silent_is_left(server, home, photos, monkeypatch):
    monkeypatch.setattr(_fetching, "TIMEOUT", 0.2)
    server.manner["base/tiger.jpg"] = "stuck"
    with pytest.raises(FetchError, match="tiger.jpg could not be fetched .*timed out"):
        fetch("photos/tiger.jpg")
    assert in_place(home) == {}


def in_a_process(name: str) -> multiprocessing.Process:
    process = multiprocessing.get_context("fork").Process(target=fetch, args=(name,))
    process.start()
    return process


def test_two_processes_may_fetch_at_once(server, home, photos):
    server.manner["base/tiger.jpg"] = "stuck"
    both = [in_a_process("photos") for _ in range(2)]
    assert server.stuck.wait(30)
    while server.asked.count("base/tiger.jpg") < 2:
        time.sleep(0.01)
    server.go_on.set()
    for process in both:
        process.join(30)
        assert process.exitcode == 0
    assert in_place(home) == {f"photos/{path}": content for path, content in PHOTOS.items()}


def test_a_killed_process_leaves_only_whole_files_and_a_second_one_goes_on(server, home, photos):
    server.manner["base/tiger.jpg"] = "stuck"
    process = in_a_process("photos")
    assert server.stuck.wait(30)
    while len(in_place(home / "photos")) < 2:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    whole = {path: PHOTOS[path] for path in PHOTOS if path != "tiger.jpg"}
    assert in_place(home / "photos") == whole
    server.manner.clear()
    server.asked.clear()
    fetch("photos")
    assert in_place(home / "photos") == PHOTOS
    assert server.asked == ["base/tiger.jpg"]


@pytest.fixture
def disk(home):
    """Mounts a small disk as the downloads folder, and changes its options."""

    def mount(options: str) -> None:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(home)]
        if subprocess.run(command, capture_output=True).returncode:
            pytest.skip("only root may mount a disk")

    home.mkdir()
    mount("size=12k")
    yield mount
    subprocess.run(["umount", str(home)], check=True)


def test_a_full_disk_keeps_what_fits_and_is_gone_on_from(disk, home, photos):
    with pytest.raises(FetchError, match="No space left"):
        fetch("photos")
    kept = in_place(home)
    assert len(kept) < len(PHOTOS)
    assert all(PHOTOS[path.removeprefix("photos/")] == content for path, content in kept.items())
    disk("remount,size=1m")
    fetch("photos")
    assert in_place(home / "photos") == PHOTOS


def test_from_a_read_only_disk_is_read_what_is_there(disk, home, photos):
    disk("remount,size=1m")
    fetch("photos/tiger.jpg")
    disk("remount,ro")
    assert fetch("photos/tiger.jpg").read_bytes() == TIGER
    with pytest.raises(FetchError, match="Read-only file system"):
        fetch("photos")


def test_no_home_is_needed(home, photos, monkeypatch):
    monkeypatch.delenv("HOME")
    assert fetch("photos/tiger.jpg").read_bytes() == TIGER


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


def encrypted(content: bytes) -> bytes:
    """A zip archive that says of its first member that it is encrypted."""
    content = bytearray(content)
    for start, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        content[content.index(start) + at] |= 1
    return bytes(content)


def linked_zip(name: str, target: str) -> bytes:
    link = zipfile.ZipInfo(name)
    link.external_attr = 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(link, target)
    return buffer.getvalue()


BAD = {
    "encrypted.zip": encrypted(zipped({"graph.pb": b"graph"})),
    "link.zip": linked_zip("graph.pb", "/etc/hostname"),
    "bomb.zip": zipped({"graph.pb": bytes(10**7)}),
    "half.zip": zipped({"graph.pb": b"graph"})[:-30],
    "half.tgz": tarball({"graph.pb": b"graph" * 10**4})[:-30],
    "tar within.zip": zipped({"in.tgz": tarball({"graph.pb": b"graph" * 10**4})[:-30]}),
    "absolute.tgz": tarball({"/other.txt": b"x"}),
    "empty.zip": zipped({}),
}


@pytest.mark.parametrize("name", BAD)
def test_an_archive_of_any_badness_leaves_nothing(home, archived, name):
    archived(name.replace(" ", "_"), BAD[name], {"graph.pb": b"graph"})
    with pytest.raises(FetchError, match=r"weights: .* could not be fetched"):
        fetch("weights")
    assert in_place(home.parent) == {}


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
