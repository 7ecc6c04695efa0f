"""Fixtures of the tests of data."""

from tests.training.conftest import small_records

__all__ = ["small_records"]
