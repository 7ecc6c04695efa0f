"""A folder of images and its manifest: made from records, resumable, the same for every `-j`."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path, PurePath
from typing import Any

import matplotlib as mpl

from ekg._version import __version__
from ekg.cluster import open_workers
from ekg.errors import EkgError, ImageError
from ekg.files import (
    files_below,
    folder_lock,
    read_json,
    remove_leftovers,
    sha256_of_file,
    write_json,
)
from ekg.images.drawing_run import DrawingRun, ImageSetSummary, summary_of
from ekg.images.journal import Journal
from ekg.images.layout import check_size
from ekg.images.manifest import DESCRIPTION, MANIFEST, read_manifest
from ekg.images.pack_shards import pack_writer
from ekg.images.png import read_image
from ekg.images.record_images import ImageSetConfig, fingerprint, warm_up
from ekg.paths import Address, Place, place_of
from ekg.records.opening import named_records

__all__ = ["ImageSetSummary", "make_image_set", "read_image", "read_manifest"]

_FORMAT = 1
"""Of the folder: raised when a set of an earlier version could no longer be resumed."""
_SETTINGS, _JOURNAL, _STATE = ".settings.json", ".journal.jsonl", ".made-from.json"


def make_image_set(
    records: str | Path,
    out: str | Path,
    config: ImageSetConfig | None = None,
    *,
    jobs: int = 1,
    limit: int | None = None,
    dataset: str | None = None,
    png: bool = True,
    pack: bool = False,
    strict: bool = False,
    unless_current: bool = False,
    start_method: str | None = None,
    scheduler: str | None = None,
) -> ImageSetSummary:
    """Draw every slice of every usable record of a folder.

    `config`: Size, seed, slices, exclusions; the paper's by default; `limit`: Draw the first
    `limit` usable records in natural order only.
    """
    config = config or ImageSetConfig()
    _check_options(config, jobs, limit, png or pack)
    out, source = Path(out), place_of(records)
    if isinstance(source, Path):
        source = source.resolve()
    if scheduler is not None:  # its workers have folders of their own to start from
        out, records = out.resolve(), source
    headers = named_records(records)
    dataset = dataset or _name_of_dataset(source)
    options: dict[str, Any] = {"limit": limit, "png": png, "pack": pack}
    state = _state(source, out.resolve(), config, **options, dataset=dataset)
    if unless_current and not strict and _is_current(out, state):
        return summary_of(out)
    with _disk_errors(out), folder_lock(out, "drawing images"):
        _claim_folder(out, config)
        remove_leftovers(out, "all/*/.*")
        with (
            Journal(out / _JOURNAL) as journal,
            pack_writer(out, config.size, in_shards=scheduler is not None) as packer,
        ):
            _claim_source(out, source, headers, journal)
            run = DrawingRun(out, config, headers, journal, packer, strict=strict, **options)
            run.look_at_what_is_there()
            jobs = run.useful_workers(jobs)
            with open_workers(jobs, scheduler, warm_up, (config,), start_method) as workers:
                run.draw(workers)
            summary = run.finish(dataset, source)
            write_json(out / _STATE, {"source": str(source), "state": state})
            return summary


def _check_options(config: ImageSetConfig, jobs: int, limit: int | None, any_output: bool) -> None:
    check_size(config.size)
    if jobs < 1 or (limit is not None and limit < 1):
        raise ImageError("the number of processes and the limit must be at least 1")
    if not any_output:
        raise ImageError("neither PNG files nor a pack would be written")


def _name_of_dataset(records: Place) -> str:
    path = PurePath(records)
    return path.parent.name if path.name == "records" else path.name


def _claim_folder(out: Path, config: ImageSetConfig) -> None:
    """Refuse a folder with images of other settings or of another maker."""
    wanted = {**config.pixel_settings(), "matplotlib": mpl.__version__}
    settings = out / _SETTINGS
    if settings.is_file():
        found = read_json(settings)
        # The first version did not write its number.
        if (version := found.get("format", 1)) != _FORMAT:
            raise ImageError(
                f"field `format` is {version!r}, must be {_FORMAT}: the set is from another "
                "version of this program",
                path=settings,
                remedy="use that version, or delete the folder to draw it again",
            )
        for key, value in wanted.items():
            if found.get(key) != value:
                raise ImageError(
                    f"its images were made with {key} {found.get(key)}, not {value}",
                    path=out,
                    remedy="choose another folder, or delete this one to draw the set again",
                )
        return
    if (out / MANIFEST).exists() or any((out / "all").glob("*/*")):
        raise ImageError(
            "contains images that this command did not write",
            path=out,
            remedy="choose another folder",
        )
    write_json(settings, {"format": _FORMAT, **wanted})


def _state(source: Place, out: Path, config: ImageSetConfig, **options: Any) -> str | None:
    """Return a checksum of all that decides a set: settings, and the files' names and times.

    None for an address, whose listing need not say whether a file has changed.
    """
    if isinstance(source, Address):
        return None
    digest = hashlib.sha256(
        json.dumps([str(source), asdict(config), options, __version__, mpl.__version__]).encode()
    )
    for path in sorted(files_below(source)):
        if out in path.parents:
            continue
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _is_current(out: Path, state: str | None) -> bool:
    try:
        return state is not None and bool(
            read_json(out / _STATE)["state"] == state
            and read_json(out / DESCRIPTION)["manifest_sha256"] == sha256_of_file(out / MANIFEST)
        )
    except (EkgError, OSError, KeyError, TypeError):
        return False


def _claim_source(out: Path, source: Place, headers: Mapping[str, Place], journal: Journal) -> None:
    """Refuse to turn the set of one folder of records into that of another.

    A folder that was moved or copied, with all the records that the set knows, is no other.
    """
    known = read_json(out / _STATE).get("source") if (out / _STATE).is_file() else None
    if known not in (None, str(source)):
        for name in journal.names():
            entry = journal.get(name) or {}
            header = headers.get(name)
            files = tuple(str(file) for file, _, _ in entry.get("sources", ()))
            if header is None or fingerprint(header, files) != entry.get("sources"):
                raise ImageError(
                    f"contains the images of the records in {known}, not of those in {source}",
                    path=out,
                    remedy="choose another folder, or delete this one to draw the set again",
                )
    # Without a state the set is unfinished: nothing may take it for current.
    write_json(out / _STATE, {"source": str(source)})


@contextlib.contextmanager
def _disk_errors(out: Path) -> Iterator[None]:
    """Say what a full disk or a folder that cannot be written to means here."""
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise ImageError(
            f"cannot be written to ({error.strerror or error})",
            path=out,
            remedy=("free some disk space" if full else "check folder and permissions")
            + " and run the same command again to resume",
        ) from error
