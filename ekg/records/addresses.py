"""Records at an address (file://, http://, or another that fsspec knows), copied to be read."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ekg.errors import RecordError
from ekg.files import is_plain_relative
from ekg.paths import Address, natural_key
from ekg.records.header_text import decoded

_WFDB_SUFFIXES = ("", ".hea", ".mat", ".dat")
_STAMPS = ("ETag", "etag", "Last-Modified", "LastModified", "last_modified", "updated", "mtime")
"""Under which the file systems of fsspec say that a file was changed."""


def records_at(folder: str) -> list[Address]:
    """Return the addresses of the WFDB headers in a folder and below it."""
    with _in_one_line(folder):
        system, place = _system_of(folder.rstrip("/") + "/")
        found = [name for name in system.find(place) if name.endswith(".hea")]
        addresses = [Address(system.unstrip_protocol(name)) for name in found]
    return sorted(addresses, key=lambda one: (natural_key(one.stem), one))


@contextlib.contextmanager
def local_copy(address: str, *, signals: bool = True) -> Iterator[Path]:
    """Give a record as a file on this machine: a WFDB record's header, or the one file it is.

    `signals`: Copy the signal files too, where it is a header.
    """
    with tempfile.TemporaryDirectory(prefix="ekg-record-") as folder:
        with _in_one_line(address):
            system, place = _system_of(address)
            pure = PurePosixPath(place)
            if pure.suffix.lower() in _WFDB_SUFFIXES:
                place = place.removesuffix(pure.suffix) + ".hea"
            target = Path(folder, PurePosixPath(place).name)
            system.get_file(place, str(target))
            if target.suffix == ".hea" and signals:
                beside = place[: -len(target.name)]
                for name in signal_files(target.read_bytes()):
                    with contextlib.suppress(FileNotFoundError):  # the reader says which
                        system.get_file(beside + name, str(Path(folder, name)))
        yield target


def bytes_at(address: str) -> bytes:
    """Return a file's content."""
    with _in_one_line(address):
        system, place = _system_of(address)
        return bytes(system.cat_file(place))


def size_and_stamp(address: str) -> tuple[int, str]:
    """Return a file's size and what changes with it: a time or checksum; -1 and "" if unknown."""
    try:
        system, place = _system_of(address)
        facts = system.info(place)
    except ModuleNotFoundError:
        raise
    except Exception:  # each kind of address raises errors of its own
        return -1, ""
    stamp = next((str(facts[name]) for name in _STAMPS if facts.get(name)), "")
    return -1 if facts.get("size") is None else int(facts["size"]), stamp


def signal_files(header: bytes) -> list[str]:
    """Return the file names of a header's signal lines; none that leads to another folder."""
    lines = decoded(header).splitlines()
    fields = [line.split() for line in lines if line.strip() and not line.strip().startswith("#")]
    names = dict.fromkeys(words[0] for words in fields[1:])
    return [name for name in names if "/" not in name and is_plain_relative(name)]


def _system_of(address: str) -> tuple[Any, str]:
    import fsspec

    system, place = fsspec.core.url_to_fs(address)
    return system, str(place)


@contextlib.contextmanager
def _in_one_line(address: str) -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError:
        raise  # the command line says which extra brings it
    except FileNotFoundError:
        raise RecordError("file not found", path=address, remedy="check the address") from None
    except Exception as error:  # each kind of address raises errors of its own
        raise RecordError(
            f"cannot be fetched ({type(error).__name__}: {error})",
            path=address,
            remedy="check the address",
        ) from None
