"""What each choice of the modern recipe brings: runs without it, runs with it.

python scripts/ablation.py --records DIR --images DIR --split CSV [--only NAME ...]
    [--real NAME=FOLDER[:LABELS] ...] [--seeds N ...]

On a CPU the runs are small (224 pixels, a minute or two each). A setting is compared with the
whole recipe under the same seed; the page shows the mean of these differences and their standard
deviation. --real evaluates each run on recordings of hospitals too. Every run is a row of
benchmarks/ablation.csv; runs that are there already are not run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import pandas as pd
from run_ekg import ROOT, run_ekg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ekg.files import atomic_open
from ekg.markdown import table_lines
from ekg.run import Run

TABLE = ROOT / "benchmarks" / "ablation.csv"
MODERN = ROOT / "experiments" / "modern_800.toml"

CHOICES: dict[str, list[str]] = {
    "modern": [],
    "sgd instead of adamw": [
        'optimizer.name="sgd"',
        "optimizer.learning_rate=0.02",
        "optimizer.weight_decay=0.0",
    ],
    "no schedule": ['schedule.name="constant"', "schedule.warmup_fraction=0.0"],
    "no warm-up": ["schedule.warmup_fraction=0.0"],
    "no weight averaging": ["training.averaging_decay=0.0"],
    "no label smoothing": ["training.label_smoothing=0.0"],
    "fixed slices": ['data.slices="fixed"'],
    "no augmentation": [
        "augmentation.amplitude=0.0",
        "augmentation.baseline_wander=0.0",
        "augmentation.noise=0.0",
    ],
    "twice the augmentation": [
        "augmentation.amplitude=0.2",
        "augmentation.baseline_wander=0.1",
        "augmentation.noise=0.02",
    ],
    "four times the augmentation": [
        "augmentation.amplitude=0.4",
        "augmentation.baseline_wander=0.2",
        "augmentation.noise=0.04",
    ],
    "half the batch size": ["training.batch_size=8"],
    "paper's recipe": [],
}
COLUMNS = (
    "setting",
    "seed",
    "image_size",
    "epochs",
    "train_images",
    "minutes",
    "val_loss",
    "val_accuracy",
    "val_macro_f1",
    "test_accuracy",
    "test_macro_f1",
)
REAL_METRICS = ("macro_f1", "macro_auroc")


def run_one(
    setting: str, seed: int, arguments: argparse.Namespace, folder: Path
) -> dict[str, object]:
    """Train and evaluate one setting; return its row."""
    run = folder / f"{setting.replace(' ', '-').replace(chr(39), '')}-{seed}"
    experiment = MODERN.with_name("paper_800.toml") if setting == "paper's recipe" else MODERN
    overrides = [
        f"data.image_size={arguments.image_size}",
        "training.max_minutes=0.0",
        f"training.batch_size={arguments.batch_size}",
        f"data.max_train_images={arguments.train_images}",
        "early_stopping.enabled=false",
        *CHOICES[setting],
    ]
    words = [word for override in overrides for word in ("--set", override)]
    data = {"images": arguments.images, "split": arguments.split}
    if Run(run).finished is None:
        options = {name: getattr(arguments, name) for name in ("epochs", "threads", "workers")}
        options |= {"records": arguments.records, "experiment": experiment, "seed": seed}
        run_ekg("train", "--resume", *words, **data, run=run, **options)
    if not Run(run).metrics:
        run_ekg("evaluate", model=run, **data, fold="test", out=run)
    real: dict[str, float] = {}
    for source in arguments.real:
        real |= metrics_on_recordings(run, source)
    trained = Run(run)
    history, finished = trained.history, trained.finished
    figures = trained.fold_metrics("test")
    assert history is not None and finished and figures
    best = history[history["saved_model"]].iloc[-1]
    test = figures["record_weighted"]
    return {
        "setting": setting,
        "seed": seed,
        "image_size": arguments.image_size,
        "epochs": arguments.epochs,
        "train_images": arguments.train_images,
        "minutes": round(float(finished["minutes"]), 2),
        "val_loss": round(float(best["val_loss"]), 4),
        "val_accuracy": round(float(best["val_accuracy"]), 4),
        "val_macro_f1": round(float(best["val_macro_f1"]), 4),
        "test_accuracy": round(float(test["accuracy"]), 4),
        "test_macro_f1": round(float(test["macro_f1"]), 4),
        **real,
    }


def metrics_on_recordings(run: Path, source: str) -> dict[str, float]:
    """Return the metrics per record on one source of recordings, NAME=FOLDER[:LABELS]."""
    name, _, place = source.partition("=")
    folder, _, labels = place.partition(":")
    out = run / f"on-{name}"
    if not (out / "external.json").is_file():
        more = {"labels": labels} if labels else {}
        run_ekg("external", model=run, records=folder, **more, name=name, resamples=0, out=out)
    found = json.loads((out / "external.json").read_text())["external"]["per_record"]
    return {f"{name}_{metric}": round(float(found[metric]), 4) for metric in REAL_METRICS}


def summary(runs: pd.DataFrame) -> pd.DataFrame:
    """Return one row a setting: means over seeds, and differences from the whole recipe."""
    scored = [str(name) for name in runs if str(name).endswith("_macro_f1")]
    sources = [name.removesuffix("_macro_f1") for name in scored if name != "val_macro_f1"]
    whole = runs[runs["setting"] == "modern"].set_index("seed")
    rows = []
    for setting, group in runs.groupby("setting", sort=False):
        row = {"setting": str(setting), "seeds": str(len(group))}
        row["val loss"] = f"{group['val_loss'].mean():.3f}"
        for source in sources:
            scores = group.set_index("seed")[f"{source}_macro_f1"]
            row[f"{source} macro F1"] = f"{scores.mean():.3f}"
            paired = (scores - whole[f"{source}_macro_f1"]).dropna()
            said = f"{paired.mean():+.3f}" + (f" ({paired.std():.3f})" if len(paired) > 1 else "")
            row[f"{source} difference"] = "" if setting == "modern" else said
        rows.append(row)
    return pd.DataFrame(rows)


def summary_lines() -> list[str]:
    """Return the lines of the table in docs/training.md, for `make verify`."""
    table = summary(pd.read_csv(TABLE))
    return table_lines(table, list(table.columns))


def main() -> None:
    """Run what is asked for and write the table after every run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--records", type=Path, required=True)
    parser.add_argument("--images", type=Path, required=True, help="of size --image-size")
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--out", type=Path, default=TABLE)
    parser.add_argument("--image-size", type=int, default=224)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--train-images", type=int, default=1500, help="at most this many")
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--seeds", type=int, nargs="+", default=[44])
    parser.add_argument("--only", nargs="+", choices=list(CHOICES), default=list(CHOICES))
    parser.add_argument(
        "--real",
        nargs="+",
        default=[],
        metavar="NAME=FOLDER[:LABELS]",
        help="recordings of hospitals to evaluate each run on",
    )
    parser.add_argument("--threads", type=int, default=0, help="as in `ekg train`")
    parser.add_argument("--workers", type=int, default=-1, help="as in `ekg train`")
    parser.add_argument("--docs", type=Path, help="page whose table is to be replaced")
    arguments = parser.parse_args()
    for name in ("records", "images", "split", "runs"):
        setattr(arguments, name, getattr(arguments, name).resolve())
    rows: list[dict[str, object]] = []
    for seed in arguments.seeds:
        for setting in arguments.only:
            rows.append(run_one(setting, seed, arguments, arguments.runs))
            with atomic_open(arguments.out) as stream:
                extra = [name for name in rows[0] if name not in COLUMNS]
                writer = csv.DictWriter(stream, [*COLUMNS, *extra], lineterminator="\n")
                writer.writeheader()
                writer.writerows(rows)
    print(arguments.out.read_text())
    if arguments.docs:
        from ekg.markdown import put_table

        table = summary(pd.read_csv(arguments.out))
        put_table(arguments.docs, "ablation", table, list(table.columns))


if __name__ == "__main__":
    main()
