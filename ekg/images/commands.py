"""The verbs `counts`, `images`, `render`: their arguments, and what they print."""

from __future__ import annotations

import csv
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from ekg.options import CORES, Fs, Jobs, Option, Scheduler, Unit
from ekg.paths import Place

if TYPE_CHECKING:
    from ekg.images.image_set import ImageSetSummary


def run_counts(
    folder: Annotated[Path, "image set, its `all` folder or its manifest"],
) -> int:
    """Count the images of each class, as CSV on standard output, most first."""
    from ekg.images.manifest import count_images

    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerows(count_images(folder).items())
    return 0


_SKIPS_SHOWN = 10


def run_images(
    *,
    records: Annotated[Place, "folder of recordings, or its address"],
    out: Annotated[Path, "folder of the image set"],
    size: Annotated[int, "pixels on a side (default 800)"] = 800,
    jobs: Jobs = CORES,
    scheduler: Scheduler = None,
    seed: Annotated[int, "seed of the slice positions (default: %(default)s)"] = 44,
    limit: Annotated[int | None, "draw the first LIMIT usable records only"] = None,
    keep_multi: Annotated[bool, "keep multi-label records"] = False,
    keep_ectopy: Annotated[bool, "keep PAC and PVC records"] = False,
    pack: Annotated[bool, "also write all images to one file, pack.npy"] = False,
    pack_for: Annotated[
        Path | None,
        Option("pack unless this training recipe draws its images from the records", "EXPERIMENT"),
    ] = None,
    no_png: Annotated[bool, "with --pack: do not write PNG files"] = False,
    unless_current: Annotated[
        bool, "do nothing if the source files have not changed (names, sizes, times)"
    ] = False,
    dataset: Annotated[str | None, "name of the data set (default: from the folder)"] = None,
    strict: Annotated[
        bool, "stop at the first skipped record, and refuse a set with warnings"
    ] = False,
) -> int:
    """Draw the slices of a folder of records as images, with a manifest."""
    # There is one process a core already: arithmetic libraries need no threads of their own.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from ekg.config import load_config
    from ekg.images.image_set import make_image_set
    from ekg.images.record_images import ImageSetConfig

    pack = pack
    if pack_for is not None:
        pack = pack or load_config(pack_for).data.source != "records"
    summary = make_image_set(
        records,
        out,
        ImageSetConfig(
            size=size,
            seed=seed,
            keep_multi=keep_multi,
            keep_ectopy=keep_ectopy,
        ),
        jobs=jobs,
        scheduler=scheduler,
        limit=limit,
        dataset=dataset,
        png=not no_png,
        pack=pack,
        strict=strict,
        unless_current=unless_current,
    )
    if not summary.untouched:
        report(summary)
    return 0


def report(summary: ImageSetSummary, *, everything: bool = False) -> None:
    """Print which records were skipped, and as last line what is in the set."""
    skipped = read_skipped(summary.folder)
    shown = skipped if everything else skipped[:_SKIPS_SHOWN]
    for name, reason in shown:
        print(f"skipped {name}: {reason}", file=sys.stderr)
    if len(skipped) > len(shown):
        print(f"and {len(skipped) - len(shown)} more, see records.csv", file=sys.stderr)
    classes = ", ".join(f"{name} {count}" for name, count in summary.classes.items())
    print(
        f"{summary.folder}: {summary.images} images of {summary.kept} records ({classes}); "
        f"{summary.excluded} records excluded, {summary.skipped} skipped (see records.csv); "
        f"{summary.warned} with warnings (its column `warnings`)"
    )


def read_skipped(folder: Path) -> list[tuple[str, str]]:
    """Return name and reason of the records that a set had to leave out."""
    with open(folder / "records.csv", encoding="utf-8", newline="") as stream:
        return [
            (row["record"], row["reason"])
            for row in csv.DictReader(stream)
            if row["status"] == "skipped"
        ]


def run_render(
    record: Annotated[Path, "recording of any format"],
    *,
    fs: Fs = None,
    unit: Unit = None,
    start: Annotated[int | None, "first sample, at 500 Hz (default: the record's middle)"] = None,
    size: Annotated[
        int | None, "pixels on the longer side (default 800; labelled 1400, clinical 2970)"
    ] = None,
    out: Annotated[Path, Option("PNG (or PDF) file", names=("-o", "--out"))],
    style: Annotated[
        Literal["exact", "labelled", "clinical"],
        "exact: what the network sees (default); labelled and clinical: for people",
    ] = "exact",
) -> int:
    """Draw one slice of a record: exactly as in an image set, labelled, or on clinical paper."""
    from ekg.config import SliceConfig
    from ekg.images.saving import save_image
    from ekg.records.opening import read_record

    read = read_record(record, fs=fs, unit=unit)
    middle = max((read.signal.shape[1] - SliceConfig().length) // 2, 0)
    save_image(read, middle if start is None else start, out, style=style, size=size)
    return 0
