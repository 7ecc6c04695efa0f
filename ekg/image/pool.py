"""Worker processes whose results come in the order of the jobs."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from ekg.errors import ImageError
from ekg.processes import end_with_parent

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


@contextlib.contextmanager
def workers(
    jobs: int,
    warm_up: Callable[..., object],
    arguments: tuple[Any, ...],
    start_method: str | None = None,
) -> Iterator[Executor]:
    """Give an executor of `jobs` processes (this process itself when `jobs` is 1).

    Parameters
    ----------
    jobs
        Number of worker processes.
    warm_up, arguments
        Called once in each worker when it starts.
    start_method
        `fork`, `forkserver` or `spawn`. By default `fork` on Linux while this process has no
        other thread (the workers then inherit all that is warm), `forkserver` or else `spawn`
        where forking would not be safe.
    """
    if jobs == 1:
        yield _Inline()
        return
    method = start_method or _safe_start_method()
    context = multiprocessing.get_context(method)
    if method == "fork":
        warm_up(*arguments)
    elif method == "forkserver":
        context.set_forkserver_preload([warm_up.__module__])
    with _one_thread_each():
        executor = ProcessPoolExecutor(
            jobs, mp_context=context, initializer=_start_worker, initargs=(warm_up, arguments)
        )
        try:
            if method == "fork":
                # All workers are forked at the first job: now, before anything starts a thread.
                executor.submit(os.getpid).result()
            yield executor
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def _safe_start_method() -> str:
    methods = multiprocessing.get_all_start_methods()
    if sys.platform == "linux" and "fork" in methods and threading.active_count() == 1:
        return "fork"
    return "forkserver" if "forkserver" in methods else "spawn"


def in_order(
    executor: Executor,
    function: Callable[[Any], Any],
    work: Iterable[tuple[Any, Any]],
    window: int,
    may_start: Callable[[int], bool],
) -> Iterator[tuple[Any, Any]]:
    """Do jobs in parallel and give their results in the order of the jobs.

    Parameters
    ----------
    executor
        Where they run.
    function
        What is done with each job.
    work
        Pairs of an item and its job, taken as they are needed. Where the job is None there is
        nothing to do and the result is None.
    window
        At most this many jobs are under way: memory does not grow with their number.
    may_start
        Asked before each further job, with the number under way; when it says no, results
        are given first. When it says no with none under way, the work ends.

    Yields
    ------
    item, result

    Raises
    ------
    ImageError
        If a worker process ends without a result (killed, or out of memory).
    """
    remaining = iter(work)
    under_way: deque[tuple[Any, Future[Any]]] = deque()
    more = True
    try:
        while True:
            while more and len(under_way) < window and may_start(len(under_way)):
                item, job = next(remaining, (None, None))
                if item is None:
                    more = False
                elif job is None:
                    nothing: Future[Any] = Future()
                    nothing.set_result(None)
                    under_way.append((item, nothing))
                else:
                    under_way.append((item, executor.submit(function, job)))
            if not under_way:
                return
            item, future = under_way.popleft()
            yield item, future.result()
    except BrokenProcessPool:
        raise ImageError(
            "a worker process was ended from outside (out of memory, perhaps)",
            remedy="run the same command again to go on, with fewer processes (-j)",
        ) from None
