"""Fetching one file until its bytes are right: retries, mirrors, back-off, verification."""

from __future__ import annotations

import os
import random
import threading
import urllib.parse
from collections.abc import Callable, Sequence
from pathlib import Path

from ekg.datasets.http import (
    AbsentError,
    HostPauses,
    HttpSettings,
    StoppedError,
    Transfer,
    TransientError,
)
from ekg.errors import DownloadError
from ekg.files import sha256_of_file

__all__ = ["Fetcher", "HttpSettings", "StoppedError", "join", "part_of"]


def join(address: str, path: str) -> str:
    """Return the address of a file below an address that ends with `/`."""
    return address + urllib.parse.quote(path)


def part_of(target: Path) -> Path:
    """Return the name under which an unfinished download of `target` is kept.

    It is the same in every run, so that a later run resumes where this one was killed, and
    `ekg.files.is_temporary` knows it.
    """
    return target.with_name(f".{target.name}.part-download")


class Fetcher:
    """Fetches files, each from the first of several addresses that gives the right bytes.

    May be used by several threads at once: each has its own connection, and a host that asks
    for a pause gets it from all of them.
    """

    def __init__(
        self,
        settings: HttpSettings | None = None,
        on_bytes: Callable[[int], None] = lambda count: None,
        stop: threading.Event | None = None,
    ):
        self.settings = settings or HttpSettings()
        self.stop = stop or threading.Event()
        self._on_bytes = on_bytes
        self._pauses = HostPauses(self.stop)
        self._threads = threading.local()
        self._transfers: list[Transfer] = []
        # Not seeded: the jitter has to differ between machines that were refused together.
        self._jitter = random.SystemRandom()

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        for transfer in self._transfers:
            transfer.close()

    def fetch(self, urls: Sequence[str], target: Path, sha256: str | None) -> None:
        """Fetch one file.

        `sha256`: The SHA-256 its bytes must have. None only for a publisher's list of sums: then
        nothing is resumed, and the file counts as whole when the server says so.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        part = part_of(target)
        if sha256 is None:
            part.unlink(missing_ok=True)
        wrong: list[str] = []
        live = list(urls)
        gone: list[str] = []
        fruitless = turn = 0
        most = _size(part)
        while True:
            if not live:
                raise DownloadError(
                    f"cannot be fetched ({'; '.join(gone)})",
                    path=target,
                    remedy="check the address or give another mirror with --from-url",
                )
            url = self._next(live, turn)
            try:
                self._pauses.wait(url)
                self._transfer().attempt(url, part)
            except AbsentError as error:
                live.remove(url)
                gone.append(f"{_host(url)}: {error}")
                continue
            except TransientError as error:
                turn += 1
                if sha256 is None:
                    part.unlink(missing_ok=True)
                elif part.exists() and sha256_of_file(part) == sha256:
                    break  # whole although the server announced another length
                fruitless = 0 if _size(part) > most else fruitless + 1
                most = max(most, _size(part))
                if fruitless >= self.settings.attempts:
                    raise DownloadError(
                        f"cannot be fetched from {_host(url)} ({error.reason}, "
                        f"{fruitless} attempts)",
                        path=target,
                        remedy="run the same command again later: it resumes",
                    ) from None
                self._hold(url, max(fruitless, 1), error.after)
                continue
            found = sha256_of_file(part) if part.exists() else "no data"
            if sha256 is None or found == sha256:
                break
            if part.exists():
                self._on_bytes(-_size(part))
                part.unlink()
            turn += 1
            most = 0
            wrong.append(found)
            if len(wrong) == 2:
                raise DownloadError(
                    f"has SHA-256 {found}, expected {sha256} (fetched twice, refused)",
                    path=target,
                    remedy="try again later or give another mirror with --from-url",
                )
        with open(part, "ab") as stream:
            os.fsync(stream.fileno())
        os.replace(part, target)

    def _next(self, live: list[str], turn: int) -> str:
        """Return the address whose turn it is, or another one if that host asked for a pause."""
        order = [live[(turn + offset) % len(live)] for offset in range(len(live))]
        return min(order, key=self._pauses.remaining)

    def _hold(self, url: str, failures: int, asked: float | None) -> None:
        """Leave the host alone: as long as it asked, or twice as long as the last time."""
        longest = self.settings.longest_pause
        pause = min(self.settings.pause * 2 ** (failures - 1), longest)
        pause *= self._jitter.uniform(0.5, 1.5)
        if asked is not None:
            pause = max(pause, min(asked, longest))
        self._pauses.hold(url, pause)

    def _transfer(self) -> Transfer:
        transfer = getattr(self._threads, "transfer", None)
        if transfer is None:
            transfer = Transfer(self.settings, self._on_bytes, self.stop)
            self._threads.transfer = transfer
            self._transfers.append(transfer)
        return transfer


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _host(url: str) -> str:
    return urllib.parse.urlsplit(url).netloc
