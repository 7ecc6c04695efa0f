"""Unpacking archives from outside: no member leaves the folder, nothing grows without bound."""

from __future__ import annotations

import gzip
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from ekg.data.sources import check_relative
from ekg.errors import DownloadError

_MAX_MEMBERS = 500_000
_CHUNK = 1 << 20
_MAX_PADDING = 64 << 20


def is_archive(path: Path) -> bool:
    """Say whether a file is a zip or tar archive (plain or compressed)."""
    return path.is_file() and (zipfile.is_zipfile(path) or tarfile.is_tarfile(path))


def unpack(archive: Path, folder: Path, max_bytes: int) -> list[Path]:
    """Unpack a zip or tar archive into an empty folder.

    Parameters
    ----------
    archive
        The file; the kind is told by its content.
    folder
        Where the members go; made when missing.
    max_bytes
        Stop as soon as the members together are larger: sizes that the archive states are not
        believed, bytes are counted as they are written.

    Returns
    -------
    list of Path
        The files written, in the order of the archive.

    Raises
    ------
    DownloadError
        If the archive is damaged, has a member that is not a plain file or folder (a link, a
        device), that would lie outside the folder, or twice; or if it is too large.
    """
    written: list[Path] = []
    total = 0
    try:
        for name, stream in _members(archive):
            check_relative(name, archive)
            target = folder / name
            if target.exists() or len(written) >= _MAX_MEMBERS:
                raise _refuse(
                    archive,
                    f"member {name} comes twice"
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
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, gzip.BadGzipFile) as error:
        raise _refuse(archive, f"is damaged ({error})", "fetch it again") from None
    except (NotImplementedError, RuntimeError) as error:  # zipfile: encryption, odd methods
        raise _refuse(archive, f"cannot be unpacked ({error})", "unpack it by hand") from None
    return written


def _members(archive: Path) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as content:
            for info in content.infolist():
                kind = stat.S_IFMT(info.external_attr >> 16)
                if info.is_dir():
                    continue
                if kind not in (0, stat.S_IFREG):
                    raise _refuse(archive, f"member {info.filename} is a link or device")
                # orig_filename: zipfile itself cuts names at a zero byte and turns backslashes.
                yield info.orig_filename, content.open(info)
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as tar:
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
                raise _refuse(archive, "goes on for long after its last member")
    else:
        raise _refuse(archive, "is neither a zip nor a tar archive", "give a folder or an archive")


def _refuse(archive: Path, problem: str, remedy: str = "do not use this archive") -> DownloadError:
    return DownloadError(problem, path=archive, remedy=remedy)
