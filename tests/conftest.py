"""Fixtures for all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


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
