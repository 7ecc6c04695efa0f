"""A folder of images and its manifest: made from records, resumable, the same for every `-j`."""

from __future__ import annotations

import contextlib
import csv
import errno
import hashlib
import itertools
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

from ekg._version import __version__
from ekg.errors import EkgError, ImageError
from ekg.files import (
    atomic_open,
    atomic_path,
    files_below,
    folder_lock,
    read_json,
    remove_leftovers,
    sha256_of_file,
    write_json,
)
from ekg.images.journal import Journal
from ekg.images.layout import check_size
from ekg.images.manifest import DESCRIPTION, MANIFEST, MANIFEST_COLUMNS, read_manifest
from ekg.images.pack import PackWriter
from ekg.images.png import read_image
from ekg.images.record_images import (
    ImageSetConfig,
    RecordJob,
    decide,
    draw_record,
    examine,
    fingerprint,
    glance,
    image_name,
    skipped,
    warm_up,
)
from ekg.progress import Progress
from ekg.records.opening import named_records
from ekg.workers import Lost, Workers, in_order

RECORDS, DATASET = "records.csv", "dataset.json"
RECORDS_COLUMNS = (
    "record",
    "diagnoses",
    "sampling_frequency",
    "n_samples",
    "slices",
    "status",
    "reason",
    "warnings",
)


@dataclass(frozen=True)
class ImageSetSummary:
    """What is in a finished image set."""

    folder: Path
    images: int
    kept: int
    excluded: int
    skipped: int
    warned: int
    """Records that are in the set although something is doubtful in them."""
    classes: dict[str, int]
    """Images of each class, most first."""
    untouched: bool = False
    """Whether it was current already, and nothing was done."""


