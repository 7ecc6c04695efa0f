"""The verb `hackathon`: its arguments, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from ekg.options import CORES, Option


def run_hackathon(
    *,
    records: Annotated[Path, Option("a folder laid out as ptbdb", "DIR")],
    out: Annotated[Path, Option("images, runs and report go here", "DIR")],
    protocol: Annotated[
        Literal["images", "patients", "both"],
        "split by image as in 2019, by patient, or both (%(default)s)",
    ] = "both",
    train: Annotated[
        Literal["final", "all", "both"],
        "train the final layer, the whole network, or both (default: %(default)s)",
    ] = "final",
    weights: Annotated[
        str,
        Option(
            "initial weights: torchvision's, a local file of them, or fresh ones",
            "imagenet|FILE|none",
        ),
    ] = "imagenet",
    per_record: Annotated[
        int, Option("slices a record (default: %(default)s, as in the stored code)", "N")
    ] = 5,
    epochs: Annotated[int | None, Option("epochs (default: 20)", "N")] = None,
    seed: Annotated[int, "seed of slices, folds and training (%(default)s)"] = 44,
    jobs: Annotated[
        int, Option("drawing processes (default: all cores)", names=("-j", "--jobs"))
    ] = CORES,
    resamples: Annotated[
        int,
        Option("resamples of patients for the intervals; 0 for none (default: %(default)s)", "N"),
    ] = 10_000,
    simulate: Annotated[
        int,
        Option("first fill --records with simulated records of N patients of each class", "N"),
    ] = 0,
    overrides: Annotated[
        Sequence[str],
        Option(
            "change any training setting, e.g. compute.device=cpu (repeatable)",
            "SECTION.FIELD=VALUE",
            ("--set",),
            repeated=True,
        ),
    ] = (),
) -> int:
    """Rebuild the 2019 hackathon: ptbdb's images, a network for five classes, two ways to split."""
    from ekg.hackathon import pipeline
    from ekg.hackathon.report import REPORT_PAGE, summary_lines
    from ekg.hackathon.simulated import PtbdbLikeSettings, simulate_ptbdb
    from ekg.hackathon.training import hackathon_config

    parts = ("final", "all") if train == "both" else (train,)
    protocols = ("images", "patients") if protocol == "both" else (protocol,)
    weights = "" if weights == "none" else weights
    changes = [f"network.weights={weights}", f"training.seed={seed}"]
    if epochs is not None:
        changes.append(f"training.epochs={epochs}")
    changes += overrides
    settings = pipeline.HackathonSettings(
        records=records,
        out=out,
        configs={part: hackathon_config(part, changes) for part in parts},
        protocols=protocols,
        per_record=per_record,
        seed=seed,
        jobs=jobs,
        resamples=resamples,
    )
    if simulate:
        simulate_ptbdb(
            records,
            PtbdbLikeSettings(patients_per_class=simulate, seed=seed),
        )
    report = pipeline.run_hackathon(settings)
    print("\n".join(summary_lines(report)))
    print(f"report: {out / REPORT_PAGE}")
    return 0
