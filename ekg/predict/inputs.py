"""From what a user names (files, folders, patterns, lists) to records and images."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from ekg.errors import EkgError, RecordError
from ekg.files import files_below
from ekg.paths import is_address, natural_key
from ekg.records.addresses import records_at
from ekg.records.formats.sniff import format_of
from ekg.records.opening import other_files, read_record
from ekg.records.record import Record
from ekg.records.signal_files import kind_of

STANDARD_INPUT = "-"
RECORD_SUFFIXES = frozenset({".hea", ".mat", ".dat"})
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".pdf", ".heic"}
)


@dataclass(frozen=True)
class Input:
    """One thing to be read, or the reason why it cannot be."""

    path: str
    """As given; for something found in a folder, its file."""
    record: str
    """Name without folder or extension."""
    kind: Literal["record", "image", "page", "none"]
    """An image of another size than the network's is a page, too."""
    problem: str = ""
    """For kind "none"."""
    fs: float | None = None
    """Hz; of a table of numbers."""
    unit: str | None = None
    """Of a table of numbers."""


def expand(
    arguments: Iterable[str],
    lines: Iterable[str] = (),
    *,
    fs: float | None = None,
    unit: str | None = None,
) -> Iterator[Input]:
    """Return the records and images that the arguments name, in their order.

    `fs, unit`: Sampling frequency (Hz) and unit of tables of numbers (CSV, NPY). With them the
    tables in a folder are records too.
    """
    seen: set[Path] = set()
    for argument in arguments:
        if argument == STANDARD_INPUT:
            paths: Iterable[str] = (line.strip() for line in lines if line.strip())
        else:
            paths = (argument,)
        for path in paths:
            for found in _inputs_of(path, fs is not None):
                key = _identity(found)
                if key in seen:
                    continue
                seen.add(key)
                yield replace(found, fs=fs, unit=unit)


def recording_of(found: Input, begin: float | None = None, end: float | None = None) -> Record:
    """Read the recording that an input of kind "record" is, from `begin` to `end` (seconds)."""
    return read_record(found.path, begin=begin, end=end, fs=found.fs, unit=found.unit, gaps=True)


def _identity(found: Input) -> Path:
    path = Path(found.path)
    if found.kind == "record" and path.suffix.lower() in RECORD_SUFFIXES:
        path = path.with_suffix("")
    return path.absolute()


def _inputs_of(argument: str, arrays: bool) -> Iterator[Input]:
    path = Path(argument)
    if is_address(argument):
        yield from _inputs_at(argument)
    elif path.is_dir():
        yield from _inputs_of_folder(path, arrays)
    elif _is_record(path):
        yield Input(argument, _record_name(path), "record")
    elif path.is_file():
        kind = _other_kind(path)
        if kind is None:
            yield _image(path)
        else:
            problem = f"{argument}: is {kind}, not a WFDB record or an image; export it as one"
            yield Input(argument, path.stem, "none", problem)
    elif glob.has_magic(argument):
        matches = sorted(glob.glob(argument, recursive=True), key=natural_key)  # noqa: PTH207
        if not matches:
            yield Input(argument, path.stem, "none", "no file matches this pattern")
        for match in matches:
            yield from _inputs_of(match, arrays)
    elif path.suffix.lower() in IMAGE_SUFFIXES:
        yield Input(argument, path.stem, "none", "file not found; check the path")
    else:
        # The record's reader says which file is missing.
        yield Input(argument, _record_name(path), "record")


def _inputs_at(address: str) -> Iterator[Input]:
    name = Path(address).name
    if not address.endswith("/"):
        stem = Path(name).stem if Path(name).suffix.lower() in RECORD_SUFFIXES else name
        yield Input(address, stem, "record")
        return
    try:
        found = records_at(address)
    except RecordError as error:
        yield Input(address, name, "none", str(error))
        return
    if not found:
        problem = f"{address}: no WFDB header (*.hea) there, or the folder cannot be listed"
        yield Input(address, name, "none", problem)
    for one in found:
        yield Input(one, one.stem, "record")


def _is_record(path: Path) -> bool:
    if path.suffix.lower() in RECORD_SUFFIXES or format_of(path) is not None:
        return path.is_file()  # where the header is missing, the record's reader says so
    return not path.is_file() and path.with_name(path.name + ".hea").is_file()


def _other_kind(path: Path) -> str | None:
    try:
        with open(path, "rb") as stream:
            return kind_of(stream.read(1024))
    except OSError:
        return None  # whoever opens it says why


def _image(path: Path) -> Input:
    return Input(str(path), path.stem, "page" if _is_page(path) else "image")


def _is_page(path: Path) -> bool:
    """Return whether a file is a PDF or HEIC image, which only a page can be."""
    from ekg.strips.intake import is_heif, is_pdf

    try:
        with open(path, "rb") as stream:
            start = stream.read(1024)
    except OSError:
        return False
    return is_pdf(start) or is_heif(start)


def _record_name(path: Path) -> str:
    is_file = path.suffix.lower() in RECORD_SUFFIXES or format_of(path) is not None
    return path.stem if is_file else path.name


def _inputs_of_folder(folder: Path, arrays: bool) -> Iterator[Input]:
    def files(suffixes: frozenset[str]) -> list[Path]:
        return sorted(
            files_below(folder, suffixes),
            key=lambda file: (natural_key(file.stem), natural_key(file.as_posix())),
        )

    try:
        records = sorted(
            [*files(frozenset({".hea"})), *other_files(folder, arrays=arrays)],
            key=lambda file: (natural_key(file.stem), natural_key(file.as_posix())),
        )
        images = [] if records else files(IMAGE_SUFFIXES)
    except EkgError as error:
        yield Input(str(folder), folder.name, "none", str(error))
        return
    for file in records:
        yield Input(str(file), file.stem, "record")
    for file in images:
        yield _image(file)
    if not records and not images:
        yield Input(str(folder), folder.name, "none", "the folder has no recordings and no images")
