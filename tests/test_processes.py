"""Workers must not outlive a parent that was killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

# A parent whose worker is idle: it says the worker's process number and then waits.
PROGRAM = """
import multiprocessing, os, sys, time
from concurrent.futures import ProcessPoolExecutor
from ekg.processes import end_with_parent
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
