"""The verb `verify`: its arguments, and what it prints."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add_verify_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument(
        "--only",
        nargs="+",
        action="extend",
        metavar="NAME",
        help="reference, golden, splits, published-figures, stored-models, manifests, pages "
        "(default: all)",
    )
    parser.add_argument(
        "--full", action="store_true", help="check every image and record, not a sample"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the findings here")


def run_verify(arguments: argparse.Namespace) -> int:
    """Check files, code and docs of the repository against each other."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from checks.findings import as_json, exit_status, table_lines
    from checks.runner import find_repository, run_checks
    from ekg.files import write_json

    findings = run_checks(find_repository(full=arguments.full), arguments.only)
    print("\n".join(table_lines(findings)))
    if arguments.json:
        write_json(arguments.json, as_json(findings))
    return exit_status(findings)
