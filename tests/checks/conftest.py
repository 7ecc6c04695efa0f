"""A repository of its own for each test, with little in it."""

from pathlib import Path

import pytest

from checks.findings import Repository


@pytest.fixture
def empty(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


@pytest.fixture
def verdicts():
    """Verdicts and what was found, by check."""

    def collect(findings):
        found: dict[str, list[tuple[str, str]]] = {}
        for finding in findings:
            found.setdefault(finding.check, []).append((finding.verdict, finding.found))
        return found

    return collect
