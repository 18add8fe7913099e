import io
import random
import stat
import tarfile
import zipfile

import pytest
from support.published_sets import zipped

from nucleizoo.core.errors import UserError
from nucleizoo.published import unpack as unpacking
from nucleizoo.published.unpack import unpack


def tarred(path, *members, compression="gz"):
    with tarfile.open(path, f"w:{compression}") as file:
        for info, content in members:
            info.size = len(content)
            file.addfile(info, io.BytesIO(content))
    return path


def special(name, kind, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info, b""


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "into").mkdir()
    return tmp_path / "into"


def test_files_and_folders_come_out(folder, tmp_path):
    unpack(zipped(tmp_path / "a.zip", {"set/": "", "set/01/t000.tif": "one"}), folder)
    unpack(tarred(tmp_path / "a.tar.gz", (tarfile.TarInfo("set/02/t000.tif"), b"two")), folder)
    assert (folder / "set/01/t000.tif").read_text() + (folder / "set/02/t000.tif").read_text() == "onetwo"


@pytest.mark.parametrize("name", ["../out.txt", "a/../../out.txt", "/out.txt", "..\\out.txt", "C:/out.txt"])
def test_members_outside_of_the_folder_are_refused(name, folder, tmp_path):
    with pytest.raises(UserError, match=r"a\.zip: .* outside"):
        unpack(zipped(tmp_path / "a.zip", {name: "evil"}), folder)
    with pytest.raises(UserError, match=r"a\.tgz: .* outside"):
        unpack(tarred(tmp_path / "a.tgz", (tarfile.TarInfo(name), b"evil")), folder)
    assert not [file for file in tmp_path.rglob("*out.txt")] and not list(folder.iterdir())


def test_links_and_devices_are_refused(folder, tmp_path):
    link = zipfile.ZipInfo("link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
    with pytest.raises(UserError, match=r"a\.zip: 'link' .*link .*device"):
        unpack(tmp_path / "a.zip", folder)
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        with pytest.raises(UserError, match=r"a\.tar\.gz: 'x' .*link .*device"):
            unpack(tarred(tmp_path / "a.tar.gz", special("x", kind, "/etc/passwd")), folder)
    assert not list(folder.iterdir())


def test_a_bomb_is_refused_before_it_is_written(folder, tmp_path):
    archive = zipped(tmp_path / "a.zip", {"zeros": bytes(10**6)})
    assert archive.stat().st_size * unpacking.MAX_RATIO < 10**6
    with pytest.raises(UserError, match=rf"a\.zip: .*\b{unpacking.MAX_MEMBERS:,} files .*bytes"):
        unpack(archive, folder)
    with pytest.raises(UserError, match=rf"a\.tgz: .*\b{unpacking.MAX_MEMBERS:,} files .*bytes"):
        unpack(tarred(tmp_path / "a.tgz", (tarfile.TarInfo("zeros"), bytes(10**6))), folder)
    assert not list(folder.iterdir())


def test_too_many_members_are_refused(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(unpacking, "MAX_MEMBERS", 3)
    with pytest.raises(UserError, match=r"a\.zip: .*\b3 files"):
        unpack(zipped(tmp_path / "a.zip", {str(i): "x" for i in range(4)}), folder)


def test_permissions_of_members_are_not_taken_over(folder, tmp_path):
    info = tarfile.TarInfo("run.sh")
    info.mode = 0o4777
    unpack(tarred(tmp_path / "a.tgz", (info, b"x")), folder)
    assert not (folder / "run.sh").stat().st_mode & (stat.S_ISUID | 0o111)


@pytest.mark.parametrize("keep", [0, 1, 40, 0.5, 0.95])
def test_an_archive_that_was_cut_short_is_named(keep, folder, tmp_path):
    archive = zipped(tmp_path / "a.zip", {f"{i}": bytes(range(256)) * 8 for i in range(20)})
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(keep * len(whole)) if isinstance(keep, float) else keep])
    with pytest.raises(UserError, match=rf"a\.zip: .*\({archive.stat().st_size} bytes\).* damaged"):
        unpack(archive, folder)


def test_a_flipped_bit_and_another_kind_of_file_are_found(folder, tmp_path):
    archive = zipped(tmp_path / "a.zip", {"x": b"content"}, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"content", b"contend", 1))
    with pytest.raises(UserError, match=r"a\.zip: .* damaged"):
        unpack(archive, folder)
    (tmp_path / "a.tar").write_text("no archive")
    with pytest.raises(UserError, match=r"(?s)a\.tar: .* damaged"):
        unpack(tmp_path / "a.tar", folder)


@pytest.mark.parametrize("compression", ["gz", "bz2", "xz"])
@pytest.mark.parametrize("place", [0.5, 0.9, -6, -1])
def test_a_flipped_byte_anywhere_in_a_packed_tar_is_found(place, compression, folder, tmp_path):
    archive = tmp_path / f"a.tar.{compression}"
    content = random.Random(0).randbytes(100_000)
    tarred(archive, (tarfile.TarInfo("x"), content), compression=compression)
    unpack(archive, folder)
    assert (folder / "x").read_bytes() == content
    packed = bytearray(archive.read_bytes())
    packed[int(place * len(packed)) if isinstance(place, float) else place] ^= 0xFF
    archive.write_bytes(packed)
    (tmp_path / "again").mkdir()
    with pytest.raises(UserError, match=r"(?s)a\.tar\.\w+: .* damaged"):
        unpack(archive, tmp_path / "again")


def test_a_tar_that_goes_on_after_its_end_is_refused(folder, tmp_path):
    archive = tarred(tmp_path / "a.tar", (tarfile.TarInfo("x"), b"x"), compression="")
    with archive.open("ab") as file:
        file.write(bytes(unpacking.MAX_PADDING + 1))
    with pytest.raises(UserError, match=r"a\.tar: .* after .*end.* damaged"):
        unpack(archive, folder)


def test_a_tar_with_a_damaged_header_or_cut_between_members_is_found(tmp_path):
    archive = tarred(tmp_path / "a.tar", *((tarfile.TarInfo(n), b"x") for n in "ab"), compression="")
    whole = archive.read_bytes()
    for name, broken, why in (
        ("header", whole[:1024] + b"?" + whole[1025:], "after .*end"),
        ("cut", whole[:1024], "no end|end .*missing"),
    ):
        archive.write_bytes(broken)
        (tmp_path / name).mkdir()
        with pytest.raises(UserError, match=rf"a\.tar: .*({why}).* damaged"):
            unpack(archive, tmp_path / name)


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("a", "a/b/c"), ("a/b", "a"), ("x" * 300,)])
def test_members_that_cannot_lie_beside_each_other_are_named(names, folder, tmp_path):
    archive = tarred(tmp_path / "a.tgz", *((tarfile.TarInfo(name), b"x") for name in names))
    with pytest.raises(UserError, match=rf"a\.tgz: '{names[-1]}' .*once"):
        unpack(archive, folder)


def test_a_name_that_is_no_text_is_damage(folder, tmp_path):
    archive = zipped(tmp_path / "a.zip", {"\xe9": "x"})
    archive.write_bytes(archive.read_bytes().replace("\xe9".encode(), b"\xff\xfe"))
    with pytest.raises(UserError, match=r"a\.zip: .*UnicodeDecodeError"):
        unpack(archive, folder)
