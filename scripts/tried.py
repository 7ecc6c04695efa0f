"""Keep the table of what was tried for the stored model, and what it gave on recordings.

python scripts/tried.py --name "simulator 6" --run RUN --external DIR [DIR ...] [--docs PAGE]

RUN is a run folder (finished or stopped) or a stored model, each DIR a result of `python -m ekg
external` with it (or a stored model's folder `external`). Every figure comes from those files; a
row of the same name is replaced. The table goes to benchmarks/tried.csv.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import pandas as pd

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ekg.config import load_config
from ekg.files import atomic_open, read_json, sha256_of_file
from ekg.markdown import put_table
from ekg.run import CONFIG_FILE, WEIGHTS_FILE, Run
from ekg.store.stored_external import collect_external

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = (
    "tried",
    "simulator",
    "training_records",
    "image_size",
    "images_seen",
    "slices",
    "augmentation",
    "minutes",
    "val_macro_f1",
    "cpsc2018_macro_f1",
    "cpsc2018_auroc",
    "others_accuracy",
    "others_balanced_accuracy",
    "others_macro_f1",
    "others_auroc",
)


def row_of(name: str, run: Path, results: list[Path]) -> dict[str, Any]:
    """Return a run's row."""
    config = load_config(run / CONFIG_FILE)
    facts, history = Run(run).dataset_facts, Run(run).history
    assert history is not None
    fold = facts["folds"]["train"]
    images = min(config.data.max_train_images or fold["images"], fold["images"])
    size = config.training.batch_size
    changes = config.augmentation
    best = history[history["saved_model"]].iloc[-1]
    row: dict[str, Any] = {
        "tried": name,
        "simulator": facts["simulation"]["version"],
        "training_records": fold["records"],
        "image_size": config.data.image_size,
        "images_seen": min(int(history["steps"].sum()) * size, len(history) * images),
        "slices": config.data.slices,
        "augmentation": (
            f"{changes.amplitude:g}, {changes.baseline_wander:g} mV, {changes.noise:g} mV"
            if changes.active
            else "none"
        ),
        "minutes": round(float(history["elapsed_time"].iloc[-1]), 1),
        "val_macro_f1": f"{best['val_macro_f1']:.3f}",
    }
    sources = {
        "cpsc2018": ("macro_f1", "macro_auroc"),
        "other_hospitals": ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc"),
    }
    with tempfile.TemporaryDirectory() as folder:
        collect_external(results, Path(folder), sha256_of_file(run / WEIGHTS_FILE))
        for source, metrics in sources.items():
            path = Path(folder) / "external" / f"{source}.json"
            found = read_json(path)["external"]["per_record"]
            for metric in metrics:
                column = f"{source}_{metric}".replace("other_hospitals", "others")
                row[column.replace("macro_auroc", "auroc")] = f"{found[metric]:.3f}"
    return row


def main() -> None:
    """Add or replace one row and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--name")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--external", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "tried.csv")
    parser.add_argument("--docs", type=Path, help="page whose table is to be replaced")
    arguments = parser.parse_args()
    rows: list[dict[Any, Any]] = []
    if arguments.out.is_file():
        rows = pd.read_csv(arguments.out, dtype=str).to_dict("records")
    if arguments.name:
        row = row_of(arguments.name, arguments.run, arguments.external)
        names = [old["tried"] for old in rows]
        if arguments.name in names:
            rows[names.index(arguments.name)] = row
        else:
            rows.append(row)
        with atomic_open(arguments.out) as stream:
            pd.DataFrame(rows, columns=list(COLUMNS)).to_csv(stream, index=False)
    if arguments.docs:
        put_table(arguments.docs, "tried", pd.read_csv(arguments.out, dtype=str), COLUMNS)


if __name__ == "__main__":
    main()
