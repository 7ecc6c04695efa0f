"""Fetching one file over HTTP until its bytes are right: retries, mirrors, verification."""

from __future__ import annotations

import hashlib
import random
import re
import threading
import time
import urllib.parse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ekg._version import __version__
from ekg.datasets.registry import check_address
from ekg.errors import DownloadError
from ekg.files import atomic_path


@dataclass(frozen=True)
class HttpSettings:
    """How patient and how polite the transfer is; the defaults suit public archives."""

    connect_timeout: float = 15.0
    """Seconds to wait for a connection."""
    read_timeout: float = 30.0
    """Seconds without a byte after which a server counts as stalled."""
    slowest: float = 100.0
    """Bytes a second; a server that is below it after `read_timeout` counts as stalled too."""
    attempts: int = 6
    """Give up on a file after this many failed attempts."""
    pause: float = 1.0
    """Seconds before the second attempt; doubled for each further one."""
    longest_pause: float = 300.0
    """The longest pause in seconds, also when the server asks for a longer one."""
    max_redirects: int = 5
    """Redirects followed in one attempt."""
    max_bytes: int = 2**32
    """A file that turns out larger is refused."""


class StoppedError(Exception):
    """The run is being stopped (interrupted by the user, or given up)."""


class _TransientError(Exception):
    """The attempt failed in a way that may pass; `after`: seconds that the server asked for."""

    def __init__(self, reason: str, after: float = 0.0):
        super().__init__(reason)
        self.after = after


class _AbsentError(Exception):
    """The address will not give the file, now or later."""


class _WrongBytesError(Exception):
    """The file arrived whole, with the SHA-256 that this says."""


def join(address: str, path: str) -> str:
    """Return the address of a file below an address that ends with `/`."""
    return address + urllib.parse.quote(path)


