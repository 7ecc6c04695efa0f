"""The verbs `best-model`, `convert`, `download`: their arguments, and what they print."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from ekg.options import Fs, Option, Unit

if TYPE_CHECKING:
    from ekg.datasets.download import Outcome, Plan
    from ekg.datasets.registry import Source


def run_best_model(
    *,
    from_path: Annotated[
        Path | None,
        Option(
            "take the files from a local copy (flat, nested or an archive)", "PATH", ("--from",)
        ),
    ] = None,
    out: Annotated[Path | None, "default: the model's folder"] = None,
) -> int:
    """Fetch the paper's published weights, history and predictions, verified."""
    from ekg.datasets.published_model import fetch_published_model
    from ekg.paths import PUBLISHED_FOLDER, needs_clone

    if out is None:
        needs_clone("best-model without --out", "the folder best_model_for_paper")
    folder = out or PUBLISHED_FOLDER
    files = fetch_published_model(folder, from_path=from_path)
    print(f"published model: {len(files)} files in {folder}, all verified")
    return 0


def run_convert(
    paths: Annotated[list[Path], Option("recordings, or folders of them", "FILE")],
    *,
    out: Annotated[Path, Option("the WFDB records", "DIR")],
    keep_metadata: Annotated[
        bool, "also write what the file says of patient, place and time"
    ] = False,
    labels: Annotated[
        Literal["machine"] | None,
        "write a `Dx` line where the machine's own statements name exactly one class",
    ] = None,
    fs: Fs = None,
    unit: Unit = None,
) -> int:
    """Write recordings of any format as WFDB, without anything personal.

    Names, dates, ids and free text stay behind unless --keep-metadata is given. The name of the
    new record is that of the file. Exit status: 0 when everything was written, 1 when some files
    were refused, 2 when the command could not start.
    """
    from ekg.datasets.conversion import convert
    from ekg.errors import EkgError

    written = refused = 0
    for path, outcome in convert(
        paths,
        out,
        keep_metadata=keep_metadata,
        machine_labels=labels == "machine",
        fs=fs,
        unit=unit,
    ):
        if isinstance(outcome, EkgError):
            refused += 1
            print(f"refused {outcome}", file=sys.stderr)
            continue
        written += 1
        print(f"{path}: {outcome.header}")
        for note in outcome.notes:
            print(f"  {note}")
    print(f"{written} written to {out}, {refused} refused. Not for clinical use.")
    return 1 if refused else 0


def run_download(
    dataset: Annotated[str | None, Option("a name from --list", "DATASET")] = None,
    *,
    list_all: Annotated[bool, Option("print the data sets and end", names=("--list",))] = False,
    out: Annotated[Path | None, "default: data/DATASET/records"] = None,
    dry_run: Annotated[bool, "print the size and what is missing; fetch nothing"] = False,
    jobs: Annotated[int, Option("parallel connections (1 to 16)", "N", ("-j", "--jobs"))] = 8,
    from_url: Annotated[
        list[str] | None, Option("use this mirror (repeatable)", "BASE", repeated=True)
    ] = None,
    verify: Annotated[
        bool, "hash every file again (else those of unchanged size and time count as verified)"
    ] = False,
    from_path: Annotated[
        Path | None,
        Option(
            "take the files from a local folder or archive instead of the network",
            "PATH",
            ("--from",),
        ),
    ] = None,
) -> int:
    """Fetch a public data set: parallel, resumable, every file verified."""
    from ekg.datasets.download import obtain
    from ekg.datasets.registry import check_address, read_registry, source_named
    from ekg.errors import DownloadError

    if list_all or not dataset:
        for source in read_registry().values():
            size = f"about {source.about_bytes / 1e9:.1f} GB" if source.checksums else "0.9 MB"
            print(f"{source.name:16} {size:13} {source.licence.split(':')[0]}; {source.purpose}")
        return 0 if list_all else 2
    source = source_named(dataset)
    if from_url:
        addresses = tuple(base.rstrip("/") + "/" for base in from_url)
        for address in addresses:
            check_address(address)
        source = dataclasses.replace(source, addresses=addresses)
    if not 1 <= jobs <= 16:
        raise DownloadError(f"-j is {jobs}", remedy="choose 1 to 16 connections")
    folder = out or Path("data") / source.name / "records"
    if dry_run:
        return _dry_run(source, folder)
    print(
        f"{source.title}\n{_size_of(source)}; licence {source.licence}; please cite: "
        f"{source.citation}",
        file=sys.stderr,
    )
    plan, outcome = obtain(source, folder, jobs=jobs, from_path=from_path, verify=verify)
    _report(plan, outcome)
    return 0


def _size_of(source: Source) -> str:
    records = f"{source.records:,} records, " if source.records else ""
    return f"{records}about {source.about_bytes / 1e6:,.0f} MB"


def _report(plan: Plan, outcome: Outcome) -> None:
    from ekg.datasets.download import FAILURES_NAME, by_hand
    from ekg.errors import DownloadError

    have = len(plan.present) + outcome.fetched
    if outcome.failures:
        file, reason = next(iter(sorted(outcome.failures.items())))
        raise DownloadError(
            f"{have:,} of {len(plan.files):,} files are here; {len(outcome.failures):,} could "
            f"not be fetched, first {file}: {reason}; {FAILURES_NAME} lists them"
            + ("" if have else f"; {by_hand(plan.source, plan.folder)}"),
            path=plan.folder,
            remedy="run the same command again to resume",
        )
    print(
        f"{plan.source.name}: {len(plan.files):,} files in {plan.folder}, all verified "
        f"({outcome.fetched:,} new)"
    )
    records = sum(file.local.endswith(".hea") for file in plan.files)
    if plan.source.records is not None and records != plan.source.records:
        print(
            f"note: the publisher's list has {records:,} records, the registry expects "
            f"{plan.source.records:,}; if the list was cut short, remove "
            f"{plan.folder / (plan.source.checksums or '')} and run again",
            file=sys.stderr,
        )


def _dry_run(source: Source, folder: Path) -> int:
    """Print what a download would do; the publisher's list is fetched but not kept."""
    import shutil
    import tempfile

    from ekg.datasets.download import by_hand, list_files, make_plan
    from ekg.datasets.fetch import Fetcher
    from ekg.errors import DownloadError

    print(f"{source.name}: {source.title}")
    print(f"size: {_size_of(source)}; licence: {source.licence}")
    print(f"folder: {folder}")
    print(f"from: {', then '.join(source.addresses)}")
    parent = next(p for p in [folder, *folder.absolute().parents] if p.is_dir())
    print(f"free on that disk: {shutil.disk_usage(parent).free / 1e9:,.1f} GB")
    kept = source.checksums is None or (folder / source.checksums).exists()
    try:
        with tempfile.TemporaryDirectory() as elsewhere, Fetcher() as fetcher:
            files = list_files(source, folder if kept else Path(elsewhere), fetcher)
    except DownloadError as error:
        print(f"files: unknown, since the list {error.problem}")
        print(f"by hand: {by_hand(source, folder)}")
        return 0
    plan = make_plan(source, folder, files)
    print(f"files: {len(files):,}, here and verified: {len(plan.present):,}")
    if plan.missing:
        examples = ", ".join(file.local for file in plan.missing[:3])
        print(
            f"missing: {len(plan.missing):,} files, about {plan.bytes_missing / 1e6:,.0f} MB "
            f"({examples}{', ...' if len(plan.missing) > 3 else ''})"
        )
    else:
        print("missing: nothing")
    return 0
