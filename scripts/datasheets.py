"""Write the tables of docs/datasheets/ from the registry, the simulator and the published split.

Usage: python scripts/datasheets.py [--write]

Without --write it says which pages differ, and ends with status 1 if any does. The table of
CPSC 2018 by diagnosis and fold needs `spec/paper_split.csv` in the folder that EKG_SHARED names;
without it that table stays as it is.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ekg.datasets.registry import Source, read_registry  # noqa: E402
from ekg.files import write_text  # noqa: E402
from ekg.markdown import blocks, with_block  # noqa: E402
from ekg.records.diagnoses import CLASSES, ECTOPY  # noqa: E402
from ekg.simulator import VERSION, diagnoses_of, record_name, simulate_record  # noqa: E402
from ekg.simulator.mix import BLOCK  # noqa: E402

PAGES = ROOT / "docs" / "datasheets"
SEED = 44
PEOPLE = 100
"""Simulated people whose age and sex are looked at: one block, the whole mix once."""
FOLDS = ("train", "val", "test", "none", "excluded")


def registry_facts(source: Source) -> list[str]:
    """Return a table of what the registry says of a source."""
    rows = {
        "name here": f"`{source.name}`",
        "title": source.title,
        "used for": source.purpose,
        "records": f"{source.records:,}" if source.records else "-",
        "size": f"about {source.about_bytes / 1e9:.1f} GB",
        "licence": source.licence,
        "home": f"<{source.homepage}>",
    }
    return ["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())]


def overview() -> list[str]:
    """Return one row for each source of recordings."""
    lines = ["| name | records | licence | data sheet |", "|---|---|---|---|"]
    for source in read_registry().values():
        if source.records:
            page = page_of(source.name)
            lines.append(
                f"| `{source.name}` | {source.records:,} | {source.licence} | [{page}]({page}) |"
            )
    return lines


def page_of(name: str) -> str:
    """Return the page that has a source's section."""
    marks = f"<!-- {name}: begin -->"
    (page,) = [p for p in sorted(PAGES.glob("*.md")) if marks in p.read_text(encoding="utf-8")]
    return page.name


def simulated_mix() -> list[str]:
    """Return what one block of simulated records holds, and its people."""
    names = [record_name(number) for number in range(1, BLOCK + 1)]
    labels = [diagnoses_of(name, SEED) for name in names]
    single = Counter(found[0] for found in labels if len(found) == 1)
    several = sum(len(found) > 1 for found in labels)
    people = [simulate_record(name, SEED, seconds=6)[2] for name in names[:PEOPLE]]
    ages = sorted(person["age"] for person in people)
    women = sum(person["sex"] == "Female" for person in people)
    counts = ", ".join(f"{name} {single[name]}" for name in (*CLASSES, *ECTOPY))
    return [
        f"* Simulator version {VERSION}. Each {BLOCK} records in turn hold: {counts}, several "
        f"diagnoses {several}.",
        f"* Of the first {PEOPLE} with seed {SEED}: {women} women, {PEOPLE - women} men; ages "
        f"{ages[0]} to {ages[-1]}, median {ages[PEOPLE // 2]}.",
    ]


def split_file() -> Path | None:
    """Return the published split, None where it is not available."""
    shared = Path(os.environ.get("EKG_SHARED") or ROOT.parent / "shared")
    path = shared / "spec" / "paper_split.csv"
    return path if path.is_file() else None


def published_split(path: Path) -> list[str]:
    """Return records of CPSC 2018 by diagnosis and fold."""
    counts: Counter[tuple[str, str]] = Counter()
    with open(path, newline="", encoding="utf-8") as stream:
        for row in csv.DictReader(stream):
            named = row["diagnoses"].split(",")
            counts[named[0] if len(named) == 1 else "several diagnoses", row["split"]] += 1
    kinds = [*CLASSES, *ECTOPY, "several diagnoses"]
    lines = [
        "| diagnosis | " + " | ".join(("all", *FOLDS)) + " |",
        "|---|" + "---|" * (len(FOLDS) + 1),
    ]
    for kind in (*kinds, "all"):
        cells = [
            sum(n for (k, f), n in counts.items() if kind in (k, "all") and f == fold)
            for fold in FOLDS
        ]
        shown = " | ".join(f"{n:,}" for n in (sum(cells), *cells))
        lines.append(f"| {kind} | {shown} |")
    return lines


def tables() -> dict[str, list[str]]:
    """Return the lines of every mark that can be made here."""
    found = {name: registry_facts(s) for name, s in read_registry().items() if s.records}
    found |= {"overview": overview(), "mix": simulated_mix()}
    split = split_file()
    if split is not None:
        found["published split"] = published_split(split)
    return found


def with_tables(text: str, made: dict[str, list[str]]) -> str:
    """Return a page with what is between its marks regenerated."""
    for mark in blocks(text).keys() & made.keys():
        text = with_block(text, mark, "\n".join([*made[mark], ""]))
    return text


def main(arguments: list[str] | None = None) -> int:
    """Compare or write the pages."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write them")
    write = parser.parse_args(arguments).write
    made = tables()
    different = 0
    for page in sorted(PAGES.glob("*.md")):
        text = page.read_text(encoding="utf-8")
        new = with_tables(text, made)
        if new != text:
            different += 1
            if write:
                write_text(page, new)
            print(f"{page.name}: {'written' if write else 'differs from its sources'}")
    return int(bool(different) and not write)


if __name__ == "__main__":
    sys.exit(main())
