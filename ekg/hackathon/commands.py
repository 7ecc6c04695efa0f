"""The verb `hackathon`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_hackathon_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument(
        "--records", type=Path, required=True, metavar="DIR", help="a folder laid out as ptbdb"
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="images, runs and report go here"
    )
    parser.add_argument(
        "--protocol",
        choices=("images", "patients", "both"),
        default="both",
        help="split by image as in 2019, by patient, or both (%(default)s)",
    )
    parser.add_argument(
        "--train",
        choices=("final", "all", "both"),
        default="final",
        help="train the final layer, the whole network, or both (default: %(default)s)",
    )
    parser.add_argument(
        "--weights",
        default="imagenet",
        metavar="imagenet|FILE|none",
        help="initial weights: torchvision's, a local file of them, or fresh ones",
    )
    parser.add_argument(
        "--per-record",
        type=int,
        default=5,
        metavar="N",
        help="slices a record (default: %(default)s, as in the stored code)",
    )
    parser.add_argument("--epochs", type=int, metavar="N", help="epochs (default: 20)")
    parser.add_argument(
        "--seed", type=int, default=44, help="seed of slices, folds and training (%(default)s)"
    )
    parser.add_argument(
        "-j",
        "--jobs",
        type=int,
        default=os.cpu_count() or 1,
        help="drawing processes (default: all cores)",
    )
    parser.add_argument(
        "--resamples",
        type=int,
        default=10_000,
        metavar="N",
        help="resamples of patients for the intervals; 0 for none (default: %(default)s)",
    )
    parser.add_argument(
        "--simulate",
        type=int,
        default=0,
        metavar="N",
        help="first fill --records with simulated records of N patients of each class",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUE",
        dest="overrides",
        help="change any training setting, e.g. compute.device=cpu (repeatable)",
    )


def run_hackathon(arguments: argparse.Namespace) -> int:
    """Rebuild the 2019 hackathon: ptbdb's images, a network for five classes, two ways to split."""
    from ekg.hackathon import pipeline
    from ekg.hackathon.report import REPORT_PAGE, summary_lines
    from ekg.hackathon.simulated import PtbdbLikeSettings, simulate_ptbdb
    from ekg.hackathon.training import hackathon_config

    parts = ("final", "all") if arguments.train == "both" else (arguments.train,)
    protocols = ("images", "patients") if arguments.protocol == "both" else (arguments.protocol,)
    weights = "" if arguments.weights == "none" else arguments.weights
    overrides = [f"network.weights={weights}", f"training.seed={arguments.seed}"]
    if arguments.epochs is not None:
        overrides.append(f"training.epochs={arguments.epochs}")
    overrides += arguments.overrides
    settings = pipeline.HackathonSettings(
        records=arguments.records,
        out=arguments.out,
        configs={part: hackathon_config(part, overrides) for part in parts},
        protocols=protocols,
        per_record=arguments.per_record,
        seed=arguments.seed,
        jobs=arguments.jobs,
        resamples=arguments.resamples,
    )
    if arguments.simulate:
        simulate_ptbdb(
            arguments.records,
            PtbdbLikeSettings(patients_per_class=arguments.simulate, seed=arguments.seed),
        )
    report = pipeline.run_hackathon(settings)
    print("\n".join(summary_lines(report)))
    print(f"report: {arguments.out / REPORT_PAGE}")
    return 0
