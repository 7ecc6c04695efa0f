"""The verb `simulate`: its arguments, and what it prints."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

from ekg.options import CORES, Jobs, Scheduler


def run_simulate(
    *,
    out: Annotated[Path, "folder for the records"],
    records: Annotated[int, "number of records (default: %(default)s)"] = 700,
    seed: Annotated[int, "seed of the whole set (default: %(default)s)"] = 44,
    classes: Annotated[
        str | None,
        "comma-separated diagnoses in equal parts, e.g. Normal,AF "
        "(default: the seven classes and a few PAC, PVC and multi-label records)",
    ] = None,
    population: Annotated[
        Literal["textbook", "hospital"],
        "clear findings, or slight ones with others beside them (default: %(default)s)",
    ] = "textbook",
    jobs: Jobs = CORES,
    scheduler: Scheduler = None,
    overwrite: Annotated[bool, "simulate existing records again"] = False,
) -> int:
    """Simulate labelled 12-lead recordings as WFDB records."""
    from ekg.simulator.mix import check_classes
    from ekg.simulator.record_files import SimulationSettings, simulate_folder

    chosen = [name.strip() for name in (classes or "").split(",") if name.strip()]
    settings = SimulationSettings(seed=seed, classes=check_classes(chosen), population=population)
    made, kept = simulate_folder(
        out,
        records,
        settings,
        jobs=jobs,
        scheduler=scheduler,
        overwrite=overwrite,
    )
    print(f"{made:,} records simulated, {kept:,} kept, in {out}", file=sys.stderr)
    return 0
