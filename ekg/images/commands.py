"""The verbs `counts`, `images`, `render`: their arguments, and what they print."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ekg.config import PAPER_SEED, load_config
from ekg.records.array_options import add_array_options
from ekg.worker_options import add_worker_options

if TYPE_CHECKING:
    from ekg.images.image_set import ImageSetSummary


def add_counts_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's arguments."""
    parser.add_argument("folder", type=Path, help="image set, its `all` folder or its manifest")


def run_counts(arguments: argparse.Namespace) -> int:
    """Count the images of each class, as CSV on standard output, most first."""
    from ekg.images.manifest import count_images

    writer = csv.writer(sys.stdout, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerows(count_images(arguments.folder).items())
    return 0


_SKIPS_SHOWN = 10


def add_images_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's arguments."""
    parser.add_argument("--records", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the image set")
    parser.add_argument("--size", type=int, default=800, help="pixels on a side (default 800)")
    add_worker_options(parser)
    parser.add_argument(
        "--seed",
        type=int,
        default=PAPER_SEED,
        help=f"seed of the slice positions (default {PAPER_SEED})",
    )
    parser.add_argument("--limit", type=int, help="draw the first LIMIT usable records only")
    parser.add_argument("--keep-multi", action="store_true", help="keep multi-label records")
    parser.add_argument("--keep-ectopy", action="store_true", help="keep PAC and PVC records")
    parser.add_argument(
        "--pack", action="store_true", help="also write all images to one file, pack.npy"
    )
    parser.add_argument(
        "--pack-for",
        type=Path,
        metavar="EXPERIMENT",
        help="pack unless this training recipe draws its images from the records",
    )
    parser.add_argument("--no-png", action="store_true", help="with --pack: do not write PNG files")
    parser.add_argument(
        "--unless-current",
        action="store_true",
        help="do nothing if the source files have not changed (names, sizes, times)",
    )
    parser.add_argument("--dataset", help="name of the data set (default: from the folder)")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first skipped record, and refuse a set with warnings",
    )


def run_images(arguments: argparse.Namespace) -> int:
    """Draw the slices of a folder of records as images, with a manifest."""
    # There is one process a core already: arithmetic libraries need no threads of their own.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from ekg.images.image_set import make_image_set
    from ekg.images.record_images import ImageSetConfig

    pack = arguments.pack
    if arguments.pack_for is not None:
        pack = pack or load_config(arguments.pack_for).data.source != "records"
    summary = make_image_set(
        arguments.records,
        arguments.out,
        ImageSetConfig(
            size=arguments.size,
            seed=arguments.seed,
            keep_multi=arguments.keep_multi,
            keep_ectopy=arguments.keep_ectopy,
        ),
        jobs=arguments.jobs,
        scheduler=arguments.scheduler,
        limit=arguments.limit,
        dataset=arguments.dataset,
        png=not arguments.no_png,
        pack=pack,
        strict=arguments.strict,
        unless_current=arguments.unless_current,
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


def add_render_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's arguments."""
    parser.add_argument("record", type=Path, help="recording of any format")
    add_array_options(parser)
    parser.add_argument(
        "--start", type=int, help="first sample, at 500 Hz (default: the record's middle)"
    )
    parser.add_argument(
        "--size",
        type=int,
        help="pixels on the longer side (default 800; labelled 1400, clinical 2970)",
    )
    parser.add_argument("-o", "--out", type=Path, required=True, help="PNG (or PDF) file")
    parser.add_argument(
        "--style",
        choices=("exact", "labelled", "clinical"),
        default="exact",
        help="exact: what the network sees (default); labelled and clinical: for people",
    )


def run_render(arguments: argparse.Namespace) -> int:
    """Draw one slice of a record: exactly as in an image set, labelled, or on clinical paper."""
    from ekg.config import SliceConfig
    from ekg.images.saving import save_image
    from ekg.records.opening import read_record

    record = read_record(arguments.record, fs=arguments.fs, unit=arguments.unit)
    middle = max((record.signal.shape[1] - SliceConfig().length) // 2, 0)
    save_image(
        record,
        middle if arguments.start is None else arguments.start,
        arguments.out,
        style=arguments.style,
        size=arguments.size,
    )
    return 0
