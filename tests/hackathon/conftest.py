"""Fixtures of the tests of the hackathon."""

from tests.records.conftest import make_record
from tests.training.conftest import said

__all__ = ["make_record", "said"]
