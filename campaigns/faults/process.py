"""Runs `python -m ekg ...` in a forked child: starting costs nothing, so many can be killed."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

LONGEST_SECONDS = 120.0
"""A run that takes longer hangs."""

_LOOK_SECONDS = 0.001
_OWN_ERROR = "error: "


@dataclass(frozen=True)
class Ended:
    """How a run ended."""

    status: int
    """Exit status; minus the signal's number where a signal ended it."""
    seconds: float
    text: str
    """What it printed, standard error included."""

    @property
    def killed(self) -> bool:
        """Whether SIGKILL ended it."""
        return self.status == -signal.SIGKILL

    @property
    def error_line(self) -> str:
        """The project's own error, empty where there is none."""
        lines = [line for line in self.text.splitlines() if line.startswith(_OWN_ERROR)]
        return lines[0].removeprefix(_OWN_ERROR) if lines else ""

    @property
    def is_own_error(self) -> bool:
        """Whether it ended as the project promises for what a user can put right."""
        return self.status == 2 and bool(self.error_line) and "Traceback" not in self.text

    @property
    def orderly(self) -> bool:
        """Whether it succeeded, was killed, or ended in one of the project's own errors."""
        return self.killed or self.is_own_error or self.succeeded

    @property
    def succeeded(self) -> bool:
        """Whether it came to its end."""
        return self.status == 0 and "Traceback" not in self.text

    @property
    def word(self) -> str:
        """How it ended, in a word or two, for the table."""
        if self.killed:
            return "killed"
        if self.succeeded:
            return "success"
        return "own error" if self.is_own_error else f"status {self.status}"


class Child:
    """One run of the command line in a forked process with its own group."""

    def __init__(
        self, arguments: Sequence[str], folder: Path, set_up: Callable[[], None] | None = None
    ):
        self._log = folder.with_name(f"{folder.name}.log-{time.monotonic_ns()}")
        self._started = time.monotonic()
        # Opened here: the child may belong to a user who may not write beside the workplace.
        log = os.open(self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        self.pid = os.fork()
        if self.pid == 0:
            _be_the_command(arguments, folder, log, set_up)
        os.close(log)

    def wait(self, kill_after: float | None = None) -> Ended:
        """Wait for the end, which SIGKILL brings to the whole group after this many seconds."""
        deadline = self._started + (LONGEST_SECONDS if kill_after is None else kill_after)
        while True:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                break
            left = deadline - time.monotonic()
            if left <= 0:
                _kill_group(self.pid)
                _, status = os.waitpid(self.pid, 0)
                break
            time.sleep(min(_LOOK_SECONDS, left))
        seconds = time.monotonic() - self._started
        _wait_for_group(self.pid)
        text = self._log.read_text(encoding="utf-8", errors="replace")
        self._log.unlink()
        code = os.waitstatus_to_exitcode(status)
        if kill_after is None and seconds >= LONGEST_SECONDS:
            code, text = 1, f"{text}\nTraceback: hangs, ended after {seconds:.0f} s"
        return Ended(code, seconds, text)


def run(
    arguments: Sequence[str],
    folder: Path,
    *,
    set_up: Callable[[], None] | None = None,
    kill_after: float | None = None,
) -> Ended:
    """Run the command line once; see `Child`."""
    return Child(arguments, folder, set_up).wait(kill_after)


def _be_the_command(
    arguments: Sequence[str], folder: Path, log: int, set_up: Callable[[], None] | None
) -> None:
    """Do what `python -m ekg` does, then end without tidying up the parent's belongings."""
    code = 1
    try:
        os.setsid()
        os.chdir(folder)
        for stream in (1, 2):
            os.dup2(log, stream)
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1)  # noqa: SIM115
        if set_up is not None:
            set_up()
        from ekg.cli import main

        code = main(list(arguments))
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # killed before it had its own group
        os.kill(pid, signal.SIGKILL)


def _wait_for_group(pid: int) -> None:
    """Wait until the command's workers are gone too: they may hold its lock for a moment."""
    for _ in range(200):
        try:
            os.killpg(pid, 0)
        except (ProcessLookupError, PermissionError):
            return
        time.sleep(_LOOK_SECONDS)


def is_root() -> bool:
    """Return whether permissions mean nothing to this process."""
    return os.geteuid() == 0


def become_nobody() -> None:
    """Give up root's rights, in a child: for root no folder is read-only."""
    if not is_root():
        return
    nobody = pwd.getpwnam("nobody")
    os.setgroups([])
    os.setgid(nobody.pw_gid)
    os.setuid(nobody.pw_uid)
    os.environ["HOME"] = "/nonexistent"
