"""The registry of inputs: where each comes from, how it is checked, who made it."""

from __future__ import annotations

import fnmatch
import re
import tomllib
import urllib.parse
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import Any

from ekg.errors import DownloadError
from ekg.files import is_plain_relative

REGISTRY = Path(__file__).with_name("registry.toml")
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class RemoteFile:
    """One file of a source."""

    path: str
    """Where it is below an address of the source, with forward slashes."""
    local: str
    """Where it is put below the folder on this machine, with forward slashes."""
    sha256: str
    """The SHA-256 that its bytes must have, in lower-case hexadecimal."""
    size: int | None = None
    """Bytes, where known."""


@dataclass(frozen=True)
class Source:
    """One entry of the registry; the fields are described in docs/data.md."""

    name: str
    title: str
    purpose: str
    addresses: tuple[str, ...]
    licence: str
    citation: str
    homepage: str
    about_bytes: int
    folder: str = ""
    include: tuple[str, ...] = ("*",)
    checksums: str | None = None
    records: int | None = None
    files: tuple[RemoteFile, ...] = field(default=())

    def select(self, checksums: dict[str, str]) -> tuple[RemoteFile, ...]:
        """Return the files of this source among those of the publisher's list."""
        chosen = []
        for path, sha256 in checksums.items():
            if not path.startswith(self.folder):
                continue
            local = path.removeprefix(self.folder)
            if any(fnmatch.fnmatchcase(local, pattern) for pattern in self.include):
                chosen.append(RemoteFile(path=path, local=local, sha256=sha256))
        return tuple(chosen)


@cache
def read_registry(path: Path = REGISTRY) -> dict[str, Source]:
    """Read the registry of inputs."""
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise DownloadError("registry not found", path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DownloadError(f"not a TOML file ({error})", path=path) from None
    return {name: _source(name, table, path) for name, table in tables.items()}


def source_named(name: str) -> Source:
    """Return one source."""
    registry = read_registry()
    if name not in registry:
        raise DownloadError(f"unknown data set {name!r}", remedy=f"use {', '.join(registry)}")
    return registry[name]


def _source(name: str, table: dict[str, Any], path: Path) -> Source:
    def refuse(problem: str) -> DownloadError:
        return DownloadError(f"[{name}] {problem}", path=path, remedy="correct the registry")

    try:
        content = dict(table)
        content["files"] = tuple(
            RemoteFile(
                path=entry["path"],
                local=PurePosixPath(entry["path"]).name,
                sha256=entry["sha256"],
                size=entry.get("bytes"),
            )
            for entry in table.get("files", ())
        )
        for key in ("addresses", "include"):
            if key in content:
                content[key] = tuple(content[key])
        content["citation"] = content.get("citation", "").strip()
        source = Source(name=name, **content)
    except (KeyError, TypeError) as error:
        raise refuse(f"has a missing or unknown field ({error})") from None
    if not source.addresses:
        raise refuse("field `addresses` is empty")
    for address in source.addresses:
        check_address(address)
        if not address.endswith("/"):
            raise refuse(f"address {address} does not end with /")
    if bool(source.files) == bool(source.checksums):
        raise refuse("needs either `files` or `checksums`")
    for file in source.files:
        check_relative(file.path, path)
        if not _SHA256.fullmatch(file.sha256):
            raise refuse(f"field `sha256` of {file.path} is not 64 lower-case hexadecimal digits")
    return source


def check_address(address: str) -> None:
    """Refuse an address that is not https.

    Plain http is let through to this machine alone, for a local mirror and the tests.
    """
    parts = urllib.parse.urlsplit(address)
    if parts.username is not None or parts.password is not None:
        # The address itself is left out of the message: it contains a secret.
        raise DownloadError(
            f"the address of {parts.hostname} contains a user name", remedy="leave it out"
        )
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and parts.hostname in _LOOPBACK:
        return
    raise DownloadError(f"{address} must be an https address", remedy="use an https:// address")


def check_relative(name: str, path: str | Path) -> None:
    """Refuse a file name that could lead out of the folder it is meant for."""
    if not is_plain_relative(name):
        raise DownloadError(
            f"{name!r} is not a plain path below a folder",
            path=path,
            remedy="do not use this list or archive",
        )


def parse_checksums(text: str, path: str | Path) -> dict[str, str]:
    """Read a list of SHA-256 sums (`SHA256SUMS.txt`)."""
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        match = re.fullmatch(r"([0-9a-fA-F]{64})\s+\*?(?:\./)?(\S.*?)\s*", line)
        if not match:
            raise DownloadError(
                f"line {number} is not a SHA-256 and a path",
                path=path,
                remedy="fetch the list again",
            )
        sha256, name = match.group(1).lower(), match.group(2)
        check_relative(name, path)
        if sums.setdefault(name, sha256) != sha256:
            raise DownloadError(
                f"line {number} gives {name} a second, different SHA-256",
                path=path,
                remedy="fetch the list again",
            )
    if not sums:
        raise DownloadError("the list is empty", path=path, remedy="fetch the list again")
    return sums
