"""All checks by name, and running them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from checks.findings import Finding, Repository, agree
from checks.golden import check_golden
from checks.image_sets import check_image_sets, check_splits
from checks.pages import check_pages
from checks.reference import check_reference
from checks.stored import check_published_metrics, check_stored_models
from ekg.errors import EkgError

ROOT = Path(__file__).resolve().parents[1]

CHECKS: dict[str, Callable[[Repository], Iterator[Finding]]] = {
    "reference": check_reference,
    "golden": check_golden,
    "splits": check_splits,
    "published-figures": check_published_metrics,
    "stored-models": check_stored_models,
    "manifests": check_image_sets,
    "pages": check_pages,
}
"""What `--only` takes; each gives one finding or more."""


def find_repository(*, full: bool = False, root: Path = ROOT) -> Repository:
    """Return the repository that this code belongs to, with the reference data if it is there."""
    shared = Path(os.environ.get("EKG_SHARED") or root.parent / "shared")
    there = (shared / "golden" / "golden.csv").is_file()
    return Repository(root, shared if there else None, full)


def run_checks(repository: Repository, only: Sequence[str] | None = None) -> list[Finding]:
    """Run checks one after the other.

    `only`: Names of `CHECKS`; all by default.
    """
    unknown = [name for name in only or () if name not in CHECKS]
    if unknown:
        raise EkgError(f"unknown check {unknown[0]!r}", remedy=f"choose from {', '.join(CHECKS)}")
    findings: list[Finding] = []
    for name, check in CHECKS.items():
        if only and name not in only:
            continue
        try:
            findings += check(repository)
        except (EkgError, OSError) as error:
            findings.append(agree(name, "the files it needs can be read", str(error), False))
    return findings
