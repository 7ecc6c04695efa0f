"""Disturb every stage of the pipeline and check the results; writes a CSV file and a table.

python -m campaigns.faults [--stages images train] [--kills 25] [--write]
"""

from __future__ import annotations

import argparse
import encodings
import importlib
import os
import pkgutil
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

# Before anything counts the cores: a process that has other threads cannot be forked safely.
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OPENBLAS_NUM_THREADS"] = "1"
os.environ["MKL_NUM_THREADS"] = "1"

import pandas as pd

from campaigns.faults import clocks, damage, disks, kills
from campaigns.faults.sandbox import Sandbox
from campaigns.faults.stages import SIZE, STAGES, Stage
from campaigns.faults.table import LOST, Row, counts, read_rows, write_rows
from ekg.markdown import put_table, table_lines

_ROOT = Path(__file__).resolve().parents[2]
KINDS = {
    "moments": (kills.MOMENT,),
    "writes": (kills.WRITE,),
    "disk": (disks.FULL,),
    "read-only": (disks.READ_ONLY,),
    "denied": (disks.DENIED,),
    "damage": (damage.TRUNCATED, damage.FLIPPED),
    "clock": (clocks.CLOCK,),
    "twins": (clocks.TWINS,),
}
"""What may be asked for, and what it is called in the table."""

_PAGE = _ROOT / "docs" / "testing.md"
_CSV = _ROOT / "benchmarks" / "faults.csv"
_KILLS_OF_SHORT_STAGES = 8
_ALWAYS = ("ekg.cli", "ekg.records", "ekg.simulator", "ekg.images.image_set")
_MEMORY_DISK, _ROOM = Path("/dev/shm"), 1 << 28


def faults_of(sandbox: Sandbox, stage: Stage, asked: argparse.Namespace) -> Iterator[Row]:
    """Do all that is asked for to one stage."""
    kills_asked = asked.kills if stage.main else min(asked.kills, _KILLS_OF_SHORT_STAGES)
    if "moments" in asked.kinds:
        yield from kills.at_moments(sandbox, stage, kills_asked, asked.seed)
    if "writes" in asked.kinds:
        yield from kills.at_writes(sandbox, stage, asked.writes, asked.seed)
    if "disk" in asked.kinds:
        yield from disks.full(sandbox, stage, asked.sizes)
    if "read-only" in asked.kinds:
        yield from disks.read_only(sandbox, stage)
    if "denied" in asked.kinds:
        yield from disks.denied(sandbox, stage, asked.seed)
    if "damage" in asked.kinds:
        yield from damage.damaged(sandbox, stage, asked.truncations, asked.flips, asked.seed)
    if "clock" in asked.kinds:
        yield from clocks.set_back(sandbox, stage)
    if "twins" in asked.kinds:
        yield from clocks.twins(sandbox, stage, asked.twins)


def prepare_for_forking(stages: list[Stage]) -> None:
    """Import and warm up all that the stages use: a forked child then starts at once."""
    used = {name for stage in stages for name in (*stage.uses, *_ALWAYS)}
    for name in sorted(used):
        package = importlib.import_module(name)
        for module in pkgutil.walk_packages(getattr(package, "__path__", ()), f"{name}."):
            if not module.name.endswith("__main__"):
                importlib.import_module(module.name)
    for module in pkgutil.iter_modules(encodings.__path__):
        # Another user may have no right to read Python's own folder.
        if module.name not in ("mbcs", "oem"):
            importlib.import_module(f"encodings.{module.name}")
    if "ekg.images" in used or "ekg" in used:
        from ekg.images.record_images import ImageSetConfig, warm_up

        warm_up(ImageSetConfig(size=SIZE))
    if "ekg" in used:
        from ekg.predict.saliency import empty_page

        empty_page(SIZE)


def _place() -> Path:
    """Return where workplaces are: in memory where there is room, for nothing is kept of them."""
    memory = _MEMORY_DISK.is_dir() and os.access(_MEMORY_DISK, os.W_OK)
    if memory and shutil.disk_usage(_MEMORY_DISK).free > _ROOM:
        return _MEMORY_DISK
    return Path(tempfile.gettempdir())


