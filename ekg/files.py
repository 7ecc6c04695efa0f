"""Writing files so that a half-written one is never taken for whole."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import re
import secrets
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import IO, Any

from ekg.errors import EkgError

_TEMPORARY_MARK = ".part-"
_STRAYS = re.compile(r"/\.{0,2}(?=/)|[\\:\x00-\x1f\x7f]")
_UNFINISHED = re.compile(r"^\..*\.part-[0-9a-f]{8}(\.|$)")


DAMAGE = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)
"""What libraries raise over damaged binary files: which of these depends on the broken byte."""


@contextlib.contextmanager
def atomic_path(target: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `target`; move it onto `target` when the block succeeds.

    The bytes are flushed to the disk before the move. When the block fails the temporary file
    is removed and `target` stays as it was. An error of the disk (full, say) names `target`.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(
        f".{target.stem}{_TEMPORARY_MARK}{secrets.token_hex(4)}{target.suffix}"
    )
    try:
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())
        os.replace(temporary, target)
    except OSError as error:
        if error.filename is None or Path(str(error.filename)) == temporary:
            error.filename, error.filename2 = str(target), None
        raise
    finally:
        temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def atomic_open(target: str | Path, mode: str = "w") -> Iterator[IO[Any]]:
    """Open a temporary file for writing that becomes `target` when the block succeeds.

    Text is UTF-8 with line feeds on every platform.
    """
    with atomic_path(target) as temporary:
        if "b" in mode:
            with open(temporary, mode) as stream:
                yield stream
        else:
            with open(temporary, mode, encoding="utf-8", newline="") as stream:
                yield stream


def write_text(target: str | Path, text: str) -> None:
    """Write `text` to `target` atomically."""
    with atomic_open(target) as stream:
        stream.write(text)


def write_json(target: str | Path, content: Any) -> None:
    """Write `content` to `target` as readable JSON, atomically; NaN becomes null."""
    write_text(target, json_text(content))


def json_text(content: Any) -> str:
    """Return what `write_json` writes."""
    return json.dumps(_without_nan(content), indent=2, ensure_ascii=False) + "\n"


def _without_nan(content: Any) -> Any:
    if isinstance(content, dict):
        return {str(key): _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    if hasattr(content, "tolist"):  # NumPy scalars and arrays
        return _without_nan(content.tolist())
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return content


def read_json(path: str | Path) -> Any:
    """Read a JSON file."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise EkgError("file not found", path=path) from None
    except (ValueError, RecursionError) as error:
        raise EkgError(f"not a JSON file ({error})", path=path) from None


def is_temporary(path: str | Path) -> bool:
    """Return whether a name was given out by `atomic_path` (left behind by a killed process)."""
    name = Path(path).name
    return name.startswith(".") and _TEMPORARY_MARK in name


def remove_leftovers(folder: str | Path, *patterns: str) -> None:
    """Remove what `atomic_path` had begun in runs that were killed."""
    for pattern in (".*", *patterns):
        for path in Path(folder).glob(pattern):
            if _UNFINISHED.search(path.name) and path.is_file():
                path.unlink(missing_ok=True)


def files_below(folder: str | Path, suffixes: Collection[str] | None = None) -> list[Path]:
    """Return the files with one of these endings in a folder and all folders below it.

    Links to folders are followed, each folder is entered once: under its own name where that
    is below `folder`, else by the first link in alphabetical order.
    """
    found: list[Path] = []
    entered: set[str] = set()
    folders, links = [Path(folder)], list[Path]()
    while folders or links:
        place = folders.pop() if folders else links.pop(0)
        real = os.path.realpath(place)
        if real in entered:
            continue
        entered.add(real)
        try:
            entries = sorted(os.scandir(place), key=lambda entry: entry.name)
        except OSError as error:
            raise EkgError(f"cannot be read ({error.strerror})", path=place) from None
        for entry in entries:
            path = place / entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                (links if entry.is_symlink() else folders).append(path)
            elif entry.is_file() and (suffixes is None or path.suffix.lower() in suffixes):
                found.append(path)
            elif (
                entry.is_symlink()
                and not path.exists()
                and path.suffix.lower() in {"", *(suffixes or ())}
            ):
                raise EkgError(
                    f"is a broken link ({os.readlink(path)})",  # noqa: PTH115
                    path=path,
                    remedy="mount or fetch its target, or remove the link",
                )
        links.sort()
    return found


def is_plain_relative(name: str) -> bool:
    """Return whether a path from outside stays below the folder it is meant for."""
    return not _STRAYS.search(f"/{name}/")


def sha256_of_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextlib.contextmanager
def folder_lock(folder: str | Path, what: str) -> Iterator[None]:
    """Hold `folder/.lock` so that two runs do not write into one folder.

    Files that killed runs left unfinished in the folder are removed.
    """
    from filelock import FileLock, Timeout

    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise EkgError(
            f"another process is {what} in this folder",
            path=folder,
            remedy="wait for it to finish or choose another folder",
        ) from None
    try:
        remove_leftovers(folder)
        yield
    finally:
        lock.release()
