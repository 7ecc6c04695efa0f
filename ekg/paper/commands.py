"""The verb `paper`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
import os

from ekg.paths import needs_clone


def add_paper_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's options."""
    parser.add_argument(
        "--run",
        dest="run_name",
        required=True,
        metavar="RUN",
        help="run folder or stored model; `published` for the paper's own results",
    )
    parser.add_argument("--images", default="", help="the image set, for example images")
    parser.add_argument("--out", help="output folder (default: paper/output/<run>)")
    parser.add_argument("--title", default="", help="the dataset's name for titles")
    parser.add_argument(
        "--notebook",
        action="append",
        metavar="NAME",
        help="execute this notebook alone, without the report (repeatable)",
    )
    parser.add_argument(
        "--report",
        action="store_true",
        help="write the report alone, from notebooks executed before",
    )
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, help="parallel notebooks"
    )


def run_paper(arguments: argparse.Namespace) -> int:
    """Draw the figures, tables and report of a run, from its saved results."""
    needs_clone("paper", "the notebooks (paper/notebooks)")
    from pathlib import Path

    from ekg.errors import EkgError
    from ekg.paper.notebooks import notebook_names, run_notebooks
    from ekg.paper.output import default_output
    from ekg.paper.report import write_report
    from ekg.paper.run_files import open_run

    if arguments.jobs < 1:
        raise EkgError("--jobs must be at least 1")
    # Paths on the command line start where the user is; notebooks get them in full.
    here = Path(arguments.run_name)
    run_name = str(here.resolve()) if here.is_dir() else arguments.run_name
    images = str(Path(arguments.images).resolve()) if arguments.images else ""
    files = open_run(run_name, images, arguments.title)
    output = Path(arguments.out).resolve() if arguments.out else default_output(files)
    if not arguments.report:
        parameters = {
            "run": run_name,
            "images": images,
            "output": str(output),
            "dataset_title": arguments.title,
        }
        names = arguments.notebook or notebook_names()
        run_notebooks(names, output, parameters, arguments.jobs)
    if not arguments.notebook:
        print(write_report(files, output))
    return 0
