"""Worker processes: results in the order of the jobs; a killed worker costs one job at most."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from ekg.errors import EkgError

_SECONDS_BETWEEN_LOOKS = 1.0
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class _Inline(Executor):
    """Does each job at once in this process: one worker needs no other."""

    def submit(self, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(function(*args, **kwargs))
        return future


def _start_worker(first: Callable[..., object], arguments: tuple[Any, ...]) -> None:
    # Ctrl-C reaches the whole group of processes; only the parent answers it.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    first(*arguments)


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Let processes that start now use one thread for arithmetic: there is one a core already."""
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(dict.fromkeys(_ONE_THREAD, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass(frozen=True)
class Lost:
    """Result of a job whose worker process was ended from outside twice."""

    reason: str = "its worker process was killed twice (perhaps out of memory)"


class Workers:
    """Worker processes that are started again when one of them is killed."""

    def __init__(
        self,
        jobs: int,
        warm_up: Callable[..., object] = os.getpid,
        arguments: tuple[Any, ...] = (),
        start_method: str | None = None,
    ):
        if jobs < 1:
            raise EkgError(f"{jobs} worker processes", remedy="use -j 1 or more")
        self.jobs = jobs
        self._warm_up, self._arguments = warm_up, arguments
        self._method = start_method
        self._executor: Executor | None = None

    def __enter__(self) -> Workers:
        self._start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop()

    def submit(self, function: Callable[[Any], Any], job: Any) -> Future[Any]:
        """Start a job; a pool that is broken already gives a future that says so."""
        assert self._executor is not None
        try:
            return self._executor.submit(function, job)
        except BrokenExecutor as error:
            broken: Future[Any] = Future()
            broken.set_exception(error)
            return broken

    def restart(self) -> None:
        """Replace a broken pool."""
        self._stop()
        self._start()

    def _stop(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)

    def _start(self) -> None:
        if self.jobs == 1:
            self._executor = _Inline()
            return
        method = self._method or _safe_start_method()
        context = multiprocessing.get_context(method)
        if method == "fork":
            self._warm_up(*self._arguments)
        elif method == "forkserver" and self._warm_up.__module__ != os.getpid.__module__:
            context.set_forkserver_preload([self._warm_up.__module__])
        with _one_thread_each():
            self._executor = ProcessPoolExecutor(
                self.jobs,
                mp_context=context,
                initializer=_start_worker,
                initargs=(self._warm_up, self._arguments),
            )
            # All workers are started at the first job when they are forked: now, before
            # anything starts a thread, and with one thread each.
            self._executor.submit(os.getpid).result()


def _safe_start_method() -> str:
    methods = multiprocessing.get_all_start_methods()
    if sys.platform == "linux" and "fork" in methods and threading.active_count() == 1:
        return "fork"
    return "forkserver" if "forkserver" in methods else "spawn"


def in_order(
    workers: Workers,
    function: Callable[[Any], Any],
    work: Iterable[tuple[Any, Any]],
    window: int | None = None,
    may_start: Callable[[int], bool] = lambda under_way: True,
) -> Iterator[tuple[Any, Any]]:
    """Do jobs in parallel and give their results in the order of the jobs.

    `work`: Pairs of an item and its job, taken as they are needed. Where the job is None there is
    nothing to do and the result is None.
    """
    window = window or (1 if workers.jobs == 1 else 4 * workers.jobs)
    remaining = iter(work)
    under_way: deque[tuple[Any, Any, Future[Any]]] = deque()
    more = True
    while True:
        while more and len(under_way) < window and may_start(len(under_way)):
            item, job = next(remaining, (None, None))
            if item is None:
                more = False
            else:
                under_way.append((item, job, _submit(workers, function, job)))
        if not under_way:
            return
        item, job, future = under_way.popleft()
        try:
            result = future.result()
        except BrokenExecutor:
            workers.restart()
            result = _alone(workers, function, job)
            under_way = deque(
                (item, job, future if _has_result(future) else _again(workers, function, job))
                for item, job, future in under_way
            )
        yield item, result


def _submit(workers: Workers, function: Callable[[Any], Any], job: Any) -> Future[Any]:
    return _finished(None) if job is None else workers.submit(function, job)


def _finished(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def _has_result(future: Future[Any]) -> bool:
    return (
        future.done()
        and not future.cancelled()
        and not isinstance(future.exception(), BrokenExecutor)
    )


def _again(workers: Workers, function: Callable[[Any], Any], job: Any) -> Future[Any]:
    """Do a job again whose worker may have been killed for it: alone, so that it is known."""
    future: Future[Any] = Future()
    try:
        future.set_result(_alone(workers, function, job))
    except Exception as error:
        future.set_exception(error)
    return future


def _alone(workers: Workers, function: Callable[[Any], Any], job: Any) -> Any:
    try:
        return workers.submit(function, job).result()
    except BrokenExecutor:
        workers.restart()
        return Lost()


def end_with_parent() -> None:
    """Let this worker process end when the process that started it is gone.

    A worker waits for jobs on a pipe of which it holds both ends: it would wait for ever for a
    parent that was killed, keep its memory, and, when forked, the parent's lock on a folder. To be
    called first in a worker.
    """
    threading.Thread(target=_watch, args=(os.getppid(),), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)
