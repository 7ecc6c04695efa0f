"""One attempt to fetch one file over HTTP: ranges, redirects, limits, honest failures."""

from __future__ import annotations

import email.utils
import re
import threading
import time
import urllib.parse
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ekg._version import __version__
from ekg.datasets.registry import check_address
from ekg.errors import DownloadError


@dataclass(frozen=True)
class HttpSettings:
    """How patient and how polite the transfer is; the defaults suit public archives."""

    connect_timeout: float = 15.0
    """Seconds to wait for a connection."""
    read_timeout: float = 30.0
    """Seconds without a byte after which a server counts as stalled."""
    slowest: float = 100.0
    """Bytes a second; a server that stays below it for `read_timeout` counts as stalled too."""
    attempts: int = 6
    """Give up on a file after this many consecutive attempts without new data."""
    pause: float = 1.0
    """Seconds before the second attempt; doubled for each further one."""
    longest_pause: float = 300.0
    """The longest pause in seconds, also when the server asks for a longer one."""
    max_redirects: int = 5
    """Redirects followed in one attempt."""
    max_bytes: int = 2**32
    """A file that turns out larger is refused."""


class TransientError(Exception):
    """The attempt failed in a way that may pass.

    `after`: Seconds that the server asked to wait, None when it did not.
    """

    def __init__(self, reason: str, after: float | None = None):
        super().__init__(reason)
        self.reason = reason
        self.after = after


class AbsentError(Exception):
    """The address will not give the file, now or later."""


class StoppedError(Exception):
    """The run is being stopped (interrupted by the user, or given up)."""


class Transfer:
    """Makes attempts, one at a time; one object (and one connection pool) for each thread."""

    def __init__(
        self, settings: HttpSettings, on_bytes: Callable[[int], None], stop: threading.Event
    ):
        self.settings = settings
        self._on_bytes = on_bytes
        self._stop = stop
        self._session = requests.Session()
        adapter = HTTPAdapter(pool_connections=4, pool_maxsize=1, max_retries=0)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)
        self._session.headers.update(
            {
                "User-Agent": f"ekg/{__version__} (research software; python-requests)",
                # The bytes as they are stored: compressed answers cannot be resumed by ranges.
                "Accept-Encoding": "identity",
            }
        )
        # An explicit way of signing in that does nothing: without it, requests would send what
        # ~/.netrc holds for the host.
        self._session.auth = _no_credentials

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def attempt(self, url: str, part: Path) -> None:
        """Fetch the rest of a file into `part`.

        Returns when the server said that the file is complete. After any exception, what has
        arrived so far stays in `part`.
        """
        have = part.stat().st_size if part.exists() else 0
        headers = {"Range": f"bytes={have}-"} if have else {}
        try:
            with self._open(url, headers) as response:
                self._receive(response, part, have)
        except (requests.exceptions.SSLError, requests.exceptions.InvalidURL) as error:
            raise AbsentError(_short(error)) from None
        except (requests.exceptions.RequestException, urllib3.exceptions.HTTPError) as error:
            raise TransientError(_short(error)) from None

    def _open(self, url: str, headers: dict[str, str]) -> requests.Response:
        """Send the request and follow redirects, never from https to anything else."""
        for _ in range(self.settings.max_redirects + 1):
            if self._stop.is_set():
                raise StoppedError
            response = self._session.get(
                url,
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(self.settings.connect_timeout, self.settings.read_timeout),
            )
            if response.status_code not in {301, 302, 303, 307, 308}:
                return response
            target = urllib.parse.urljoin(url, response.headers.get("Location", ""))
            response.close()
            try:
                check_address(target)
            except DownloadError as error:
                raise AbsentError(f"redirects to {error.problem}") from None
            if url.startswith("https:") and not target.startswith("https:"):
                raise AbsentError("redirects from https to http")
            url = target
        raise AbsentError(f"redirects more than {self.settings.max_redirects} times")

    def _receive(self, response: requests.Response, part: Path, have: int) -> None:
        """Write the body of an answer behind the `have` bytes that are there already."""
        status = response.status_code
        if status == 416 and have:
            total = re.fullmatch(r"bytes \*/(\d+)", response.headers.get("Content-Range", ""))
            if total and int(total.group(1)) == have:
                return
            self._throw_away(part)
            raise TransientError("the unfinished file is longer than the server's")
        if status in {408, 425, 429} or status >= 500:
            raise TransientError(_status(response), after=_retry_after(response))
        if status not in {200, 206}:
            raise AbsentError(_status(response))
        if response.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise AbsentError("sends the file compressed against the request")
        if status == 206:
            given = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
            if not given or int(given.group(1)) != have:
                self._throw_away(part)
                raise TransientError("the server sent another range than requested")
        elif have:
            self._throw_away(part)
            have = 0
        length = response.headers.get("Content-Length", "")
        expected = have + int(length) if length.isdecimal() else None
        if expected is not None and expected > self.settings.max_bytes:
            raise AbsentError(
                f"has {expected} bytes, more than the {self.settings.max_bytes} allowed"
            )
        self._write_body(response, part, have, expected)

    def _write_body(
        self, response: requests.Response, part: Path, have: int, expected: int | None
    ) -> None:
        window, arrived = time.monotonic(), 0
        with open(part, "ab") as stream:
            while True:
                if self._stop.is_set():
                    raise StoppedError
                # read1 hands over what has arrived, however little: a drop loses nothing.
                chunk = response.raw.read1(65536, decode_content=False)
                if not chunk:
                    break
                have += len(chunk)
                if have > self.settings.max_bytes:
                    raise AbsentError(
                        f"sends more than the {self.settings.max_bytes} bytes allowed"
                    )
                stream.write(chunk)
                self._on_bytes(len(chunk))
                arrived += len(chunk)
                if (passed := time.monotonic() - window) >= self.settings.read_timeout:
                    if arrived < self.settings.slowest * passed and have != expected:
                        raise TransientError(f"only {arrived} bytes came in {passed:.0f} s")
                    window, arrived = time.monotonic(), 0
        if expected is not None and have < expected:
            raise TransientError(f"the connection closed after {have} of {expected} bytes")

    def _throw_away(self, part: Path) -> None:
        self._on_bytes(-part.stat().st_size)
        part.unlink()


def _no_credentials(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _status(response: requests.Response) -> str:
    return f"HTTP status {response.status_code} {response.reason or ''}".strip()


def _retry_after(response: requests.Response) -> float | None:
    """Return the seconds that `Retry-After` asks for, given as a number or as a date."""
    value = response.headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


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


class HostPauses:
    """When each host may be asked again, shared by all threads."""

    def __init__(self, stop: threading.Event):
        self._stop = stop
        self._lock = threading.Lock()
        self._not_before: dict[str, float] = {}

    def hold(self, url: str, seconds: float) -> None:
        """Let nobody ask the host of `url` for this many seconds."""
        host = urllib.parse.urlsplit(url).netloc
        with self._lock:
            moment = time.monotonic() + seconds
            self._not_before[host] = max(moment, self._not_before.get(host, 0.0))

    def remaining(self, url: str) -> float:
        """Return the seconds until the host of `url` may be asked; 0 when it may be now."""
        host = urllib.parse.urlsplit(url).netloc
        with self._lock:
            return max(0.0, self._not_before.get(host, 0.0) - time.monotonic())

    def wait(self, url: str) -> None:
        """Wait until the host of `url` may be asked."""
        while remaining := self.remaining(url):
            if self._stop.wait(remaining):
                raise StoppedError
        if self._stop.is_set():
            raise StoppedError
