"""Count how many items of each reporting standard are met, in docs/reporting/README.md.

Usage: python scripts/reporting.py [--write]
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ekg.files import write_text  # noqa: E402
from ekg.markdown import with_block  # noqa: E402

PAGES = ROOT / "docs" / "reporting"
README = PAGES / "README.md"
STATUSES = ("met", "partly", "no", "n/a")
HEAD = "| item | asks for | status | where, or why not |"


def items(text: str) -> dict[str, list[list[str]]]:
    """Return the rows of a page's tables, by the heading they are under."""
    found: dict[str, list[list[str]]] = {}
    title = ""
    inside = False
    for line in text.splitlines():
        if line.startswith("#"):
            title = line.lstrip("# ")
        inside = line == HEAD or (inside and line.startswith("|"))
        if inside and line != HEAD and not line.startswith("|---"):
            found.setdefault(title, []).append(
                [cell.strip() for cell in line.strip("|").split("|")]
            )
    return found


def lists() -> dict[str, list[list[str]]]:
    """Return the rows of each list: NeurIPS has two."""
    found: dict[str, list[list[str]]] = {}
    for page in ("tripod_ai.md", "claim.md", "neurips.md"):
        text = (PAGES / page).read_text(encoding="utf-8")
        name = text.splitlines()[0].lstrip("# ")
        for title, rows in items(text).items():
            key = f"NeurIPS: {title[0].lower()}{title[1:]}" if page == "neurips.md" else name
            found.setdefault(key, []).extend(rows)
    return found


def counts() -> list[str]:
    """Return the table of counts."""
    lines = ["| list | items | " + " | ".join(STATUSES) + " |"]
    lines.append("|---|" + "---|" * (len(STATUSES) + 1))
    for name, rows in lists().items():
        by_status = Counter(row[2] for row in rows)
        cells = " | ".join(str(by_status[status]) for status in STATUSES)
        lines.append(f"| {name} | {len(rows)} | {cells} |")
    return lines


def page_with_counts(text: str) -> str:
    """Return the page with the table between its marks regenerated."""
    return with_block(text, "counts", "\n".join([*counts(), ""]))


def main(arguments: list[str] | None = None) -> int:
    """Print or write the counts."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"write them into {README.name}")
    if parser.parse_args(arguments).write:
        write_text(README, page_with_counts(README.read_text(encoding="utf-8")))
    print("\n".join(counts()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
