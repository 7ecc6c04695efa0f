"""Draw the images with the options of the original project's script of this name.

A thin front to `python -m ekg images`, which is the command for new work.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ekg.config import PAPER_SEED, SliceConfig
from ekg.errors import EkgError

_DEBUG_RECORDS = 10


def build_parser() -> argparse.ArgumentParser:
    """Return the parser: the original's option names, the paper's values as defaults."""
    paper = SliceConfig()
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0] if __doc__ else None,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add(
        "-i",
        "--input_path",
        type=Path,
        default=Path("data/cpsc2018/records"),
        help="folder of WFDB records",
    )
    add(
        "-o",
        "--output_path",
        type=Path,
        default=Path("data/cpsc2018"),
        help="the image set becomes its subfolder im_res_SIZE",
    )
    add(
        "-n",
        "--n_ekg_to_process",
        type=int,
        default=-1,
        help="draw the first this many usable records; -1: all",
    )
    add("-s", "--size", type=int, default=800, help="pixels on a side")
    add("--slice_time_range", type=float, default=paper.seconds, help="length of a slice, s")
    add(
        "--utilization_fraction",
        type=float,
        default=paper.utilization_fraction,
        help="at most this part of a record is used",
    )
    add("--n_slices_max", type=int, default=paper.n_slices_max, help="slices a record at most")
    add(
        "--sampling_freq",
        type=int,
        default=paper.sampling_frequency,
        help="Hz; records of another rate are resampled to it",
    )
    add("-j", "--processes", type=int, default=1, help="processes")
    add("--n_tranches", type=int, default=-1, help="accepted, without effect")
    add(
        "--drop_multi",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave out records with several diagnoses",
    )
    add(
        "--drop_PAC_PVC",
        "--drop_pac_pvc",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="leave out records with premature complexes",
    )
    add("--seed", type=int, default=PAPER_SEED, help="places the slices")
    add("-v", "--verbose", action="count", default=0, help="list every skipped record")
    add(
        "--debug", action="count", default=0, help=f"{_DEBUG_RECORDS} records, one process, verbose"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Draw the image set and return the exit status."""
    arguments = build_parser().parse_args(argv)
    if arguments.debug:
        arguments.n_ekg_to_process, arguments.processes = _DEBUG_RECORDS, 1
        arguments.verbose += 1

    from ekg.images.commands import report
    from ekg.images.image_set import make_image_set
    from ekg.images.record_images import ImageSetConfig

    try:
        summary = make_image_set(
            arguments.input_path,
            arguments.output_path / f"im_res_{arguments.size}",
            ImageSetConfig(
                size=arguments.size,
                seed=arguments.seed,
                slices=SliceConfig(
                    sampling_frequency=arguments.sampling_freq,
                    seconds=arguments.slice_time_range,
                    utilization_fraction=arguments.utilization_fraction,
                    n_slices_max=arguments.n_slices_max,
                ),
                keep_multi=not arguments.drop_multi,
                keep_ectopy=not arguments.drop_PAC_PVC,
            ),
            jobs=arguments.processes,
            limit=arguments.n_ekg_to_process if arguments.n_ekg_to_process > 0 else None,
        )
    except EkgError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    report(summary, everything=bool(arguments.verbose))
    return 0


if __name__ == "__main__":
    sys.exit(main())
