"""Worker processes that do not outlive the process they work for."""

from __future__ import annotations

import os
import threading
import time

_SECONDS_BETWEEN_LOOKS = 1.0


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
