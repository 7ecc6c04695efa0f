"""What the tests of tiny image sets have in common."""

import csv
from pathlib import Path

import pytest

from ekg.images.record_images import ImageSetConfig

TINY = ImageSetConfig(size=16)
SMALL = ImageSetConfig(size=32)


def error_of(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def rows(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that counts, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / "records.csv", newline="") as stream:
        return {row["record"]: row for row in csv.DictReader(stream)}
