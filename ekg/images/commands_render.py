"""Draw one slice of a record: exactly as in an image set, labelled, or on clinical paper."""

from __future__ import annotations

import argparse
from pathlib import Path

from ekg.records.array_options import add_array_options


def add_arguments(parser: argparse.ArgumentParser) -> None:
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


def run(arguments: argparse.Namespace) -> int:
    """Draw the picture."""
    from ekg.config import SliceConfig
    from ekg.images.display import save_picture
    from ekg.records.opening import read_record

    record = read_record(arguments.record, fs=arguments.fs, unit=arguments.unit)
    middle = max((record.signal.shape[1] - SliceConfig().length) // 2, 0)
    save_picture(
        record,
        middle if arguments.start is None else arguments.start,
        arguments.out,
        style=arguments.style,
        size=arguments.size,
    )
    return 0
