"""One run of drawing an image set: what is there already, drawing the rest, writing it down."""

from __future__ import annotations

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl

from ekg._version import __version__
from ekg.errors import ImageError
from ekg.files import atomic_open, atomic_path, read_json, sha256_of_file, write_json
from ekg.images.journal import Journal
from ekg.images.manifest import MANIFEST, MANIFEST_COLUMNS
from ekg.images.pack import PackWriter
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
)
from ekg.paths import Place
from ekg.progress import Progress
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
    """Records that are in the set despite warnings."""
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
        headers: Mapping[str, Place],
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
        """How many of the first records are in the pack already."""
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
            if self.packer.finished or not self.packer.may_go_on:
                self.packed = 0
            self.packer.start(afresh=self.packed == 0)
        elif not self.pack and not all_packed:
            self.packer.discard_finished()

    def _still_holds(self, entry: dict[str, Any], header: Place, files: tuple[str, ...]) -> bool:
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
                    seen = glance(self.headers[name], self.config)
                    drawn = skipped(self.headers[name], seen, drawn.reason) | {"record": name}
                entry = self._take(name, drawn, workers)
                self.members.append(entry["record"])
                kept += entry["status"] == "kept"
                if entry["record"] not in self.done:
                    progress.update(len(entry["images"]))
                if self.strict and entry["status"] == "skipped":
                    raise ImageError(
                        f"skipped: {entry['reason']}",
                        path=self.headers[name],
                        remedy="repair or remove the record, or omit --strict",
                    )
            self.packer.flush(workers)
        if self.strict:
            self._refuse_warnings()

    def _refuse_warnings(self) -> None:
        doubtful = [name for name in self.members if self._entry(name)["warnings"]]
        if doubtful:
            raise ImageError(
                f"{'; '.join(self._entry(doubtful[0])['warnings'])} ({len(doubtful)} of "
                f"{len(self.members)} records give warnings)",
                path=self.headers[doubtful[0]],
                remedy="repair or remove them, or omit --strict",
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

    def _take(self, name: str, drawn: dict[str, Any] | None, workers: Workers) -> dict[str, Any]:
        """Return the record's entry, after noting what was drawn."""
        if name in self.done:
            entry = self._entry(name)
            if drawn is not None and _hashes(drawn) != _hashes(entry):
                raise ImageError(
                    drawn["reason"] or "gives different pixels than before",
                    path=self.headers[name],
                    remedy=f"restore the record, or delete the folder {self.out} and draw it again",
                )
        else:
            assert drawn is not None
            entry = drawn
        if drawn is not None and drawn["status"] == "kept" and self.pack:
            self.packer.append(drawn, workers)
        if entry is drawn:
            self.journal.append(entry)
        return entry

    def finish(self, dataset: str, source: Place) -> ImageSetSummary:
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
                remedy="see that file for the reasons",
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
        self, dataset: str, source: Place, summary: ImageSetSummary, manifest: Path
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
