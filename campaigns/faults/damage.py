"""Inputs that were cut short or have one bit turned over, as a failing disk or copy leaves them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ekg.seeds import generator_for

from .conclusion import conclude
from .disks import choose, of_other_records
from .process import Ended
from .sandbox import Sandbox
from .stages import Stage
from .table import LOST, SURVIVED, UNDETECTED, Row

TRUNCATED, FLIPPED = "truncated input", "flipped bit"


def damaged(
    sandbox: Sandbox, stage: Stage, truncations: int, flips: int, seed: int
) -> Iterator[Row]:
    """Damage one file of each kind of input in several places, one at a time.

    The damaged file keeps its time of change, and so does the repaired one: nothing but the
    bytes (and the size) can tell.
    """
    for kind, pattern in stage.inputs.items():
        for number in range(truncations):
            yield _one(sandbox, stage, kind, pattern, TRUNCATED, number, seed)
        for number in range(flips):
            yield _one(sandbox, stage, kind, pattern, FLIPPED, number, seed)


def _one(
    sandbox: Sandbox, stage: Stage, kind: str, pattern: str, how: str, number: int, seed: int
) -> Row:
    workplace = sandbox.workplace(stage)
    name = f"{stage.name}/{kind}/{how}/{number}"
    victim = choose(sorted(workplace.glob(pattern)), seed, name)
    whole, status = victim.read_bytes(), victim.stat()
    generator = generator_for(seed, f"{name}/place")
    if how == TRUNCATED:
        # The first is cut to nothing, the last loses its last byte.
        place = (0, int(generator.integers(1, len(whole))), len(whole) - 1)[min(number, 2)]
        content, where = whole[:place], f"cut to {place} of {len(whole)} bytes"
    else:
        place, bit = int(generator.integers(len(whole))), int(generator.integers(8))
        content = whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :]
        where = f"bit {bit} of byte {place} of {len(whole)}"
    _put(victim, content, status)
    detail = f"{kind}: {victim.relative_to(workplace).as_posix()}, {where}"
    ended = sandbox.run(stage, workplace)
    half = sandbox.half_written(stage, workplace)
    if ended.succeeded:
        return _after_success(sandbox, stage, workplace, how, detail, ended, half, victim, whole)
    # The damaged file may itself be in the output folder.
    half = [line for line in half if victim.name not in line]
    _put(victim, whole, status)
    row = conclude(sandbox, stage, workplace, how, detail, ended, half_written=half)
    if ended.is_own_error and not _names(victim, ended.error_line):
        return replace(row, ended="own error, file not named", verdict=LOST)
    return row


def _after_success(
    sandbox: Sandbox,
    stage: Stage,
    workplace: Path,
    how: str,
    detail: str,
    ended: Ended,
    half: list[str],
    victim: Path,
    whole: bytes,
) -> Row:
    """Tell reported, harmless and undetected damage apart."""
    reference = sandbox.reference(stage).result
    status = victim.stat()
    for word, begin in (("skipped", f"skipped {victim.stem}:"), ("told", f"note: {victim.name} ")):
        said = [line for line in ended.text.splitlines() if line.startswith(begin)]
        if said:
            # What was told may bear on every file; what was skipped on its own record's alone.
            others = [line for line in half if of_other_records(line, victim.stem)]
            _put(victim, whole, status)
            row = conclude(
                sandbox,
                stage,
                workplace,
                how,
                detail,
                ended,
                half_written=others if word == "skipped" else [],
                word=word,
            )
            return replace(row, message=said[0])
    result = stage.result(workplace)
    own = {name for name, path in stage.files(workplace).items() if path == victim}
    differs = {n for n in result.keys() | reference if result.get(n) != reference.get(n)} - own
    if not differs:
        _put(victim, whole, status)
        return conclude(sandbox, stage, workplace, how, detail, ended, half_written=[])
    sandbox.discard(workplace)
    shown = differs == {stage.describes}
    return Row(
        stage=stage.name,
        kind=how,
        detail=detail,
        ended=ended.word,
        message=f"{stage.describes} alone differs: it names what was read" if shown else "",
        half_written="" if shown else "; ".join(half),
        leftovers=0,
        rerun="-",
        identical="-",
        verdict=SURVIVED if shown else UNDETECTED,
    )


def _put(path: Path, content: bytes, status: os.stat_result) -> None:
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _names(victim: Path, line: str) -> bool:
    return victim.name in line or victim.stem in line
