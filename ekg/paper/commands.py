"""The verb `paper`: its arguments, and what it prints."""

from __future__ import annotations

from typing import Annotated

from ekg.options import CORES, Option
from ekg.paths import needs_clone


def run_paper(
    *,
    run_name: Annotated[
        str,
        Option(
            "run folder or stored model; `published` for the paper's own results",
            "RUN",
            ("--run",),
        ),
    ],
    images: Annotated[str, "the image set, for example images"] = "",
    out: Annotated[str | None, "output folder (default: paper/output/<run>)"] = None,
    title: Annotated[str, "the dataset's name for titles"] = "",
    notebook: Annotated[
        list[str] | None,
        Option(
            "execute this notebook alone, without the report (repeatable)", "NAME", repeated=True
        ),
    ] = None,
    report: Annotated[bool, "write the report alone, from notebooks executed before"] = False,
    jobs: Annotated[int, Option("parallel notebooks", names=("-j", "--jobs"))] = CORES,
) -> int:
    """Draw the figures, tables and report of a run, from its saved results."""
    needs_clone("paper", "the notebooks (paper/notebooks)")
    from pathlib import Path

    from ekg.errors import EkgError
    from ekg.paper.notebooks import notebook_names, run_notebooks
    from ekg.paper.output import default_output
    from ekg.paper.report import write_report
    from ekg.paper.run_files import open_run

    if jobs < 1:
        raise EkgError("--jobs must be at least 1")
    # Paths on the command line start where the user is; notebooks get them in full.
    here = Path(run_name)
    run_name = str(here.resolve()) if here.is_dir() else run_name
    images = str(Path(images).resolve()) if images else ""
    files = open_run(run_name, images, title)
    output = Path(out).resolve() if out else default_output(files)
    if not report:
        parameters = {
            "run": run_name,
            "images": images,
            "output": str(output),
            "dataset_title": title,
        }
        names = notebook or notebook_names()
        run_notebooks(names, output, parameters, jobs)
    if not notebook:
        print(write_report(files, output))
    return 0