def campaign(asked: argparse.Namespace) -> list[Row]:
    """Disturb stage after stage; one line each on standard error."""
    prepare_for_forking([STAGES[name] for name in asked.stages])
    rows: list[Row] = []
    with tempfile.TemporaryDirectory(
        prefix="ekg-faults-", dir=_place(), ignore_cleanup_errors=True
    ) as folder:
        Path(folder).chmod(0o755)  # another user must be able to read what is in it
        sandbox = Sandbox(Path(folder) / "w")
        try:
            for name in asked.stages:
                begin, before = time.monotonic(), len(rows)
                for row in faults_of(sandbox, STAGES[name], asked):
                    rows.append(row)
                    if asked.verbose or row.verdict == LOST:
                        print(row, file=sys.stderr, flush=True)
                mine = rows[before:]
                lost = sum(row.verdict == LOST for row in mine)
                print(
                    f"{name}: {len(mine)} faults, {lost} lost, {time.monotonic() - begin:.0f} s",
                    file=sys.stderr,
                    flush=True,
                )
        finally:
            sandbox.close()
    return rows


def tables_of(csv_file: Path) -> dict[str, pd.DataFrame]:
    """Return the page's tables, by their marks."""
    rows = read_rows(csv_file)
    return {
        "fault-kinds": counts(rows, "kind"),
    }


def page_tables() -> dict[str, list[str]]:
    """Return the lines of the page's tables, by their marks, for `make verify`."""
    return {
        mark: table_lines(table, list(table.columns)) for mark, table in tables_of(_CSV).items()
    }


def write_page(csv_file: Path) -> None:
    """Put the tables of a campaign into the page."""
    for mark, table in tables_of(csv_file).items():
        put_table(_PAGE, mark, table, list(table.columns))


def rows_of_others(csv_file: Path, asked: argparse.Namespace) -> list[Row]:
    """Return the rows of stages and kinds that are not tried this time."""
    if not csv_file.is_file():
        return []
    table = read_rows(csv_file)
    kinds = [name for kind in asked.kinds for name in KINDS[kind]]
    again = table["stage"].isin(asked.stages) & table["kind"].isin(kinds)
    return [
        Row(**{str(name): value for name, value in row.items()})
        for row in table[~again].to_dict("records")
    ]


def place_of(row: Row) -> tuple[int, int]:
    """Return where a row is in the table: by stage, then by kind, in the order of trying."""
    names = [name for kind in KINDS.values() for name in kind]
    return list(STAGES).index(row.stage), names.index(row.kind)


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    made = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    made.add_argument("--stages", nargs="+", choices=list(STAGES), default=list(STAGES))
    made.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    made.add_argument("--kills", type=int, default=25, help="at random moments, each stage")
    made.add_argument("--writes", type=int, default=10, help="kills at a write, each stage")
    made.add_argument("--sizes", type=int, default=7, help="sizes of the full disk, at most 7")
    made.add_argument("--truncations", type=int, default=3, help="of each kind of input, at most 3")
    made.add_argument("--flips", type=int, default=6, help="of each kind of input")
    made.add_argument("--twins", type=int, default=4, help="starts of a second run")
    made.add_argument("--seed", type=int, default=44)
    made.add_argument("--out", type=Path, help="the CSV file to write")
    made.add_argument("--keep", action="store_true", help="keep other stages and kinds in --out")
    made.add_argument("--write", action="store_true", help=f"--out {_CSV.name}, and the page")
    made.add_argument("--verbose", action="store_true", help="print every fault, not the lost only")
    return made


def main() -> int:
    """Run the campaign; status 1 if a fault was lost."""
    asked = parser().parse_args()
    warnings.filterwarnings("ignore")
    out = _CSV if asked.write else asked.out
    rows = campaign(asked)
    if out:
        kept = rows_of_others(out, asked) if asked.keep else []
        write_rows(out, sorted(kept + rows, key=place_of))
    if asked.write:
        write_page(_CSV)
    lost = [row for row in rows if row.verdict == LOST]
    survived = sum(row.verdict == "survived" for row in rows)
    print(
        f"{len(rows)} faults tried, {survived} survived, "
        f"{len(rows) - survived - len(lost)} undetected, {len(lost)} lost"
    )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
