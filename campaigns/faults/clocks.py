"""A clock that is set back, files from the future and the past, and two runs at once."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .conclusion import conclude, last_line
from .process import Child
from .sandbox import Sandbox, touch
from .stages import Stage
from .table import LOST, Row

CLOCK, TWINS = "clock set back", "two runs at once"

_DAY = 86_400.0
_HALF = 0.5


def set_back(sandbox: Sandbox, stage: Stage) -> Iterator[Row]:
    """Set the clock back during a run; let inputs and half-made output come from another time."""
    seconds = sandbox.reference(stage).seconds
    workplace = sandbox.workplace(stage)
    ended = sandbox.run(stage, workplace, set_up=lambda: _fall_back(_HALF * seconds))
    yield conclude(sandbox, stage, workplace, CLOCK, "by a day in the middle of a run", ended)
    for days, word in ((3.0, "in the future"), (-10_000.0, "in the past")):
        workplace = sandbox.workplace(stage)
        _touch_all(workplace, days)
        ended = sandbox.run(stage, workplace)
        detail = f"all that is there before was changed {word}"
        yield conclude(sandbox, stage, workplace, CLOCK, detail, ended)
        workplace = sandbox.workplace(stage)
        ended = sandbox.run(stage, workplace, kill_after=_HALF * seconds)
        _touch_all(workplace / stage.out, days)
        detail = f"killed half-way, then the output so far was changed {word}"
        yield conclude(sandbox, stage, workplace, CLOCK, detail, ended)


def _touch_all(folder: Path, days: float) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            touch(path, days * _DAY)


def _fall_back(after: float) -> None:
    """Let `time.time` fall back by a day after this many seconds; `time.monotonic` continues."""
    right, right_ns, started = time.time, time.time_ns, time.monotonic()

    def fallen() -> float:
        return _DAY if time.monotonic() - started > after else 0.0

    time.time = lambda: right() - fallen()
    time.time_ns = lambda: right_ns() - int(1e9 * fallen())


def twins(sandbox: Sandbox, stage: Stage, count: int) -> Iterator[Row]:
    """Start the same command a second time while the first is at work."""
    seconds = sandbox.reference(stage).seconds
    for number in range(count):
        share = number / count
        workplace = sandbox.workplace(stage)
        prepared = sandbox.prepared(None)
        first = Child(stage.arguments(), workplace, prepared)
        time.sleep(share * seconds)
        second = Child(stage.arguments(), workplace, prepared)
        second_ended, first_ended = second.wait(), first.wait()
        ended = second_ended if first_ended.succeeded else first_ended
        word = f"{first_ended.word} and {second_ended.word}"
        detail = f"the second after {share:.2f} of the run's time"
        row = conclude(sandbox, stage, workplace, TWINS, detail, ended, word=word)
        both = (first_ended, second_ended)
        if not any(one.succeeded for one in both) or not all(one.orderly for one in both):
            told = "; ".join(last_line(one) for one in both)
            row = replace(row, verdict=LOST, message=told)
        yield row
