"""What every notebook starts with: the files of its run and a place for its figures."""

from __future__ import annotations

from pathlib import Path

from ekg.paper.output import Output
from ekg.paper.run_files import PROJECT, RunFiles, absolute, open_run


def default_output(run: RunFiles) -> Path:
    """Return `paper/output/<run>`."""
    name = "published" if run.is_published else run.folder.name
    return PROJECT / "paper" / "output" / name


def open_topic(
    topic: str, heading: str, run: str, images: str, output: str, dataset_title: str
) -> tuple[RunFiles, Output]:
    """Return the run's files and the notebook's output.

    Parameters
    ----------
    topic
        The notebook's name (`3_results`).
    heading
        Its heading in the report.
    run, images, output, dataset_title
        The notebook's parameters; nothing means the newest run, no images, the folder
        `paper/output/<run>`, and the dataset's name as the results say.
    """
    files = open_run(run, images, dataset_title)
    folder = absolute(output) if output else default_output(files)
    return files, Output(folder, topic, heading)
