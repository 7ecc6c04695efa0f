"""SIGKILL: at moments spread over the whole run, and just before and after files get names."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ekg.seeds import generator_for

from .conclusion import conclude
from .sandbox import Sandbox
from .stages import Stage
from .table import Row

MOMENT, WRITE = "kill -9, any moment", "kill -9, at a write"

_EARLIER = 0.85
"""A kill that came after the end is tried again at this share of the time."""
_TRIES = 12


def at_moments(sandbox: Sandbox, stage: Stage, count: int, seed: int) -> Iterator[Row]:
    """Kill the whole group of processes once in each of `count` equal parts of the run."""
    seconds = sandbox.reference(stage).seconds
    generator = generator_for(seed, f"kill/{stage.name}")
    for number in range(count):
        share = (number + float(generator.random())) / count
        # Every second one has worker processes, where the stage has them at all.
        jobs = 1 + number % 2 if stage.jobs else 1
        for _ in range(_TRIES):
            workplace = sandbox.workplace(stage)
            ended = sandbox.run(stage, workplace, jobs=jobs, kill_after=share * seconds)
            if ended.killed:
                break
            sandbox.discard(workplace)
            share *= _EARLIER
        detail = f"after {share:.3f} of the run's time" + (", 2 processes" if jobs == 2 else "")
        yield conclude(sandbox, stage, workplace, MOMENT, detail, ended)


def at_writes(sandbox: Sandbox, stage: Stage, count: int, seed: int) -> Iterator[Row]:
    """Kill just before or just after a file is made safe, named or removed."""
    total = _number_of_calls(sandbox, stage)
    generator = generator_for(seed, f"write/{stage.name}")
    chosen = sorted(generator.choice(total, size=min(count, total), replace=False).tolist())
    for place, call in enumerate(chosen):
        after = place % 2 == 1
        workplace = sandbox.workplace(stage)
        ended = sandbox.run(stage, workplace, set_up=partial(_die_at, call, after))
        detail = f"{'after' if after else 'before'} call {call + 1} of {total}"
        yield conclude(sandbox, stage, workplace, WRITE, detail, ended)


_CALLS = ("replace", "fsync", "unlink")


def _wrap(around: Callable[[str, Callable[[], object]], object]) -> None:
    """Call `around` before every call, in this process, that changes what files there are."""
    for name in _CALLS:
        original = getattr(os, name)

        def wrapped(*arguments: object, _name: str = name, _original=original, **options: object):  # type: ignore[no-untyped-def]
            return around(_name, lambda: _original(*arguments, **options))

        setattr(os, name, wrapped)


def _number_of_calls(sandbox: Sandbox, stage: Stage) -> int:
    workplace = sandbox.workplace(stage)
    tally = workplace.with_name("calls.txt")

    def count() -> None:
        stream = open(tally, "a", buffering=1)  # noqa: SIM115 - closed with the child

        def around(name: str, call: Callable[[], object]) -> object:
            stream.write(f"{name}\n")
            return call()

        _wrap(around)

    ended = sandbox.run(stage, workplace, set_up=count)
    if not ended.succeeded:
        raise SystemExit(f"{stage.name} cannot be counted:\n{ended.text}")
    calls = len(Path(tally).read_text().splitlines())
    tally.unlink()
    sandbox.discard(workplace)
    return calls


def _die_at(number: int, after: bool) -> None:
    done = [0]

    def around(name: str, call: Callable[[], object]) -> object:
        mine = done[0] == number
        done[0] += 1
        if mine and not after:
            os.killpg(0, signal.SIGKILL)
        try:
            return call()
        finally:  # also where the call fails, as it may when there is nothing to remove
            if mine:
                os.killpg(0, signal.SIGKILL)

    _wrap(around)
