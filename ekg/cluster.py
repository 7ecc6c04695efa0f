"""The jobs of `ekg.workers` on a Dask cluster that exists already, by its futures interface."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, CancelledError, Future
from typing import TYPE_CHECKING, Any

from ekg._version import __version__
from ekg.errors import EkgError
from ekg.workers import Workers

if TYPE_CHECKING:
    from distributed import Client

_CONNECT_SECONDS = 20
_SECONDS_BETWEEN_COUNTS = 5.0
_GROUPS_A_THREAD = 3


def open_workers(
    jobs: int,
    scheduler: str | None = None,
    warm_up: Callable[..., object] = os.getpid,
    arguments: tuple[Any, ...] = (),
    start_method: str | None = None,
) -> Workers:
    """Return worker processes of this machine or, with a scheduler's address, of a cluster."""
    if scheduler is not None:
        return Cluster(scheduler)
    return Workers(jobs, warm_up, arguments, start_method)


class Cluster(Workers):
    """The workers of a Dask cluster.

    They import the same version of this package, and find the files under the same paths.
    """

    group = 16
    """A scheduler hands out a few thousand tasks a second: a task is no single record."""
    lost_together = False

    def __init__(self, scheduler: str):
        super().__init__(jobs=1)
        self.scheduler = scheduler
        self._client: Client | None = None
        self._counted = float("-inf")

    def _start(self) -> None:
        from distributed import Client

        for name in ("distributed", "tornado", "asyncio"):  # what they log is said in one line here
            logging.getLogger(name).setLevel(logging.CRITICAL)
        try:
            client = Client(self.scheduler, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise EkgError(
                f"scheduler {self.scheduler} does not answer ({type(error).__name__})",
                remedy="check address and network, or leave --scheduler out",
            ) from None
        self._client, self._executor = client, client.get_executor(pure=False)
        try:
            found = client.run(_version)
        except Exception as error:  # a worker raises whatever its missing package gives
            self._stop()
            raise EkgError(
                f"a worker of {self.scheduler} cannot import ekg ({error})",
                remedy=f"install ekg-image-reader {__version__} on the workers",
            ) from None
        others = sorted(set(found.values()) - {__version__})
        if others:
            self._stop()
            raise EkgError(
                f"workers of {self.scheduler} have ekg {', '.join(others)}, here is {__version__}",
                remedy="install the same version everywhere: results would mix",
            )

    @property
    def window(self) -> int:
        """Enough jobs that no worker waits, however many there are now."""
        if self._client is not None and time.monotonic() - self._counted > _SECONDS_BETWEEN_COUNTS:
            with contextlib.suppress(OSError, CancelledError):  # `outcome` says what is wrong
                self.jobs = max(1, sum(self._client.nthreads().values()))
            self._counted = time.monotonic()
        return _GROUPS_A_THREAD * self.group * self.jobs

    def outcome(self, future: Future[Any]) -> Any:
        """Return a job's result; `BrokenExecutor` when it killed several workers."""
        from distributed.scheduler import KilledWorker

        try:
            return future.result()
        except KilledWorker as error:
            raise BrokenExecutor(str(error)) from None
        except (CancelledError, OSError) as error:
            if isinstance(error, OSError) and self._is_connected():
                raise
            raise self._gone() from None

    def _is_connected(self) -> bool:
        return self._client is not None and self._client.status == "running"

    def _gone(self) -> EkgError:
        return EkgError(
            f"the connection to the scheduler {self.scheduler} is lost; what is finished is kept",
            remedy="run the same command again (predict: with --resume), on a cluster or with "
            "-j on this machine",
        )

    def restart(self) -> None:
        """Do nothing: a cluster replaces its workers itself."""

    def _stop(self) -> None:
        if self._client is not None:
            with contextlib.suppress(Exception):  # it may be gone already
                if self._executor is not None:
                    self._executor.shutdown(wait=False)
                self._client.close(timeout=2)
        self._client = self._executor = None


def _version() -> str:
    return __version__
