"""Records at an address (file://, http://, or another that fsspec knows), copied to be read."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ekg.errors import RecordError
from ekg.files import is_plain_relative
from ekg.paths import natural_key

_WFDB_SUFFIXES = ("", ".hea", ".mat", ".dat")


def is_address(path: str) -> bool:
    """Return whether a path is an address with a protocol."""
    return "://" in path


def records_at(address: str) -> list[str]:
    """Return the addresses of the WFDB headers in a folder (its address ends with `/`)."""
    with _in_one_line(address):
        system, place = _system_of(address)
        found = [name for name in system.find(place) if name.endswith(".hea")]
        addresses = [str(system.unstrip_protocol(name)) for name in found]
    return sorted(addresses, key=lambda one: (natural_key(PurePosixPath(one).stem), one))


@contextlib.contextmanager
def local_copy(address: str) -> Iterator[Path]:
    """Give a record as a file on this machine: a WFDB record's header, or the one file it is."""
    with tempfile.TemporaryDirectory(prefix="ekg-record-") as folder:
        with _in_one_line(address):
            system, place = _system_of(address)
            pure = PurePosixPath(place)
            if pure.suffix.lower() in _WFDB_SUFFIXES:
                place = place.removesuffix(pure.suffix) + ".hea"
            target = Path(folder, PurePosixPath(place).name)
            system.get_file(place, str(target))
            if target.suffix == ".hea":
                beside = place[: -len(target.name)]
                for name in _signal_files(target):
                    with contextlib.suppress(FileNotFoundError):  # the reader says which
                        system.get_file(beside + name, str(Path(folder, name)))
        yield target


def _system_of(address: str) -> tuple[Any, str]:
    import fsspec

    system, place = fsspec.core.url_to_fs(address)
    return system, str(place)


def _signal_files(header: Path) -> list[str]:
    """Return the file names of a header's signal lines; none that leads to another folder."""
    lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    fields = [line.split() for line in lines if line.strip() and not line.strip().startswith("#")]
    names = dict.fromkeys(words[0] for words in fields[1:])
    return [name for name in names if "/" not in name and is_plain_relative(name)]


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
