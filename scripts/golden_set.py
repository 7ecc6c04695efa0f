"""Write the small golden set that ships with the project from what the code does now.

    python scripts/golden_set.py

Simulates a few records of each class, cuts and draws them, lets the default model
read them, and writes `tests/golden/`. Run it when simulator, slicing, split or drawing were changed
on purpose, or when another model was stored; `make verify` and the tests compare with it.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from checks.golden import make_golden_set  # noqa: E402
from ekg.errors import EkgError  # noqa: E402


def main() -> int:
    """Write it and say how much it is."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository to write into")
    try:
        folder, slices = make_golden_set(parser.parse_args().root)
    except EkgError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{folder}: {slices} slices, {size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
