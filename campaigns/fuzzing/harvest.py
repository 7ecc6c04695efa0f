"""Keep a few of the campaign's inputs: one for each way in which a reader was seen to answer.

Usage: python campaigns/fuzzing/harvest.py [--work FOLDER] [--most N] [--bytes N]

Of the inputs that atheris kept for the branches they took (of plainly mutated ones where it was
not run), the shortest for each kind of answer
goes to tests/bad_input/corpus, which `make test` replays. What is there already stays.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import re
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

from campaigns.fuzzing.case import run_case  # noqa: E402
from campaigns.fuzzing.mutation import inputs  # noqa: E402
from campaigns.fuzzing.targets import NAMES, target_named  # noqa: E402

CORPUS = ROOT / "tests" / "bad_input" / "corpus"


def kind_of(text: str) -> str:
    """Return an answer without names, numbers and quotations."""
    text = re.sub(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\S*/\S*", "*", text)
    return re.sub(r"[\d.,]+|\(.*\)", "#", text)[:80]


def harvest(name: str, work: Path, most: int, most_bytes: int) -> int:
    """Keep inputs of one target; return how many bytes were written."""
    target = target_named(name)
    found = [path.read_bytes() for path in (work / f"{name}-atheris" / "corpus").glob("*")]
    if not found:
        found = list(itertools.islice(inputs(target, 44, []), 500))
    shortest: dict[str, bytes] = {}
    with tempfile.TemporaryDirectory() as scratch:
        for data in sorted(found, key=lambda data: (len(data), data)):
            if len(data) > most_bytes:
                break
            verdict = run_case(target, data, Path(scratch) / "case")
            shortest.setdefault(verdict.kind + kind_of(verdict.text or verdict.place), data)
    folder = CORPUS / name
    folder.mkdir(parents=True, exist_ok=True)
    room = max(0, most - len(list(folder.iterdir())))
    chosen = list(shortest.values())[:room]
    for data in chosen:
        (folder / hashlib.sha256(data).hexdigest()[:12]).write_bytes(data)
    return sum(map(len, chosen))


def main() -> None:
    """Keep inputs of every target."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "fuzz")
    parser.add_argument("--most", type=int, default=12, help="inputs of each reader (%(default)s)")
    parser.add_argument("--bytes", type=int, default=800, help="of the longest one (%(default)s)")
    given = parser.parse_args()
    for name in NAMES:
        print(f"{name}: {harvest(name, given.work, given.most, given.bytes)} bytes added")


if __name__ == "__main__":
    main()