class DrawingRun:
    """One call of `ekg.images.image_set.make_image_set`, in three steps."""

    def __init__(
        self,
        out: Path,
        config: ImageSetConfig,
        headers: dict[str, Path],
        journal: Journal,
        packer: PackWriter,
        *,
        limit: int | None,
        png: bool,
        pack: bool,
        strict: bool,
    ):
        self.out, self.config, self.headers = out, config, headers
        self.journal, self.packer = journal, packer
        self.limit, self.png, self.pack, self.strict = limit, png, pack, strict
        self.done: set[str] = set()
        """Records whose entry in the journal still holds."""
        self.packed = 0
        """So many of the first records are in the pack already."""
        self.expected = self.there = 0
        """Images to draw, images of `done`."""
        self.members: list[str] = []
        """Records of the finished set, in order."""
        self.has_png = True
        """Whether every image of the set has its PNG file."""

    def look_at_what_is_there(self) -> None:
        """Find out what an earlier run finished, and make the pack ready."""
        kept = 0
        pack_matches = True
        for place, (name, header) in enumerate(self.headers.items()):
            seen = glance(header, self.config)
            entry = self.journal.get(name)
            if entry is None or not self._still_holds(entry, header, seen.files):
                self.expected += seen.images
                pack_matches = False
                continue
            self.done.add(name)
            self.there += len(entry["images"])
            if entry["status"] == "kept":
                kept += 1
                pack_matches = pack_matches and self.packer.matches_next(entry)
            if pack_matches:
                self.packed = place + 1
            if kept == self.limit and len(self.done) == place + 1:
                self.headers = dict(itertools.islice(self.headers.items(), place + 1))
                break
        if len(self.done) < len(self.headers):
            # From here on the set is unfinished: nothing may take it for whole.
            for name in (DATASET, MANIFEST, RECORDS):
                (self.out / name).unlink(missing_ok=True)
        all_packed = self.packed == len(self.headers) and self.packer.is_complete
        if self.pack and not all_packed:
            if self.packer.finished:
                self.packed = 0
            self.packer.start(afresh=self.packed == 0)
        elif not self.pack and not all_packed:
            self.packer.discard_finished()

    def _still_holds(self, entry: dict[str, Any], header: Path, files: tuple[str, ...]) -> bool:
        if entry["sources"] != fingerprint(header, files) or "warnings" not in entry:
            return False
        if entry["status"] == "skipped":
            # What kept it from being read (permissions, a bad sector) may have passed without
            # a trace in size and time.
            return examine(header, self.config)[0]["status"] == "skipped"
        if decide(entry["diagnoses"], self.config).status != entry["status"]:
            return False
        return not self.png or all(self._is_whole(entry, n) for n in range(len(entry["images"])))

    def _is_whole(self, entry: dict[str, Any], number: int) -> bool:
        image = self.out / image_name(entry["record"], entry["diagnosis"], number)
        try:
            return bool(image.stat().st_size == entry["images"][number]["bytes"])
        except OSError:
            return False

    def useful_workers(self, jobs: int) -> int:
        """Return how many processes there is work for."""
        redrawn = len(self.headers) - self.packed if self.pack else 0
        return max(1, min(jobs, max(len(self.headers) - len(self.done), redrawn)))

    def draw(self, workers: Workers) -> None:
        """Draw what is missing, in order, keeping the journal after every record."""
        kept = 0

        def may_start(under_way: int) -> bool:
            # Those under way may all be kept: together they never pass the limit, so a run
            # with a limit draws the same records whatever the number of workers.
            return self.limit is None or kept + under_way < self.limit

        work = ((name, self._job(place, name)) for place, name in enumerate(self.headers))
        total = self.there + self.expected if self.limit is None else None
        with Progress(total, "drawing", "image", done=self.there) as progress:
            for name, drawn in in_order(workers, draw_record, work, may_start=may_start):
                if isinstance(drawn, Lost):
                    header = self.headers[name]
                    drawn = {**skipped(header, self.config, drawn.reason), "record": name}
                entry = self._take(name, drawn)
                self.members.append(entry["record"])
                kept += entry["status"] == "kept"
                if entry["record"] not in self.done:
                    progress.update(len(entry["images"]))
                if self.strict and entry["status"] == "skipped":
                    raise ImageError(
                        f"skipped: {entry['reason']}",
                        path=self.headers[name],
                        remedy="repair or remove the record, or run without --strict",
                    )
        if self.strict:
            self._refuse_warnings()

    def _refuse_warnings(self) -> None:
        doubtful = [name for name in self.members if self._entry(name)["warnings"]]
        if doubtful:
            raise ImageError(
                f"{'; '.join(self._entry(doubtful[0])['warnings'])} ({len(doubtful)} of "
                f"{len(self.members)} records give warnings)",
                path=self.headers[doubtful[0]],
                remedy="repair or remove them, or run without --strict",
            )

    def _job(self, place: int, name: str) -> RecordJob | None:
        is_done = name in self.done
        to_pack = self.pack and not self.packer.is_complete and place >= self.packed
        if is_done:
            to_pack = to_pack and self._entry(name)["status"] == "kept"
            if not to_pack:
                return None
        return RecordJob(
            header=self.headers[name],
            name=name,
            folder=self.out,
            config=self.config,
            write_png=self.png and not is_done,
            raw=self.packer.raw_file(name) if to_pack else None,
        )

    def _take(self, name: str, drawn: dict[str, Any] | None) -> dict[str, Any]:
        """Return the record's entry, after noting what was drawn."""
        if name in self.done:
            entry = self._entry(name)
            if drawn is not None and _hashes(drawn) != _hashes(entry):
                raise ImageError(
                    drawn["reason"] or "gives other pixels than before",
                    path=self.headers[name],
                    remedy="put the record back as it was, or delete the folder "
                    f"{self.out} and draw it again",
                )
        else:
            assert drawn is not None
            entry = drawn
        if drawn is not None and drawn["status"] == "kept" and self.pack:
            self.packer.append(drawn)
        if entry is drawn:
            self.journal.append(entry)
        return entry

    def finish(self, dataset: str, source: Path) -> ImageSetSummary:
        """Write manifest, records and description, and remove images that are not of the set."""
        self._remove_strays()
        with atomic_path(self.out / MANIFEST) as unfinished:
            summary = self._write_tables(unfinished)
            if self.pack and not self.packer.is_complete:
                self.packer.finish(unfinished)
            self._describe(dataset, source, summary, unfinished)
        # The manifest appears last: whoever finds it finds the whole set.
        return summary

    def _write_tables(self, manifest: Path) -> ImageSetSummary:
        status: Counter[str] = Counter()
        warned = 0
        reasons: dict[str, None] = {}
        classes: Counter[str] = Counter()
        with (
            atomic_open(self.out / RECORDS) as records_stream,
            open(manifest, "w", encoding="utf-8", newline="") as manifest_stream,
        ):
            records_csv = csv.writer(records_stream, lineterminator="\n")
            manifest_csv = csv.writer(manifest_stream, lineterminator="\n")
            records_csv.writerow(RECORDS_COLUMNS)
            manifest_csv.writerow(MANIFEST_COLUMNS)
            for name in self.members:
                entry = self._entry(name)
                status[entry["status"]] += 1
                warned += bool(entry["warnings"])
                if entry["status"] == "kept":
                    classes[entry["diagnosis"]] += len(entry["images"])
                else:
                    reasons.setdefault(entry["reason"])
                self.has_png = self.has_png and all(image["bytes"] for image in entry["images"])
                records_csv.writerow(_record_row(entry))
                manifest_csv.writerows(_manifest_rows(entry))
        if not classes:
            raise ImageError(
                f"no image could be drawn: {status['excluded']} records excluded, "
                f"{status['skipped']} skipped ({next(iter(reasons))}"
                f"{', ...' if len(reasons) > 1 else ''})",
                path=self.out / RECORDS,
                remedy="see that file for each record's reason",
            )
        return ImageSetSummary(
            folder=self.out,
            images=classes.total(),
            kept=status["kept"],
            excluded=status["excluded"],
            skipped=status["skipped"],
            warned=warned,
            classes=dict(sorted(classes.items(), key=lambda item: (-item[1], item[0]))),
        )

    def _entry(self, name: str) -> dict[str, Any]:
        entry = self.journal.get(name)
        assert entry is not None
        return entry

    def _remove_strays(self) -> None:
        """Delete images of records that are no longer in the set (other limit, record gone)."""
        members = set(self.members)
        for image in (self.out / "all").glob("*/*_PIL.png"):
            record, _, number = image.name.removesuffix("_PIL.png").rpartition("-s")
            entry = self.journal.get(record) if record in members else None
            if (
                entry is None
                or not number.isdecimal()
                or int(number) >= len(entry["images"])
                or (entry["diagnosis"] != image.parent.name)
            ):
                image.unlink()

    def _describe(
        self, dataset: str, source: Path, summary: ImageSetSummary, manifest: Path
    ) -> None:
        write_json(
            self.out / DATASET,
            {
                "dataset": dataset,
                "source": str(source),
                **self.config.pixel_settings(),
                "keep_multi": self.config.keep_multi,
                "keep_ectopy": self.config.keep_ectopy,
                "limit": self.limit,
                "images": summary.images,
                "records": summary.kept,
                "excluded": summary.excluded,
                "skipped": summary.skipped,
                "warned": summary.warned,
                "classes": summary.classes,
                "png": self.has_png,
                "pack": self.pack,
                "manifest_sha256": sha256_of_file(manifest),
                "made_with": {"ekg": __version__, "matplotlib": mpl.__version__},
            },
        )


