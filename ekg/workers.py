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

    group = 1
    """So many jobs go to a worker at once."""
    lost_together = True
    """Whether a worker that is killed takes the jobs of all others with it."""

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

    @property
    def window(self) -> int:
        """How many jobs are under way at most."""
        return 1 if self.jobs == 1 else 4 * self.jobs

    def submit(self, function: Callable[..., Any], *arguments: Any) -> Future[Any]:
        """Start a job; a pool that is broken already gives a future that says so."""
        assert self._executor is not None
        try:
            return self._executor.submit(function, *arguments)
        except BrokenExecutor as error:
            broken: Future[Any] = Future()
            broken.set_exception(error)
            return broken

    def outcome(self, future: Future[Any]) -> Any:
        """Return a job's result; `BrokenExecutor` when its worker was killed."""
        return future.result()

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
    nothing to do and the result is None. When a worker is killed, the jobs that it may have been
    killed for are done again, one at a time; of one whose worker is killed again the result is
    `Lost`.
    """
    remaining = iter(work)
    under_way: deque[_Task] = deque()
    count = 0
    while True:
        most = window or workers.window
        while len(pairs := _next_group(remaining, workers.group, count, most, may_start)):
            under_way.append(_Task.start(workers, function, pairs))
            count += len(pairs)
        if not under_way:
            return
        task = under_way.popleft()
        try:
            results = workers.outcome(task.future)
        except BrokenExecutor:
            workers.restart()
            results = task.again(workers, function)
            if workers.lost_together:
                for other in under_way:
                    if not _has_result(other.future):
                        other.future = _finished(other.again(workers, function))
        for (item, _), result in zip(task.pairs, results, strict=True):
            if isinstance(result, _Raised):
                raise result.error
            count -= 1
            yield item, result


def _next_group(
    remaining: Iterator[tuple[Any, Any]],
    group: int,
    count: int,
    most: int,
    may_start: Callable[[int], bool],
) -> list[tuple[Any, Any]]:
    pairs: list[tuple[Any, Any]] = []
    while len(pairs) < group and count + len(pairs) < most and may_start(count + len(pairs)):
        pair = next(remaining, None)
        if pair is None:
            break
        pairs.append(pair)
    return pairs


@dataclass(frozen=True)
class _Raised:
    """Result of a job that raised: it is raised at the job's place among the results."""

    error: Exception


def _do_each(function: Callable[[Any], Any], jobs: list[Any]) -> list[Any]:
    results: list[Any] = []
    for job in jobs:
        try:
            results.append(None if job is None else function(job))
        except Exception as error:
            results.append(_Raised(error))
            break  # nothing behind it will be asked for
    return results + [None] * (len(jobs) - len(results))


@dataclass
class _Task:
    """A group of jobs that goes to a worker at once."""

    pairs: list[tuple[Any, Any]]
    """Items and jobs."""
    future: Future[list[Any]]

    @classmethod
    def start(
        cls, workers: Workers, function: Callable[[Any], Any], pairs: list[tuple[Any, Any]]
    ) -> _Task:
        jobs = [job for _, job in pairs]
        if all(job is None for job in jobs):
            return cls(pairs, _finished(jobs))
        return cls(pairs, workers.submit(_do_each, function, jobs))

    def again(self, workers: Workers, function: Callable[[Any], Any]) -> list[Any]:
        """Do each job again whose worker may have been killed for it: alone, so that it is known.

        The workers are whole when this begins and when it ends.
        """
        results: list[Any] = []
        for _, job in self.pairs:
            try:
                results += workers.outcome(workers.submit(_do_each, function, [job]))
            except BrokenExecutor:
                workers.restart()
                results.append(Lost())
        return results


def _finished(result: list[Any]) -> Future[list[Any]]:
    future: Future[list[Any]] = Future()
    future.set_result(result)
    return future


def _has_result(future: Future[Any]) -> bool:
    return (
        future.done()
        and not future.cancelled()
        and not isinstance(future.exception(), BrokenExecutor)
    )


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
