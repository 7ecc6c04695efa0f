"""Run an experiment with several seeds; mean and spread of its test metrics.

python scripts/seeds.py --images DIR --split CSV [--experiment FILE] [--seeds 44 45 46]

The seed changes the first weights, the order of images and dropout; images and folds stay the
same. So the spread is that of training alone, not what another sample of records would add: for
that see the intervals of `python -m ekg evaluate`. Runs that are there already are not run again.
Nothing of it depends on how busy the machine is: how fast it trains, bench_training.py measures.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import pandas as pd
from run_ekg import ROOT, run_ekg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ekg.files import write_text
from ekg.markdown import put_table
from ekg.run import Run

METRICS = ("accuracy", "macro_f1", "macro_auroc")


def run_seed(arguments: argparse.Namespace, seed: int) -> dict[str, object]:
    """Train and evaluate with one seed; return its row."""
    run = arguments.runs / f"{arguments.experiment.stem}-seed-{seed}"
    data = {"images": arguments.images, "split": arguments.split}
    if Run(run).finished is None:
        options = {**data, "run": run, "experiment": arguments.experiment, "seed": seed}
        run_ekg("train", "--resume", *arguments.more, **options)
    if not Run(run).metrics:
        run_ekg("evaluate", model=run, **data, fold="test", out=run)
    test, finished = Run(run).fold_metrics("test"), Run(run).finished
    assert test and finished
    row: dict[str, object] = {
        "seed": seed,
        "val_loss": round(float(finished["best_val_loss"]), 4),
    }
    for level in ("per_image", "record_weighted"):
        for metric in METRICS:
            row[f"{level}_{metric}"] = round(float(test[level][metric]), 4)
    return row


def with_summary(rows: list[dict[str, object]]) -> pd.DataFrame:
    """Add the mean and the standard deviation (n - 1) of every column."""
    table = pd.DataFrame(rows)
    values = table.drop(columns="seed")
    mean = {"seed": "mean", **values.mean().round(4)}
    spread = {"seed": "standard deviation", **values.std(ddof=1).round(4)}
    return pd.concat([table, pd.DataFrame([mean, spread])], ignore_index=True)


def main() -> None:
    """Run all seeds and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--experiment", type=Path, default=ROOT / "experiments" / "quick.toml")
    parser.add_argument("--seeds", type=int, nargs="+", default=[44, 45, 46])
    parser.add_argument("--runs", type=Path, default=Path("runs/seeds"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/seeds.csv"))
    parser.add_argument("--docs", type=Path, help="page whose table is to be replaced")
    parser.add_argument("--more", nargs=argparse.REMAINDER, default=[], help="for ekg train")
    arguments = parser.parse_args()
    for name in ("images", "split", "experiment", "runs"):
        setattr(arguments, name, getattr(arguments, name).resolve())
    table = with_summary([run_seed(arguments, seed) for seed in arguments.seeds])
    write_text(arguments.out, table.to_csv(index=False, lineterminator="\n"))
    print(table.to_string(index=False))
    if arguments.docs:
        put_table(
            arguments.docs,
            "quick",
            pd.read_csv(arguments.out, dtype=str),
            [str(name) for name in table],
        )


if __name__ == "__main__":
    main()
