"""What is asked after every fault, whatever it was."""

from __future__ import annotations

from pathlib import Path

from .process import Ended
from .sandbox import Sandbox
from .stages import Stage, leftovers_of
from .table import LOST, SURVIVED, Row


def conclude(
    sandbox: Sandbox,
    stage: Stage,
    workplace: Path,
    kind: str,
    detail: str,
    ended: Ended,
    *,
    half_written: list[str] | None = None,
    word: str = "",
) -> Row:
    """Run the command again, the fault taken away, and compare with an undisturbed run."""
    reference = sandbox.reference(stage)
    if half_written is None:
        half_written = sandbox.half_written(stage, workplace)
    again = sandbox.run(stage, workplace)
    identical = again.succeeded and stage.result(workplace) == reference.result
    leftovers = len(leftovers_of(workplace / stage.out))
    survived = ended.orderly and not half_written and identical
    message = ended.error_line or ("" if ended.orderly else last_line(ended))
    row = Row(
        stage=stage.name,
        kind=kind,
        detail=detail,
        ended=word or ended.word,
        message=message.replace(f"{workplace}/", ""),
        half_written="; ".join(half_written),
        leftovers=leftovers,
        rerun=again.word if again.succeeded else f"{again.word}: {last_line(again)}",
        identical="yes" if identical else "no",
        verdict=SURVIVED if survived else LOST,
    )
    sandbox.discard(workplace)
    return row


def last_line(ended: Ended) -> str:
    """Return the last line that a run printed."""
    lines = [line.strip() for line in ended.text.splitlines() if line.strip()]
    return lines[-1] if lines else "(nothing printed)"
