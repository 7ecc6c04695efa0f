"""Fixtures of the tests of the simulator."""

from tests.records.conftest import make_record

__all__ = ["make_record"]
