"""Compute the published model's figures from its prediction files; nothing is typed by hand.

python scripts/published_figures.py            print the main figures
python scripts/published_figures.py --write    renew published_figures.json as well
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from ekg.errors import EkgError
from ekg.evaluation.published import (
    PUBLISHED_METRICS_FILE,
    build_published_metrics,
    criteria_table,
    prediction_folder,
)
from ekg.evaluation.runs import fold_summary
from ekg.files import write_json
from ekg.paths import PUBLISHED_FOLDER


def main() -> int:
    """Compute, print, and write when asked to."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help=f"renew {PUBLISHED_METRICS_FILE}")
    arguments = parser.parse_args()
    try:
        content = build_published_metrics(prediction_folder())
    except EkgError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for fold in ("test", "val"):
        print("\n".join(fold_summary(content, fold)))
    abstract = content["abstract"]
    print(f"{abstract['statement']}: {abstract['lowest']}-{abstract['highest']}")
    print("what a run is compared with:")
    print("\n".join(criteria_table(content)))
    if arguments.write:
        write_json(PUBLISHED_FOLDER / PUBLISHED_METRICS_FILE, content)
        print(f"written: {(PUBLISHED_FOLDER / PUBLISHED_METRICS_FILE).relative_to(Path.cwd())}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
