"""Unpacking archives from outside: no member leaves the folder, nothing grows without bound."""

from __future__ import annotations

import bz2
import contextlib
import errno
import gzip
import io
import stat
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ekg.datasets.registry import check_relative
from ekg.errors import DownloadError
from ekg.files import DAMAGE

_MAX_MEMBERS = 500_000
_CHUNK = 1 << 20
_MAX_PADDING = 64 << 20
_MAX_READ = 16 << 20
"""Bytes read at once at most: of headers, as a member's own content comes in chunks."""
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def is_archive(path: Path) -> bool:
    """Return whether a file is a zip or tar archive (tar: plain, gzip or bzip2)."""
    return path.is_file() and (zipfile.is_zipfile(path) or _is_tar(path))


def unpack(archive: Path, folder: Path, max_bytes: int) -> list[Path]:
    """Unpack a zip or tar archive into an empty folder."""
    written: list[Path] = []
    total = 0
    try:
        for name, stream in _members(archive):
            check_relative(name, archive)
            target = folder / name
            if target.exists() or len(written) >= _MAX_MEMBERS:
                raise _refuse(
                    archive,
                    f"member {name} is a duplicate"
                    if target.exists()
                    else f"more than {_MAX_MEMBERS} members",
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            with stream, open(target, "xb") as output:
                while chunk := stream.read(_CHUNK):
                    total += len(chunk)
                    if total > max_bytes:
                        raise _refuse(archive, f"unpacks to more than {max_bytes} bytes")
                    output.write(chunk)
            written.append(target)
    except (NotImplementedError, RuntimeError) as error:  # zipfile: encryption, odd methods
        raise _refuse(archive, f"cannot be unpacked ({error})", "unpack it by hand") from None
    except (tarfile.TarError, *DAMAGE) as error:
        raise _refuse(archive, f"is corrupt ({error})", "fetch it again") from None
    except OSError as error:
        # A place outside the file, or gzip's own kind: anything else is the disk's word.
        if error.errno not in (errno.EINVAL, None):
            raise
        raise _refuse(archive, f"is corrupt ({error})", "fetch it again") from None
    return written


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as content:
            for info in content.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if info.filename.endswith("/"):
                    continue
                if kind not in (0, stat.S_IFREG):
                    raise _refuse(archive, f"member {info.filename} is a link or device")
                if info.compress_type not in _METHODS:
                    # The others' decompressors take the memory that the archive asks for.
                    raise _refuse(archive, f"member {info.filename} is not stored or deflated")
                # orig_filename: zipfile itself cuts names at a zero byte and turns backslashes.
                yield info.orig_filename, content.open(info)
    elif _is_tar(archive):
        with _open_tar(archive) as tar:
            for member in tar:
                if member.isdir():
                    continue
                stream = tar.extractfile(member) if member.isreg() else None
                if stream is None:
                    raise _refuse(archive, f"member {member.name} is a link or device")
                yield member.name.removeprefix("./"), stream
            # What follows the last member is padding; reading it makes gzip check its sum.
            for _ in range(_MAX_PADDING // _CHUNK):
                if not tar.fileobj or not tar.fileobj.read(_CHUNK):
                    break
            else:
                raise _refuse(archive, "has too much data after its last member")
    else:
        raise _refuse(archive, "is not a zip or tar archive", "give a folder or an archive")


class _Bounded(io.RawIOBase):
    """A stream that is never read whole: a header that asks for more is refused.

    tarfile reads a long name, or the records before a member, in one piece as large as the
    archive says; compressed, a gigabyte of it takes a megabyte.
    """

    def __init__(self, stream: IO[bytes]):
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        if not 0 <= size <= _MAX_READ:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._stream.read(size)

    def seek(self, place: int, whence: int = 0) -> int:
        """Go to a place."""
        return self._stream.seek(place, whence)

    def tell(self) -> int:
        """Return the place."""
        return self._stream.tell()


@contextlib.contextmanager
def _open_tar(archive: Path) -> Iterator[tarfile.TarFile]:
    with open(archive, "rb") as plain:
        front = plain.read(3)
        plain.seek(0)
        stream: IO[bytes] = plain
        if front.startswith(b"\x1f\x8b"):
            stream = gzip.GzipFile(fileobj=plain)  # type: ignore[assignment]
        elif front == b"BZh":
            stream = bz2.BZ2File(plain)
        with tarfile.open(fileobj=_Bounded(stream), mode="r:") as tar:
            yield tar


def _is_tar(path: Path) -> bool:
    try:
        with _open_tar(path):
            return True
    except (tarfile.TarError, OSError, *DAMAGE):
        return False


def _refuse(archive: Path, problem: str, remedy: str = "do not use this archive") -> DownloadError:
    return DownloadError(problem, path=archive, remedy=remedy)
