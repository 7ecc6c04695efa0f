"""Read printed EKGs (photographs, scans, PDFs) into recordings."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ekg.strips import ReadOptions
    from ekg.strips.batch import PageJob


def add_read_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.epilog = (
        "Writes a WFDB record, NAME.report.json and NAME.overlay.png for each page. Look at the "
        "overlay before you use a recording. Exit status: 0 when anything was read, 1 when "
        "nothing was, 2 when the command could not start. Not for clinical use."
    )
    parser.add_argument("pages", nargs="+", metavar="PAGE", help="image or PDF")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder for the recordings")
    parser.add_argument("--name", help="name of the record; default: the file's name")
    parser.add_argument("--layout", default="auto", help="auto, or 3x4+1, 6x2, 12x1, 6x1-limb, ...")
    parser.add_argument("--speed", type=float, help="mm/s; default: from the page")
    parser.add_argument("--gain", type=float, help="mm/mV; default: from the page")
    parser.add_argument(
        "--corners",
        metavar="X,Y:X,Y:X,Y:X,Y",
        help="corners of the paper in the image's pixels, clockwise from its upper left",
    )
    parser.add_argument(
        "--options", metavar="JSON", help="a file with layout, speed, gain and corners"
    )
    parser.add_argument(
        "--keep-page", action="store_true", help="show all of the page in the overlay"
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, help="pages read at a time"
    )


def run_read(arguments: argparse.Namespace) -> int:
    """Read printed EKGs (photographs, scans, PDFs) into recordings."""
    from ekg.errors import EkgError
    from ekg.strips.batch import PageJob, read_batch
    from ekg.strips.read import record_name

    options = _options(arguments)
    if arguments.jobs < 1:
        raise EkgError(f"--jobs is {arguments.jobs}, expected at least 1")
    paths = [Path(page) for page in arguments.pages]
    if arguments.name is not None and len(paths) > 1:
        raise EkgError("--name names one record", remedy="give one page with it")
    if arguments.name is not None and record_name(Path(arguments.name + ".x")) != arguments.name:
        raise EkgError(
            f"--name {arguments.name!r} is not a record name", remedy="use letters, digits, - and _"
        )
    jobs = [
        PageJob(path, arguments.name or record_name(path), Path(arguments.out), options)
        for path in paths
    ]
    _refuse_twice(jobs)
    counts = {"read": 0, "read in part": 0, "refused": 0}
    for outcome in read_batch(jobs, arguments.jobs):
        counts[outcome.outcome] += max(1, outcome.records)
        if outcome.line:
            print(outcome.line, file=sys.stderr)
    print(
        f"{counts['read']} read, {counts['read in part']} read in part, "
        f"{counts['refused']} refused. Not for clinical use."
    )
    return 0 if counts["read"] + counts["read in part"] else 1


def _options(arguments: argparse.Namespace) -> ReadOptions:
    from dataclasses import replace

    from ekg.errors import EkgError
    from ekg.strips.read import ReadOptions, options_from_json

    options = ReadOptions()
    if arguments.options is not None:
        options = options_from_json(arguments.options)
    given: dict[str, object] = {"keep_page": arguments.keep_page}
    if arguments.layout != "auto":
        given["layout"] = arguments.layout
    for name in ("speed", "gain"):
        if getattr(arguments, name) is not None:
            given[name] = getattr(arguments, name)
    if arguments.corners is not None:
        try:
            given["corners"] = tuple(
                tuple(float(value) for value in point.split(","))
                for point in arguments.corners.split(":")
            )
        except ValueError:
            raise EkgError(
                f"--corners is {arguments.corners!r}, expected X,Y:X,Y:X,Y:X,Y"
            ) from None
    return replace(options, **given)  # type: ignore[arg-type]


def _refuse_twice(jobs: list[PageJob]) -> None:
    from ekg.errors import EkgError

    seen: dict[str, Path] = {}
    for job in jobs:
        if job.name.lower() in seen:
            raise EkgError(
                f"{seen[job.name.lower()]} and {job.path} would both be named {job.name}",
                remedy="read them into two folders",
            )
        seen[job.name.lower()] = job.path
