"""Fixtures for the tests of data sources."""

import pytest

from ekg.datasets.fetch import HttpSettings
from tests.datasets.flaky_server import FlakyServer


@pytest.fixture
def settings() -> HttpSettings:
    """Small timeouts and pauses."""
    return HttpSettings(
        connect_timeout=5, read_timeout=5, attempts=4, pause=0.02, longest_pause=0.5
    )


@pytest.fixture
def server(monkeypatch):
    """A misbehaving web server on this machine."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = FlakyServer()
    yield server
    server.close()


@pytest.fixture
def mirror(monkeypatch):
    """A second one."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = FlakyServer()
    yield server
    server.close()
