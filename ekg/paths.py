"""Where files are: the project's own, in a clone or an installed package; and what users name."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from ekg.errors import EkgError, ModelError

_PACKAGE = Path(__file__).resolve().parent
CLONE = _PACKAGE.parent if (_PACKAGE.parent / "pyproject.toml").is_file() else None
"""The clone's top folder; None for an installed package."""
STORED_MODELS = (_PACKAGE if CLONE is None else CLONE) / "best_model_for_paper"
"""In a clone all stored models; a package has the default one and the published figures."""
DEFAULT_FILE = "default"
PUBLISHED_MODEL = "2020-07-16_mobilenetv3_small_custom_800_best"
PUBLISHED_FOLDER = STORED_MODELS / PUBLISHED_MODEL


def default_model(stored: Path = STORED_MODELS) -> Path:
    """Return the stored model that is used where none is named."""
    file = stored / DEFAULT_FILE
    name = file.read_text(encoding="utf-8").strip() if file.is_file() else ""
    if not name or Path(name).name != name or not (stored / name).is_dir():
        raise ModelError(
            f"must name a folder beside it ({name!r})" if name else "missing",
            path=file,
            remedy="put the name of a stored model into it, or use --model",
        )
    return stored / name


def needs_clone(what: str, files: str) -> None:
    """Refuse what works only in a clone."""
    if CLONE is None:
        raise EkgError(
            f"{what} needs {files}, which the installed package does not have",
            remedy="run it in a clone of the repository",
        )


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Return a sort key under which `A2` comes before `A10`, equal on every platform."""
    return [
        (0, int(part), part) if part.isdecimal() and part.isascii() else (1, 0, part)
        for part in re.split(r"(\d+)", name)
        if part
    ]


class Address(str):
    """The address of a file or folder, with the names that a path has."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """The last part."""
        return PurePosixPath(self).name

    @property
    def stem(self) -> str:
        """The last part without its suffix."""
        return PurePosixPath(self).stem

    @property
    def suffix(self) -> str:
        """With its point; empty where there is none."""
        return PurePosixPath(self).suffix

    def absolute(self) -> Address:
        """Return the address itself."""
        return self


Place = Path | Address


def place_of(written: str | Path) -> Place:
    """Return what a user names: an address where there is a protocol before it, else a path."""
    if isinstance(written, Path):
        return written
    return Address(written) if is_address(written) else Path(written)


def is_address(path: str) -> bool:
    """Return whether a path is an address with a protocol."""
    return "://" in path
