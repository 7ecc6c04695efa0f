"""Fixtures for all tests."""

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# A slow or busy machine is no failure: how long a case may take is not a property of the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")

# A shell starts its background jobs deaf to Ctrl-C, and so would be every command that a test
# starts in order to interrupt it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs the reference data."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("reference")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of reference data (real records, golden pixels, the published model)."""
    folder = Path(os.environ.get("EKG_SHARED", ROOT.parent / "shared"))
    if not (folder / "golden" / "golden.csv").is_file():
        pytest.skip(f"no reference data at {folder}; set EKG_SHARED to its folder")
    return folder


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository's top folder."""
    return ROOT
