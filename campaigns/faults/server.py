"""A small data set published on this machine, by a server in its own process."""

from __future__ import annotations

import importlib
import os
import signal
import time
from typing import Any

RECORDS = 12
SECONDS_PER_ANSWER = 0.02


def _tests(name: str) -> Any:
    """Return a helper of the tests: the server and the set are those of the tests of downloads."""
    return importlib.import_module(f"tests.datasets.{name}")


class Publisher:
    """The server, the files that it has, and the registry's entry for them."""

    def __init__(self) -> None:
        reading, writing = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(reading)
            self._serve(writing)
        os.close(writing)
        with os.fdopen(reading) as stream:
            address = stream.readline().strip()
        os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
        self.source = _tests("small_set").small_source(address)
        self.files: dict[str, bytes] = _tests("small_set").small_files(RECORDS)

    def _serve(self, writing: int) -> None:
        server = _tests("flaky_server").FlakyServer()
        _tests("small_set").publish(server, RECORDS)
        server.delay = SECONDS_PER_ANSWER
        os.write(writing, f"{server.address}\n".encode())
        os.close(writing)
        while True:
            server.requests.clear()
            server.headers.clear()
            if os.getppid() == 1:  # the campaign was killed
                os._exit(0)
            time.sleep(1.0)

    def be_the_registry(self) -> None:
        """Let the command line know the small set alone (in a child)."""
        import ekg.datasets.registry

        setattr(ekg.datasets.registry, "read_registry", lambda: {self.source.name: self.source})  # noqa: B010

    def close(self) -> None:
        """End the server."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
