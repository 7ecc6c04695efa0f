"""What the tests of tiny image sets have in common."""

import csv

import pytest

from ekg.images.record_images import ImageSetConfig

TINY = ImageSetConfig(size=16)


def error_of(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def rows(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))