class Fetcher:
    """Fetches files, each from the first of several addresses that gives the right bytes.

    May be used by several threads at once.
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
        # Not seeded: the jitter has to differ between machines that were refused together.
        self._jitter = random.SystemRandom()
        self._session = requests.Session()
        for scheme in ("https://", "http://"):
            self._session.mount(scheme, HTTPAdapter(pool_maxsize=16))
        agent = f"ekg/{__version__} (research software; python-requests)"
        self._session.headers.update({"User-Agent": agent, "Accept-Encoding": "identity"})
        # An explicit way of signing in that does nothing: without it, requests would send what
        # ~/.netrc holds for the host.
        self._session.auth = lambda request: request

    def __enter__(self) -> Fetcher:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def fetch(self, urls: Sequence[str], target: Path, sha256: str | None) -> None:
        """Fetch one file.

        `sha256`: The SHA-256 its bytes must have. None only for a publisher's list of sums: then
        the file counts as whole when the server says so.
        """
        live, gone = list(urls), list[str]()
        turn = failures = wrong = 0
        while True:
            if not live:
                raise DownloadError(
                    f"cannot be fetched ({'; '.join(gone)})",
                    path=target,
                    remedy="check the address or give another mirror with --from-url",
                )
            url = live[turn % len(live)]
            host = urllib.parse.urlsplit(url).netloc
            try:
                with atomic_path(target) as part:
                    self._receive(url, part, sha256)
                return
            except _WrongBytesError as error:
                wrong += 1
                turn += 1
                if wrong == 2:
                    raise DownloadError(
                        f"has SHA-256 {error}, expected {sha256} (fetched twice, refused)",
                        path=target,
                        remedy="try again later or give another mirror with --from-url",
                    ) from None
            except _AbsentError as error:
                live.remove(url)
                gone.append(f"{host}: {error}")
            except _TransientError as error:
                failures += 1
                turn += 1
                if failures >= self.settings.attempts:
                    raise DownloadError(
                        f"cannot be fetched from {host} ({error}, {failures} attempts)",
                        path=target,
                        remedy="run the same command again later: it resumes",
                    ) from None
                if turn % len(live) == 0:  # other addresses are asked without a pause
                    self._wait(failures, error.after)

    def _wait(self, failures: int, asked: float) -> None:
        """Wait as long as the server asked, or twice as long as the last time."""
        pause = self.settings.pause * 2 ** (failures - 1) * self._jitter.uniform(0.5, 1.5)
        if self.stop.wait(min(max(pause, asked), self.settings.longest_pause)):
            raise StoppedError

    def _receive(self, url: str, part: Path, sha256: str | None) -> None:
        """Fetch a file once, and check it."""
        counted, digest = 0, hashlib.sha256()
        length = None
        try:
            with self._open(url) as response, open(part, "wb") as stream:
                length = _announced(response)
                began = time.monotonic()
                while chunk := self._next_chunk(response, length):
                    stream.write(chunk)
                    digest.update(chunk)
                    counted += len(chunk)
                    self._on_bytes(len(chunk))
                    self._check_progress(counted, length, time.monotonic() - began)
        except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
            raise _AbsentError(_short(error)) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            if digest.hexdigest() != sha256:  # else it is whole, whatever length was announced
                self._on_bytes(-counted)
                raise _TransientError(_short(error)) from None
        except (_AbsentError, _TransientError):
            self._on_bytes(-counted)
            raise
        found = digest.hexdigest()
        if found == sha256:
            return
        short = length is not None and counted < length
        if short or sha256 is not None:
            self._on_bytes(-counted)
        if short:
            raise _TransientError(f"the connection closed after {counted} of {length} bytes")
        if sha256 is not None:
            raise _WrongBytesError(found)

    def _next_chunk(self, response: requests.Response, length: int | None) -> bytes:
        if self.stop.is_set():
            raise StoppedError
        self._check_progress(length or 0, length, 0.0)
        # read1 hands over what has arrived, however little: a server that is too slow is seen.
        return bytes(response.raw.read1(65536, decode_content=False))

    def _check_progress(self, counted: int, length: int | None, seconds: float) -> None:
        if counted > self.settings.max_bytes:
            raise _AbsentError(f"has more than the {self.settings.max_bytes} bytes allowed")
        slow = seconds >= self.settings.read_timeout and counted < self.settings.slowest * seconds
        if slow and counted != length:
            raise _TransientError(f"only {counted} bytes came in {seconds:.0f} s")

    def _open(self, url: str) -> requests.Response:
        """Send the request and follow redirects, never from https to anything else."""
        for _ in range(self.settings.max_redirects + 1):
            if self.stop.is_set():
                raise StoppedError
            response = self._session.get(
                url,
                stream=True,
                allow_redirects=False,
                timeout=(self.settings.connect_timeout, self.settings.read_timeout),
            )
            if not response.is_redirect:
                return response
            target = urllib.parse.urljoin(url, response.headers["Location"])
            response.close()
            try:
                check_address(target)
            except DownloadError as error:
                raise _AbsentError(f"redirects to {error.problem}") from None
            if url.startswith("https:") and not target.startswith("https:"):
                raise _AbsentError("redirects from https to http")
            url = target
        raise _AbsentError(f"redirects more than {self.settings.max_redirects} times")


def _announced(response: requests.Response) -> int | None:
    """Check status and encoding of an answer; return the length that it announces."""
    status = f"HTTP status {response.status_code} {response.reason or ''}".strip()
    if response.status_code in {408, 425, 429} or response.status_code >= 500:
        raise _TransientError(status, after=_retry_after(response))
    if response.status_code != 200:
        raise _AbsentError(status)
    if response.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise _AbsentError("sends the file compressed against the request")
    length = response.headers.get("Content-Length", "")
    return int(length) if length.isdecimal() else None


def _retry_after(response: requests.Response) -> float:
    """Return the seconds that `Retry-After` asks for, given as a number or as a date."""
    try:
        return urllib3.Retry().parse_retry_after(response.headers.get("Retry-After", "0"))
    except urllib3.exceptions.InvalidHeader:
        return 0.0


def _short(error: Exception) -> str:
    """Return the kind of a network error and its innermost reason, on one line."""
    reason: object = error
    for _ in range(5):
        inner = getattr(reason, "reason", None) or (
            reason.args[0] if isinstance(reason, Exception) and reason.args else None
        )
        if not isinstance(inner, Exception):
            break
        reason = inner
    text = " ".join(str(reason).split())
    # urllib3 puts the connection in front: "HTTPSConnection(host='...', port=443): text".
    text = re.sub(r"^(?:<?[\w.]*Connection(?:Pool)?\b[^:]*(?:: ?|>: ))+", "", text)
    return text[:200] or type(error).__name__