def summary_of(folder: Path) -> ImageSetSummary:
    """Return the summary of a finished set from its description."""
    found = read_json(folder / DATASET)
    return ImageSetSummary(
        folder=folder,
        images=found["images"],
        kept=found["records"],
        excluded=found["excluded"],
        skipped=found["skipped"],
        warned=found["warned"],
        classes=found["classes"],
        untouched=True,
    )


def _hashes(entry: dict[str, Any]) -> list[str]:
    return [image["sha256"] for image in entry["images"]]


def _record_row(entry: dict[str, Any]) -> list[Any]:
    frequency = entry["sampling_frequency"]
    return [
        entry["record"],
        ",".join(entry["diagnoses"]),
        "" if frequency is None else f"{frequency:g}",
        "" if entry["n_samples"] is None else entry["n_samples"],
        len(entry["images"]),
        entry["status"],
        entry["reason"],
        "; ".join(entry["warnings"]),
    ]


def _manifest_rows(entry: dict[str, Any]) -> Iterator[list[Any]]:
    for number, image in enumerate(entry["images"]):
        yield [
            image_name(entry["record"], entry["diagnosis"], number),
            entry["record"],
            entry["diagnosis"],
            number,
            image["start"],
            image["sha256"],
            f"{image['clipped']:.6f}",
        ]


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
        Stop at the first record that has to be skipped, and in the end if any gives a warning.
    unless_current
        Do nothing where a finished set of the same settings was made from the very files that
        lie in the folder now, by name, size and time of change. The images are not looked at.
    start_method
        How worker processes start; see `ekg.workers.Workers`.

    Raises
    ------
    EkgError
        If nothing can be drawn, another run is at work in the folder, the folder was made with
        other settings or from other records, the disk is full, or, with `strict`, a record is
        skipped or gives a warning.
    """
    config = config or ImageSetConfig()
    check_size(config.size)
    if jobs < 1 or (limit is not None and limit < 1):
        raise ImageError("the number of processes and the limit must be at least 1")
    if not png and not pack:
        raise ImageError("neither single images nor a pack are asked for")
    out, source = Path(out), Path(records).resolve()
    headers = named_records(records)
    name = dataset or _name_of_dataset(source)
    state = _state(source, out.resolve(), config, limit=limit, png=png, pack=pack, dataset=name)
    if unless_current and not strict and _is_current(out, state):
        return summary_of(out)
    with _disk_errors(out), folder_lock(out, "drawing images"):
        _claim_folder(out, config)
        remove_leftovers(out, "all/*/.*")
        with Journal(out / _JOURNAL) as journal, PackWriter(out, config.size) as packer:
            _claim_source(out, source, headers, journal)
            options: dict[str, Any] = {"limit": limit, "png": png, "pack": pack, "strict": strict}
            run = DrawingRun(out, config, headers, journal, packer, **options)
            run.look_at_what_is_there()
            jobs = run.useful_workers(jobs)
            with Workers(jobs, warm_up, (config,), start_method) as workers:
                run.draw(workers)
            summary = run.finish(name, source)
            write_json(out / _STATE, {"source": str(source), "state": state})
            return summary


def _name_of_dataset(records: Path) -> str:
    return records.parent.name if records.name == "records" else records.name


def _claim_folder(out: Path, config: ImageSetConfig) -> None:
    """Refuse a folder with images of other settings or of another maker."""
    wanted = {**config.pixel_settings(), "matplotlib": mpl.__version__}
    settings = out / _SETTINGS
    if settings.is_file():
        found = read_json(settings)
        # The first version did not write its number.
        if (version := found.get("format", 1)) != _FORMAT:
            raise ImageError(
                f"field `format` is {version!r}: another version of this program draws such image "
                f"sets, this one draws {_FORMAT}",
                path=settings,
                remedy="use that version, or delete the folder to draw it again",
            )
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
    write_json(settings, {"format": _FORMAT, **wanted})


def _state(source: Path, out: Path, config: ImageSetConfig, **options: Any) -> str:
    """Return a checksum of all that decides a set: settings, and the files' names and times."""
    digest = hashlib.sha256(
        json.dumps([str(source), asdict(config), options, __version__, mpl.__version__]).encode()
    )
    for path in sorted(files_below(source)):
        if out in path.parents:
            continue
        status = path.stat()
        digest.update(f"{path}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _is_current(out: Path, state: str) -> bool:
    try:
        return bool(
            read_json(out / _STATE)["state"] == state
            and read_json(out / DESCRIPTION)["manifest_sha256"] == sha256_of_file(out / MANIFEST)
        )
    except (EkgError, OSError, KeyError, TypeError):
        return False


def _claim_source(out: Path, source: Path, headers: Mapping[str, Path], journal: Journal) -> None:
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
                    f"holds the images of the records in {known}, now those in {source} are "
                    "asked for",
                    path=out,
                    remedy="choose another folder, or delete this one to draw it again",
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
            + " and run the same command again: what is finished is kept",
        ) from error
