"""What became of each fault: the rows, the CSV file, and the tables of the page."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path

import pandas as pd

from ekg.files import atomic_open

SURVIVED, UNDETECTED, LOST = "survived", "undetected", "lost"


@dataclass(frozen=True)
class Row:
    """One fault."""

    stage: str
    kind: str
    """Kind of fault: `kill -9, any moment`, `full disk`, ..."""
    detail: str
    """Where, when or how much."""
    ended: str
    """How the disturbed run ended: killed, success, own error, skipped or told
    (done, with a line about it), or a status that may not be."""
    message: str
    """The project's own line about it, if it ended in one."""
    half_written: str
    """Files under their final name that are neither whole nor refused."""
    leftovers: int
    """Temporary files that are still there after the rerun."""
    rerun: str
    """How the same command ended afterwards, the fault taken away."""
    identical: str
    """Whether the result is then that of an undisturbed run: yes, no, or `-` where not asked."""
    verdict: str
    """survived; undetected: a damage that the format cannot show; lost: everything else."""


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write all rows, atomically."""
    with atomic_open(path) as stream:
        writer = csv.DictWriter(stream, [f.name for f in fields(Row)], lineterminator="\n")
        writer.writeheader()
        writer.writerows(asdict(row) for row in rows)


def read_rows(path: Path) -> pd.DataFrame:
    """Return the rows as text."""
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def counts(table: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return faults tried, survived, undetected and lost for each value of a column, and in all."""
    verdicts = (SURVIVED, UNDETECTED, LOST)
    rows = []
    for value in [*dict.fromkeys(table[by]), "in all"]:
        part = table if value == "in all" else table[table[by] == value]
        rows.append(
            {by: value, "tried": len(part)}
            | {verdict: int((part["verdict"] == verdict).sum()) for verdict in verdicts}
        )
    return pd.DataFrame(rows)
