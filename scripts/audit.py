"""Compare the pinned dependencies with the database of known vulnerabilities.

Usage: python scripts/audit.py [--work FOLDER]

pip-audit is installed apart from the project's environment. It needs the network: what could not
be looked up is said, counts as not audited, and ends the command with status 3. Status 1 means
that a vulnerability is known, status 0 that every pinned version was looked up and none is.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
VERSION = "2.10.1"
KNOWN, NOT_AUDITED = 1, 3


def install(folder: Path) -> Path:
    """Return pip-audit's Python, in its own environment."""
    python = folder / "bin" / "python"
    if not (folder / "bin" / "pip-audit").exists():
        venv.create(folder, with_pip=True, clear=True)
        done = subprocess.run(
            [
                python,
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                f"pip-audit=={VERSION}",
            ],
            capture_output=True,
            text=True,
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            stop(f"pip-audit cannot be installed ({reason})")
    return python


def stop(problem: str) -> NoReturn:
    """End with one line that cannot be taken for a clean audit."""
    print(f"not audited: {problem}; run `make audit` again with a network", file=sys.stderr)
    raise SystemExit(NOT_AUDITED)


def look_up(python: Path, lock: Path) -> list[dict[str, object]]:
    """Return what the database says of each pinned package."""
    done = subprocess.run(
        [
            python,
            "-m",
            "pip_audit",
            "--requirement",
            lock,
            "--disable-pip",
            "--format",
            "json",
            "--progress-spinner",
            "off",
            "--timeout",
            "20",
        ],
        capture_output=True,
        text=True,
    )
    try:
        found: list[dict[str, object]] = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError, TypeError):
        lines = [line for line in done.stderr.splitlines() if line.strip()] or ["no answer"]
        stop(f"the database cannot be reached ({lines[-1][:200]})")
    return found


def report(found: list[dict[str, object]]) -> int:
    """Print what is known; return the exit status."""
    unknown = [entry for entry in found if "skip_reason" in entry]
    bad = [entry for entry in found if entry.get("vulns")]
    for entry in bad:
        for weakness in entry["vulns"]:  # type: ignore[attr-defined]
            fixed = ", ".join(weakness["fix_versions"]) or "no version yet"
            print(f"{entry['name']} {entry['version']}: {weakness['id']}, fixed in {fixed}")
    print(f"{len(found)} packages: {len(bad)} with a known vulnerability, {len(unknown)} not found")
    if bad:
        return KNOWN
    if unknown or not found:
        stop(f"the database did not know {len(unknown)} of {len(found)} packages")
    return 0


def main() -> int:
    """Audit the lock."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "audit")
    given = parser.parse_args()
    return report(look_up(install(given.work), ROOT / "requirements.txt"))


if __name__ == "__main__":
    sys.exit(main())
