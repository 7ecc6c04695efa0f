"""One case: bytes from outside, and what the project's reader made of them."""

from __future__ import annotations

import shutil
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ekg.errors import EkgError

SECONDS_ALLOWED = 5.0
MEGABYTES_ALLOWED = 1024


@dataclass(frozen=True)
class Target:
    """Something that reads bytes from outside."""

    name: str  # short name, also that of its folder in the corpus
    # Takes the bytes and an empty folder of its own; puts them into a file and reads it as the
    # project would. Returns when there was a result
    read: Callable[[bytes, Path], object]
    seeds: Callable[[], list[bytes]]  # makes sound inputs to start from
    tokens: tuple[bytes, ...] = ()  # words of the format, for mutation
    longest: int = 4096  # bytes of the longest input tried


@dataclass(frozen=True)
class Verdict:
    """What came of a case."""

    kind: str
    """`result`, `refused` (one of the project's own errors) or `finding`."""
    place: str = ""
    """Of a finding: the exception and where it was raised, the same for the same defect."""
    text: str = ""
    """The project's message, or the traceback of a finding."""


def run_case(target: Target, data: bytes, folder: Path) -> Verdict:
    """Run one case."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # numpy's and pandas' words on odd values
            target.read(data, folder)
    except EkgError as error:
        message = str(error)
        if not message.strip() or "\n" in message:
            return Verdict("finding", f"message of {type(error).__name__}", repr(message))
        return Verdict("refused", text=message)
    except Exception as error:
        return Verdict("finding", _place_of(error), traceback.format_exc())
    return Verdict("result")


def _place_of(error: Exception) -> str:
    """Name the exception and the last place in the project that it passed."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "/ekg/" in frame.filename] or list(frames)
    last = own[-1]
    return f"{type(error).__name__} at {Path(last.filename).name}:{last.name}"
