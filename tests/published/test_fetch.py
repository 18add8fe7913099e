import hashlib
import sys
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from support import published_sets as sets
from support.published_sets import zipped

from nucleizoo import published
from nucleizoo.core.errors import UserError
from nucleizoo.published import Archive
from nucleizoo.published.download import download

CONTENT = bytes(range(256)) * 400


class Server(ThreadingHTTPServer):
    """Serves `content` under any name; can break off, and can know of ranges."""

    content, tag, ranges, breaks, length = CONTENT, '"v1"', True, None, True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked = []

    def archive(self, name="set.zip", sha256=None):
        return Archive(f"http://127.0.0.1:{self.server_port}/{name}", sha256, None)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server, content = self.server, self.server.content
        wanted = self.headers.get("Range")
        server.asked.append(wanted)
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
        else:
            self.send_response(200)
        if server.tag:
            self.send_header("ETag", server.tag)
        if server.length:
            self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : server.breaks])

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    pytest.importorskip("pooch")
    made = Server()
    thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def test_a_file_comes_whole_and_is_not_asked_for_twice(server, tmp_path):
    archive = server.archive(sha256=hashlib.sha256(CONTENT).hexdigest())
    for _ in range(2):
        assert download(archive, tmp_path).read_bytes() == CONTENT
    assert (names(tmp_path), server.asked) == (["set.zip"], [None])


def test_a_download_that_broke_off_goes_on_where_it_stopped(server, tmp_path):
    server.breaks = 1000
    with pytest.raises(UserError, match=r"set\.zip: .*\b1000 of 102400 bytes .*set\.zip\.part.* again"):
        download(server.archive(), tmp_path)
    assert (tmp_path / "set.zip.part").stat().st_size == 1000
    server.breaks = None
    assert download(server.archive(), tmp_path).read_bytes() == CONTENT
    assert (server.asked, names(tmp_path)) == ([None, "bytes=1000-"], ["set.zip"])


@pytest.mark.parametrize(
    "change", [{"ranges": False}, {"tag": '"v2"', "content": CONTENT[::-1]}, {"content": CONTENT[:500]}]
)
def test_a_server_without_ranges_or_with_a_newer_file_is_asked_from_the_start(change, server, tmp_path):
    server.breaks = 1000
    with pytest.raises(UserError, match=r"\b1000 of 102400 bytes .* again"):
        download(server.archive(), tmp_path)
    for name, value in {"breaks": None, **change}.items():
        setattr(server, name, value)
    assert download(server.archive(), tmp_path).read_bytes() == server.content
    assert names(tmp_path) == ["set.zip"]


def test_without_a_tag_nothing_is_taken_for_a_part_of_the_present_file(server, tmp_path):
    server.tag, server.breaks = "", 1000
    with pytest.raises(UserError, match=r"\b1000 of 102400 bytes .* again"):
        download(server.archive(), tmp_path)
    server.breaks = None
    assert download(server.archive(), tmp_path).read_bytes() == CONTENT
    assert server.asked == [None, None]


def test_a_wrong_hash_leaves_no_file(server, tmp_path):
    with pytest.raises(UserError, match=r"set\.zip: .*nucleizoo data check"):
        download(server.archive(sha256="0" * 64), tmp_path)
    assert names(tmp_path) == []


def test_a_server_that_refuses_or_is_not_there_is_an_error_for_the_user(server, tmp_path):
    gone = Archive("http://127.0.0.1:9/set.zip", None, None)
    with pytest.raises(UserError, match=r"127\.0\.0\.1:9/set\.zip: .*--from-dir"):
        download(gone, tmp_path)
    assert names(tmp_path) == []


def test_without_pooch_the_message_names_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(UserError, match=r"pip install 'nucleizoo\[data\]'"):
        download(Archive("http://127.0.0.1:9/set.zip", None, None), tmp_path)


@pytest.fixture
def packed(tmp_path):
    """The bytes of an archive of a tiny set."""
    root = sets.ctc(tmp_path / "made" / "Fluo-N2DL-HeLa")
    files = {str(file.relative_to(root.parent)): file.read_bytes() for file in root.rglob("*.tif")}
    return zipped(tmp_path / "Fluo-N2DL-HeLa.zip", files).read_bytes()


def test_a_set_is_downloaded_unpacked_and_whole(server, packed, tmp_path):
    server.content = packed
    dataset = replace(published.named("Fluo-N2DL-HeLa"), files=(server.archive(),))
    done = published.fetch(dataset, tmp_path / "data")
    assert done.hashes == {"set.zip": hashlib.sha256(packed).hexdigest()}
    assert names(tmp_path / "data") == ["Fluo-N2DL-HeLa", "archives"]
    assert published.check(done.folder).problems == ()
    with pytest.raises(UserError, match=r"Fluo-N2DL-HeLa: .*already"):
        published.fetch(dataset, tmp_path / "data")


def test_a_damaged_archive_leaves_no_set(server, packed, tmp_path):
    server.content = packed[: len(packed) // 2]
    dataset = replace(published.named("Fluo-N2DL-HeLa"), files=(server.archive(),))
    with pytest.raises(UserError, match=r"set\.zip: .* damaged"):
        published.fetch(dataset, tmp_path / "data")
    assert names(tmp_path / "data") == ["archives"]


def test_archives_of_a_folder_are_taken_by_name_and_checked(packed, tmp_path):
    (tmp_path / "given").mkdir()
    (tmp_path / "given" / "set.zip").write_bytes(packed)
    right = Archive("http://127.0.0.1:9/set.zip", hashlib.sha256(packed).hexdigest(), None)
    dataset = replace(published.named("Fluo-N2DL-HeLa"), files=(right,))
    done = published.fetch(dataset, tmp_path / "data", tmp_path / "given")
    assert done.hashes == {} and published.check(done.folder).problems == ()
    wrong = replace(dataset, name="other", files=(replace(right, sha256="0" * 64),))
    with pytest.raises(UserError, match=rf"set\.zip: .*SHA-256 .*{'0' * 64}.*nucleizoo data check"):
        published.fetch(wrong, tmp_path / "data", tmp_path / "given")
    with pytest.raises(UserError, match=r"set\.zip: .*no such file.*http://127\.0\.0\.1:9/set\.zip"):
        published.fetch(wrong, tmp_path / "data", tmp_path)
    assert names(tmp_path / "data") == ["Fluo-N2DL-HeLa"]


def test_a_set_without_an_address_is_got_by_hand(tmp_path):
    by_hand = replace(published.named("NucMM-Z"), files=())
    with pytest.raises(UserError, match=r"browser .*https://huggingface\.co.*--from-dir"):
        published.fetch(by_hand, tmp_path / "data")
    root = sets.nucmm(tmp_path / "made" / "Zebrafish (NucMM-Z)")
    (tmp_path / "given").mkdir()
    for i, part in enumerate(("Image", "Label")):
        files = {str(f.relative_to(root.parent)): f.read_bytes() for f in (root / part).rglob("*.h5")}
        zipped(tmp_path / "given" / f"drive-{i}.zip", files)
    done = published.fetch(by_hand, tmp_path / "data", tmp_path / "given")
    assert published.check(done.folder).problems == () and len(done.hashes) == 2
