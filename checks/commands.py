"""The verb `verify`: its arguments, and what it prints."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

from ekg.options import Option


def run_verify(
    *,
    only: Annotated[
        list[str] | None,
        Option(
            "reference, golden, splits, published-figures, stored-models, manifests, pages "
            "(default: all)",
            "NAME",
        ),
    ] = None,
    full: Annotated[bool, "check every image and record, not a sample"] = False,
    json: Annotated[Path | None, Option("also write the findings here", "FILE")] = None,
) -> int:
    """Check files, code and docs of the repository against each other."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    from checks.findings import as_json, exit_status, table_lines
    from checks.runner import find_repository, run_checks
    from ekg.files import write_json

    findings = run_checks(find_repository(full=full), only)
    print("\n".join(table_lines(findings)))
    if json:
        write_json(json, as_json(findings))
    return exit_status(findings)
