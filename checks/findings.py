"""What a check found, as rows of one table, and what the whole comes to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

Verdict = Literal["pass", "fail", "skipped"]


@dataclass(frozen=True)
class Finding:
    """One promise and what became of it."""

    check: str
    """The check's name, as `--only` takes it."""
    compared: str
    """What was compared with what."""
    found: str
    """Counts and largest differences or, for `skipped`, why nothing was compared."""
    verdict: Verdict


@dataclass(frozen=True)
class Repository:
    """Where the files are, and how much of them is looked at."""

    root: Path
    """The repository's top folder."""
    shared: Path | None = None
    """The folder of reference data, None where it is absent."""
    full: bool = False
    """Check every image and record instead of a sample."""

    def short(self, path: Path) -> str:
        """Return a path as it is read from the top folder."""
        return (
            path.relative_to(self.root).as_posix() if path.is_relative_to(self.root) else str(path)
        )


def agree(check: str, compared: str, found: str, ok: bool) -> Finding:
    """Return a finding that passes or fails."""
    return Finding(check, compared, found, "pass" if ok else "fail")


def skipped(check: str, compared: str, reason: str) -> Finding:
    """Return a finding about something that could not be looked at."""
    return Finding(check, compared, reason, "skipped")


def some(names: Sequence[str], shown: int = 3) -> str:
    """Return the first names and how many more there are."""
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def exit_status(findings: Sequence[Finding]) -> int:
    """Return 0 where something passed and nothing failed, else 1; skipped is not passed."""
    verdicts = Counter(finding.verdict for finding in findings)
    return 0 if verdicts["pass"] and not verdicts["fail"] else 1


def table_lines(findings: Sequence[Finding]) -> list[str]:
    """Return the table for the terminal, with a last line that counts."""
    head = ("check", "what was compared", "found", "verdict")
    rows = [head, *((f.check, f.compared, f.found, f.verdict) for f in findings)]
    widths = [max(len(row[k]) for row in rows) for k in range(len(head) - 1)]
    # The verdict comes second: a long finding must not push it out of sight.
    lines = [
        f"{verdict:<8}  {check:<{widths[0]}}  {compared:<{widths[1]}}  {found}".rstrip()
        for check, compared, found, verdict in rows
    ]
    return [*lines, "", summary_line(findings)]


def summary_line(findings: Sequence[Finding]) -> str:
    """Return `12 passed, 1 failed, 2 skipped (skipped is not passed)`."""
    verdicts = Counter(finding.verdict for finding in findings)
    note = " (not checked: skipped is not passed)" if verdicts["skipped"] else ""
    return (
        f"{verdicts['pass']} passed, {verdicts['fail']} failed, {verdicts['skipped']} skipped{note}"
    )


def as_json(findings: Sequence[Finding]) -> dict[str, Any]:
    """Return what `--json` writes."""
    verdicts = Counter(finding.verdict for finding in findings)
    return {
        "schema": 1,
        "passed": verdicts["pass"],
        "failed": verdicts["fail"],
        "skipped": verdicts["skipped"],
        "exit_status": exit_status(findings),
        "findings": [asdict(finding) for finding in findings],
    }
