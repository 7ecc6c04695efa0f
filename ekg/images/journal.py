"""An append-only file of what is finished, so that an interrupted run can resume."""

from __future__ import annotations

import json
from pathlib import Path
from types import TracebackType
from typing import Any


class Journal:
    """One JSON object a line, found again by its `record`; a later line replaces an earlier one.

    Only the places of the lines are held in memory, not the lines. A last line that a killed
    process left unfinished is cut off.
    """

    def __init__(self, path: Path):
        self.path = path
        self._stream = open(path, "a+b")  # noqa: SIM115 - closed by close()
        self._places: dict[str, int] = {}
        self._stream.seek(0)
        whole = 0
        for line in self._stream:
            name = _name_of(line)
            if name is None:
                break
            self._places[name] = whole
            whole += len(line)
        self._stream.truncate(whole)

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __contains__(self, name: str) -> bool:
        return name in self._places

    def __len__(self) -> int:
        return len(self._places)

    def get(self, name: str) -> dict[str, Any] | None:
        """Return the last entry of that name, None when there is none."""
        if name not in self._places:
            return None
        self._stream.seek(self._places[name])
        entry: dict[str, Any] = json.loads(self._stream.readline())
        return entry

    def names(self) -> list[str]:
        """Return the names, in the order in which they first came."""
        return list(self._places)

    def append(self, entry: dict[str, Any]) -> None:
        """Add an entry; after this a killed process no longer loses it."""
        self._stream.seek(0, 2)
        place = self._stream.tell()
        try:
            self._stream.write(json.dumps(entry, ensure_ascii=False).encode() + b"\n")
            self._stream.flush()
        except OSError:
            self._stream.truncate(place)  # making a file shorter works on a full disk too
            raise
        self._places[entry["record"]] = place

    def clear(self) -> None:
        """Forget everything."""
        self._stream.truncate(0)
        self._places.clear()


def _name_of(line: bytes) -> str | None:
    """Return the name of a whole line, None for a torn or damaged one."""
    if not line.endswith(b"\n"):
        return None
    try:
        return str(json.loads(line)["record"])
    except (ValueError, KeyError, TypeError):
        return None
