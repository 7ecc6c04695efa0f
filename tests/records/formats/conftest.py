"""Small files of every format, written by the tests themselves."""

import pytest

from campaigns.fuzzing import format_files


@pytest.fixture
def write(tmp_path):
    """Return a function that writes bytes under a name and returns the path."""

    def write_file(content, name="record"):
        path = tmp_path / name
        path.write_bytes(content)
        return path

    return write_file


@pytest.fixture(scope="session")
def every_file():
    """Bytes of one sound file of every format, by name."""
    return format_files.every_file()
