"""Worker processes: order, killed workers, a killed parent."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ekg.workers import Lost, Workers, in_order

# A parent whose worker is idle: it says the worker's process number and then waits.
PROGRAM = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from ekg.workers import end_with_parent
if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    watch = {"initializer": end_with_parent} if sys.argv[2] == "watched" else {}
    pool = ProcessPoolExecutor(1, mp_context=context, **watch)
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(60)
"""


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as stream:
            return stream.read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="reads the processes from /proc")
@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_an_idle_worker_ends_with_its_killed_parent(tmp_path, method):
    program = tmp_path / "parent.py"
    program.write_text(PROGRAM)

    def worker_after_kill(watched: str) -> int:
        parent = subprocess.Popen(
            [sys.executable, str(program), method, watched], stdout=subprocess.PIPE, text=True
        )
        assert parent.stdout is not None
        worker = int(parent.stdout.readline())
        assert alive(worker)
        parent.kill()
        parent.wait()
        parent.stdout.close()
        return worker

    left_behind = worker_after_kill("unwatched")
    worker = worker_after_kill("watched")
    try:
        deadline = time.monotonic() + 30
        while alive(worker) and time.monotonic() < deadline:
            time.sleep(0.1)
        assert not alive(worker)
        assert alive(left_behind)  # what happens without it
    finally:
        os.kill(left_behind, signal.SIGKILL)


def double(number: int) -> int:
    if number < 0:
        os._exit(1)
    return 2 * number


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_the_jobs(jobs):
    work = [(n, None if n % 3 == 0 else n) for n in range(20)]
    with Workers(jobs) as executor:
        results = list(in_order(executor, double, work, 4))
    assert results == [(n, None if n % 3 == 0 else 2 * n) for n in range(20)]


def test_no_job_is_taken_before_there_is_room():
    taken = []

    def work():
        for n in range(10):
            taken.append(n)
            yield n, n

    with Workers(1) as executor:
        for seen, _ in enumerate(in_order(executor, double, work(), 3)):
            assert len(taken) <= seen + 3


def killed_by_three(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def killed_once(job: tuple[int, Path]) -> int:
    number, mark = job
    if number == 3 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def refuses_four(number: int) -> int:
    if number == 4:
        raise ValueError("four")
    return 2 * number


def test_a_job_that_kills_its_worker_costs_itself_alone():
    with Workers(2) as workers:
        results = dict(in_order(workers, killed_by_three, ((n, n) for n in range(12))))
    assert isinstance(results.pop(3), Lost)
    assert results == {n: 2 * n for n in range(12) if n != 3}


def test_a_worker_killed_from_outside_costs_no_job(tmp_path):
    mark = tmp_path / "killed"
    with Workers(2) as workers:
        work = ((n, (n, mark)) for n in range(12))
        results = list(in_order(workers, killed_once, work))
    assert mark.exists() and results == [(n, 2 * n) for n in range(12)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_job_is_raised_at_its_place(jobs):
    seen = []
    with Workers(jobs) as workers, pytest.raises(ValueError, match="four"):
        for item, _ in in_order(workers, refuses_four, ((n, n) for n in range(12))):
            seen.append(item)
    assert seen == [0, 1, 2, 3]
