"""The verbs of `python -m ekg`, one module each.

A verb's module has a one-line docstring (its help), `add_arguments(parser)` and
`run(arguments) -> int | None` (the exit status). It parses and prints; the work is done by the
rooms. Heavy imports stand inside `run`, so that `--help` and light verbs start at once.
"""

from argparse import ArgumentParser


def add_array_options(parser: ArgumentParser) -> None:
    """Declare what a table of numbers (CSV, NPY) does not state of itself."""
    parser.add_argument(
        "--fs", type=float, metavar="HZ", help="sampling frequency of CSV and NPY files"
    )
    parser.add_argument("--unit", choices=("mV", "uV", "V", "nV"), help="unit of CSV and NPY files")
