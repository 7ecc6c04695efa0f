"""A folder of images and its manifest: made from records, resumable, the same for every `-j`."""

from __future__ import annotations

import contextlib
import errno
from collections.abc import Iterator
from pathlib import Path

import matplotlib as mpl

from ekg.errors import ImageError
from ekg.files import folder_lock, read_json, remove_leftovers, write_json
from ekg.images.drawing import warm_up
from ekg.images.drawing_run import DrawingRun, ImageSetSummary
from ekg.images.journal import Journal
from ekg.images.layout import check_size
from ekg.images.manifest import MANIFEST, read_manifest
from ekg.images.pack import PackWriter
from ekg.images.png import read_image
from ekg.images.selection import ImageSetConfig
from ekg.records.opening import find_records
from ekg.workers import Workers

__all__ = ["ImageSetSummary", "make_image_set", "read_image", "read_manifest"]

_SETTINGS, _JOURNAL = ".settings.json", ".journal.jsonl"


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
    start_method: str | None = None,
) -> ImageSetSummary:
    """Draw every slice of every usable record of a folder.

    Parameters
    ----------
    records
        Folder of recordings, searched with the folders below it.
    out
        The image set's folder. What an earlier, interrupted run with the same settings
        finished is kept and checked by file size; the result is that of a single run.
    config
        Size, seed, slices, exclusions; the paper's by default.
    jobs
        Worker processes. The result does not depend on it.
    limit
        Draw the first `limit` usable records in natural order only.
    dataset
        The data set's name, for tables and figures; by default that of the records' folder.
    png, pack
        Write single PNG files; write `pack.npy` and `pack.csv`.
    strict
        Stop at the first record that has to be skipped.
    start_method
        How worker processes start; see `ekg.workers.Workers`.

    Raises
    ------
    EkgError
        If nothing can be drawn, another run is at work in the folder, the folder was made with
        other settings, the disk is full, or, with `strict`, a record is skipped.
    """
    config = config or ImageSetConfig()
    check_size(config.size)
    if jobs < 1 or (limit is not None and limit < 1):
        raise ImageError("the number of processes and the limit must be at least 1")
    if not png and not pack:
        raise ImageError("neither single images nor a pack are asked for")
    headers = find_records(records)
    out = Path(out)
    with _disk_errors(out), folder_lock(out, "drawing images"):
        _claim_folder(out, config)
        remove_leftovers(out, "all/*/.*")
        with Journal(out / _JOURNAL) as journal, PackWriter(out, config.size) as packer:
            run = DrawingRun(
                out, config, headers, journal, packer,
                limit=limit, png=png, pack=pack, strict=strict,
            )  # fmt: skip
            run.look_at_what_is_there()
            jobs = run.useful_workers(jobs)
            with Workers(jobs, warm_up, (config,), start_method) as workers:
                run.draw(workers)
            return run.finish(dataset or _name_of_dataset(Path(records)))


def _name_of_dataset(records: Path) -> str:
    records = records.resolve()
    return records.parent.name if records.name == "records" else records.name


def _claim_folder(out: Path, config: ImageSetConfig) -> None:
    """Refuse a folder with images of other settings or of another maker."""
    wanted = {**config.pixel_settings(), "matplotlib": mpl.__version__}
    settings = out / _SETTINGS
    if settings.is_file():
        found = read_json(settings)
        for key, value in wanted.items():
            if found.get(key) != value:
                raise ImageError(
                    f"its images were made with {key} {found.get(key)}, now {value} is asked for",
                    path=out,
                    remedy="choose another folder, or delete this one to draw it again",
                )
        return
    if (out / MANIFEST).exists() or any((out / "all").glob("*/*")):
        raise ImageError(
            "holds images that this command did not make",
            path=out,
            remedy="choose another folder",
        )
    write_json(settings, wanted)


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
            + " and run the same command again: what is finished is kept",
        ) from error
