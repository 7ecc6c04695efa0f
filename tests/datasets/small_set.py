"""A small data set of the challenge's form, made of bytes that depend on their name alone."""

import hashlib
from pathlib import Path

from ekg.datasets.registry import Source


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def small_source(*addresses: str, about_bytes: int = 101_500) -> Source:
    """The entry of a registry that describes it."""
    return Source(
        name="small",
        title="A small data set",
        purpose="tests",
        addresses=addresses,
        licence="none",
        citation="nobody",
        homepage="https://example.org/",
        about_bytes=about_bytes,
        folder="training/small/",
        include=("*.hea", "*.mat"),
        checksums="SHA256SUMS.txt",
        records=5,
    )


def small_files(records: int = 5) -> dict[str, bytes]:
    """Local path -> bytes."""
    return {
        name: hashlib.shake_256(name.encode()).digest(size)
        for number in range(records)
        for name, size in (
            (f"g{number % 2 + 1}/A{number:04}.hea", 300),
            (f"g{number % 2 + 1}/A{number:04}.mat", 20_000),
        )
    }


def checksum_list(files: dict[str, bytes]) -> bytes:
    """The publisher's list: these files and some that belong to other sets."""
    lines = [f"{sha256(content)} training/small/{name}" for name, content in files.items()]
    lines.append(f"{sha256(b'other')} training/other/g1/Q0001.hea")
    lines.append(f"{sha256(b'page')} training/small/index.html")
    return ("\n".join(lines) + "\n").encode()


def publish(server, records: int = 5) -> dict[str, bytes]:
    """Put the set and its list on a server; return local path -> bytes."""
    files = small_files(records)
    server.files.update({f"training/small/{name}": content for name, content in files.items()})
    server.files["SHA256SUMS.txt"] = checksum_list(files)
    return files


def write_publisher_folder(folder: Path, records: int = 5) -> dict[str, bytes]:
    """Write the set as its publisher lays it out; return local path -> bytes."""
    files = small_files(records)
    for name, content in files.items():
        path = folder / "training" / "small" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (folder / "SHA256SUMS.txt").write_bytes(checksum_list(files))
    return files


def assert_whole(folder: Path, files: dict[str, bytes]) -> None:
    """Every file is there, right, and nothing unfinished lies about."""
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix in {".hea", ".mat"}
    }
    assert found == files
    assert not list(folder.rglob("*.part-*"))
    assert not list(folder.glob(".unpacked-*"))
