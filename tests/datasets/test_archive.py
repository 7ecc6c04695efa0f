"""Archives from outside."""

import hashlib
import io
import stat
import tarfile
import zipfile

import pytest

from ekg.datasets.archive import is_archive, unpack
from ekg.errors import DownloadError


def make_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return path


def make_tar(path, members):
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture(params=[make_zip, make_tar], ids=["zip", "tar"])
def make(request, tmp_path):
    return lambda *members: request.param(tmp_path / "archive", members)


def test_unpacks(make, tmp_path):
    archive = make(("set/A1.hea", b"header"), ("set/A1.mat", b"\x00" * 5000), ("RECORDS", b"A1"))
    written = unpack(archive, tmp_path / "out", 5008)
    assert [path.relative_to(tmp_path / "out").as_posix() for path in written] == [
        "set/A1.hea",
        "set/A1.mat",
        "RECORDS",
    ]
    assert (tmp_path / "out" / "set" / "A1.mat").read_bytes() == b"\x00" * 5000


@pytest.mark.parametrize("name", ["../outside", "/tmp/outside", "a/../../outside", "a\\b"])
def test_member_outside(make, tmp_path, name):
    with pytest.raises(DownloadError, match="not a plain path"):
        unpack(make(("fine", b"x"), (name, b"x")), tmp_path / "out", 100)
    assert not (tmp_path / "outside").exists()


def test_more_bytes_than_allowed(make, tmp_path):
    archive = make(("bomb", b"\x00" * 5_000_000))
    assert archive.stat().st_size < 50_000
    with pytest.raises(DownloadError, match="unpacks to more than 1000000 bytes"):
        unpack(archive, tmp_path / "out", 1_000_000)
    assert sum(path.stat().st_size for path in (tmp_path / "out").rglob("*")) <= 1_000_000


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_member_twice(make, tmp_path):
    with pytest.raises(DownloadError, match="member a is a duplicate"):
        unpack(make(("a", b"1"), ("a", b"2")), tmp_path / "out", 100)


def test_too_many_members(make, tmp_path, monkeypatch):
    monkeypatch.setattr("ekg.datasets.archive._MAX_MEMBERS", 2)
    with pytest.raises(DownloadError, match="more than 2 members"):
        unpack(make(("a", b""), ("b", b""), ("c", b"")), tmp_path / "out", 100)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_tar_member_that_is_no_file(tmp_path, kind):
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        info = tarfile.TarInfo("link")
        info.type, info.linkname = kind, "/etc/passwd"
        archive.addfile(info)
    with pytest.raises(DownloadError, match="member link is a link or device"):
        unpack(path, tmp_path / "out", 100)


def test_zip_member_that_is_a_link(tmp_path):
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = make_zip(tmp_path / "a.zip", [(info, b"/etc/passwd")])
    with pytest.raises(DownloadError, match="member link is a link or device"):
        unpack(path, tmp_path / "out", 100)


def test_damaged(make, tmp_path):
    archive = make(("a", hashlib.shake_256(b"noise").digest(100_000)))
    content = bytearray(archive.read_bytes())
    content[50_000:50_030] = b"\xff" * 30
    archive.write_bytes(content)
    with pytest.raises(DownloadError, match="archive: is corrupt"):
        unpack(archive, tmp_path / "out", 10**6)


def test_not_an_archive(tmp_path):
    path = tmp_path / "text"
    path.write_text("neither")
    assert not is_archive(path) and not is_archive(tmp_path)
    with pytest.raises(DownloadError, match="not a zip or tar"):
        unpack(path, tmp_path / "out", 100)
