"""Draw the slices of a folder of records as images, with a manifest."""

from __future__ import annotations

import argparse
import csv
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ekg.config import PAPER_SEED

if TYPE_CHECKING:
    from ekg.images.image_set import ImageSetSummary

_SKIPS_SHOWN = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's arguments."""
    parser.add_argument("--records", type=Path, required=True, help="folder of recordings")
    parser.add_argument("--out", type=Path, required=True, help="folder of the image set")
    parser.add_argument("--size", type=int, default=800, help="pixels on a side (default 800)")
    parser.add_argument(
        "-j", "--jobs", type=int, default=os.cpu_count() or 1, help="processes (default: all cores)"
    )
    parser.add_argument(
        "--seed", type=int, default=PAPER_SEED, help=f"places the slices (default {PAPER_SEED})"
    )
    parser.add_argument("--limit", type=int, help="draw the first LIMIT usable records only")
    parser.add_argument("--keep-multi", action="store_true", help="keep multi-label records")
    parser.add_argument("--keep-ectopy", action="store_true", help="keep PAC and PVC records")
    parser.add_argument(
        "--pack", action="store_true", help="also write all images into one file, pack.npy"
    )
    parser.add_argument(
        "--no-png", action="store_true", help="with --pack: write no single PNG files"
    )
    parser.add_argument(
        "--unless-current",
        action="store_true",
        help="do nothing if the set was made from the very files that are there now (names, "
        "sizes, times)",
    )
    parser.add_argument("--dataset", help="name of the data set (default: from the folder)")
    parser.add_argument(
        "--strict",
        action="store_true",
        help="stop at the first record that must be skipped; finish no set with warnings",
    )


def run(arguments: argparse.Namespace) -> int:
    """Draw the images and print what became of the records."""
    # There is one process a core already: arithmetic libraries need no threads of their own.
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from ekg.images.image_set import make_image_set
    from ekg.images.record_images import ImageSetConfig

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
        limit=arguments.limit,
        dataset=arguments.dataset,
        png=not arguments.no_png,
        pack=arguments.pack,
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
