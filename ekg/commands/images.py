"""Draw the slices of a folder of records as images, with a manifest."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ekg.config import PAPER_SEED


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add this verb's arguments."""
    parser.add_argument("--records", type=Path, required=True, help="folder of WFDB records")
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
    parser.add_argument("--dataset", help="name of the data set (default: from the folder)")
    parser.add_argument(
        "--strict", action="store_true", help="stop at the first record that must be skipped"
    )


def run(arguments: argparse.Namespace) -> int:
    """Draw the images and print what became of the records."""
    from ekg.image.image_set import make_image_set
    from ekg.image.selection import ImageSetConfig

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
    )
    for reason, count in summary.skips.items():
        print(f"skipped {count}: {reason}", file=sys.stderr)
    classes = ", ".join(f"{name} {count}" for name, count in summary.classes.items())
    print(
        f"{summary.folder}: {summary.images} images of {summary.kept} records ({classes}); "
        f"{summary.excluded} records excluded, {summary.skipped} skipped (see records.csv)"
    )
    return 0
