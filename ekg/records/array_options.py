"""The options of every verb that reads recordings: what a table of numbers does not state."""

from __future__ import annotations

from argparse import ArgumentParser


def add_array_options(parser: ArgumentParser) -> None:
    """Declare rate and unit of tables of numbers (CSV, NPY)."""
    parser.add_argument(
        "--fs", type=float, metavar="HZ", help="sampling frequency of CSV and NPY files"
    )
    parser.add_argument("--unit", choices=("mV", "uV", "V", "nV"), help="unit of CSV and NPY files")
