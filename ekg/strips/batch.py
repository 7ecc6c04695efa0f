"""Read many files, several at a time, with progress; what was read before is not read again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ekg.errors import EkgError
from ekg.files import folder_lock, read_json, write_json
from ekg.progress import Progress
from ekg.strips.read import ReadOptions, read_pages
from ekg.strips.writing import fingerprint, write_reading
from ekg.workers import Lost, Workers, in_order


@dataclass(frozen=True)
class PageJob:
    """A file to be read."""

    path: Path
    name: str
    folder: Path
    options: ReadOptions


@dataclass(frozen=True)
class PageOutcome:
    """What became of a file."""

    outcome: str
    """`read`, `read in part` or `refused`."""
    records: int
    line: str
    """What the user is told; empty where everything was read."""


def read_batch(jobs: Sequence[PageJob], processes: int) -> Iterator[PageOutcome]:
    """Read files and write what was found; the outcomes come in the order of the files."""
    folder = jobs[0].folder
    with (
        folder_lock(folder, "reading pages"),
        Progress(len(jobs), "reading", "page") as progress,
        Workers(min(processes, len(jobs))) as workers,
    ):
        for job, outcome in in_order(workers, _read, zip(jobs, jobs, strict=True)):
            if isinstance(outcome, Lost):
                yield PageOutcome("refused", 0, str(EkgError(outcome.reason, path=job.path)))
            else:
                yield outcome
            progress.update()


def _read(job: PageJob) -> PageOutcome:
    report_path = job.folder / f"{job.name}.report.json"
    try:
        mark = fingerprint(job.path, job.options)
        known = _known(job, mark)
        if known is not None:
            return known
        readings = read_pages(job.path, job.options, job.name)
    except OSError as error:
        problem = EkgError(f"cannot be read ({error.strerror})", path=job.path)
        return PageOutcome("refused", 0, str(problem))
    except EkgError as error:
        if job.path.is_file():
            write_json(
                report_path,
                {
                    "file": job.path.name,
                    "outcome": "refused",
                    "reason": error.problem,
                    "what_to_do": error.remedy,
                },
            )
        return PageOutcome("refused", 0, str(error))
    lines, in_part = [], False
    for reading in readings:
        reading.report["fingerprint"] = mark
        reading.report["records"] = [one.record.name for one in readings]
        write_reading(reading, job.folder)
        if reading.report["outcome"] != "read":
            in_part = True
            lost = [lead for page in reading.report["pages"] for lead in page["refused_leads"]]
            lines.append(f"{job.path}: read without {', '.join(lost)}")
        lines.extend(f"{job.path}: {warning}" for warning in reading.report["warnings"])
    return PageOutcome("read in part" if in_part else "read", len(readings), "\n".join(lines))


def _known(job: PageJob, mark: str) -> PageOutcome | None:
    """Return the outcome of an earlier run that read the same file with the same options."""
    for name in (job.name, f"{job.name}-p1"):
        path = job.folder / f"{name}.report.json"
        if not path.is_file():
            continue
        try:
            report = read_json(path)
        except EkgError:
            continue
        if not isinstance(report, dict) or report.get("fingerprint") != mark:
            continue
        names = [str(one) for one in report.get("records", [])]
        endings = (".hea", ".dat", ".overlay.png", ".report.json")
        if names and all((job.folder / (one + end)).is_file() for one in names for end in endings):
            return PageOutcome(str(report["outcome"]), len(names), f"{job.path}: read before")
    return None
