"""What has been verified already, so that gigabytes are not hashed again in every run."""

from __future__ import annotations

import json
import threading
from pathlib import Path

from ekg.files import write_text

LEDGER_NAME = ".verified.jsonl"


class Ledger:
    """The files of one folder whose SHA-256 was seen, with the size and time they had then.

    One JSON line a file, appended as soon as the file is right. A line that a killed process
    left unfinished is passed over: that file is hashed again, no more.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.path = folder / LEDGER_NAME
        self._lock = threading.Lock()
        self._entries: dict[str, tuple[int, int, str]] = {}
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        for line in lines:
            try:
                entry = json.loads(line)
                seen = (int(entry["size"]), int(entry["mtime_ns"]), str(entry["sha256"]))
                self._entries[str(entry["path"])] = seen
            except (ValueError, KeyError, TypeError):
                continue
        # A torn last line must not swallow the next one.
        self._needs_newline = bool(lines) and not self.path.read_bytes().endswith(b"\n")

    def sha256(self, local: str) -> str | None:
        """Return the SHA-256 of a file that is still as it was when verified, else None."""
        entry = self._entries.get(local)
        if entry is None:
            return None
        try:
            status = (self.folder / local).stat()
        except OSError:
            return None
        return entry[2] if (status.st_size, status.st_mtime_ns) == entry[:2] else None

    def noted(self, local: str) -> str | None:
        """Return the SHA-256 that a file had when it was verified, whatever became of it since."""
        entry = self._entries.get(local)
        return None if entry is None else entry[2]

    def forget_files(self, kept: str | None = None) -> None:
        """Forget what was verified, but for one file: everything else is hashed again."""
        lines = (
            [] if kept is None or kept not in self._entries else [_line(kept, self._entries[kept])]
        )
        if self.path.exists():
            write_text(self.path, "".join(lines))

    def add(self, local: str, sha256: str) -> None:
        """Record that a file has been verified just now."""
        status = (self.folder / local).stat()
        entry = (status.st_size, status.st_mtime_ns, sha256)
        line = _line(local, entry)
        with self._lock:
            self._entries[local] = entry
            with open(self.path, "a", encoding="utf-8") as stream:
                stream.write(("\n" if self._needs_newline else "") + line)
            self._needs_newline = False


def _line(local: str, entry: tuple[int, int, str]) -> str:
    size, changed, sha256 = entry
    return json.dumps({"path": local, "size": size, "mtime_ns": changed, "sha256": sha256}) + "\n"
