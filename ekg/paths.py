"""Where the project's own files are: in a clone, or in an installed package."""

from __future__ import annotations

import re
from pathlib import Path

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
