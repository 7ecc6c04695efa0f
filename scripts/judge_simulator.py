"""Let the published network, which never saw a simulated EKG, name simulated records.

    python scripts/judge_simulator.py --model best_model.model [--records 100] [--write]

Prints a confusion matrix (rows: simulated class), macro F1 and the mean one-vs-rest AUROC over
the seven classes. Each record is cut into slices and drawn exactly as the network's training
images were; its class is the largest mean probability over its slices. `--write` also puts the
table into docs/simulator.md and docs/simulator_judge.csv.
"""

from __future__ import annotations

import argparse
import csv
import io
import os
from pathlib import Path

import numpy as np
import sklearn.metrics
import torch

from ekg.files import write_text
from ekg.images.renderer import Renderer
from ekg.markdown import replace_block
from ekg.model import EkgModel, load_model
from ekg.progress import Progress
from ekg.records.diagnoses import CLASSES
from ekg.records.slicing import slice_starts
from ekg.simulator import VERSION, simulate_record

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("EKG_SHARED", ROOT.parent / "shared"))
PUBLISHED = SHARED / "published_model" / "mobilenetv3_small_custom_37.model"
TABLE = ROOT / "docs" / "simulator_judge.csv"
_SLICE = 1250


def record_probabilities(
    model: EkgModel, renderer: Renderer, name: str, diagnosis: str, seed: int
) -> np.ndarray:
    """Return the mean class probabilities over the slices of one simulated record, shape (7,)."""
    signal, _, _ = simulate_record(name, seed, [diagnosis])
    starts = slice_starts(name, signal.shape[1], seed=seed, at_least=1)
    images = np.stack([renderer.draw(signal[:, s : s + _SLICE]) for s in starts])
    with torch.inference_mode():
        probabilities = model.probabilities(torch.from_numpy(images)[:, None])
    return probabilities.mean(dim=0).double().numpy()


def predict_simulated(model: EkgModel, per_class: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the class indices, shape (n,), and probabilities, shape (n, 7), of all records."""
    renderer = Renderer(model.image_size)
    truth, found = [], []
    with Progress(per_class * len(CLASSES), "judging", "record") as progress:
        for index, diagnosis in enumerate(CLASSES):
            for number in range(1, per_class + 1):
                name = f"judge-{diagnosis}-{number:04d}"
                found.append(record_probabilities(model, renderer, name, diagnosis, seed))
                truth.append(index)
                progress.update()
    return np.array(truth), np.array(found)


def metrics(truth: np.ndarray, probabilities: np.ndarray) -> dict[str, np.ndarray | float]:
    """Return confusion matrix, F1 by class, AUROC by class, and their means."""
    predicted = probabilities.argmax(axis=1)
    labels = range(len(CLASSES))
    f1 = sklearn.metrics.f1_score(truth, predicted, labels=labels, average=None, zero_division=0)
    auroc = [sklearn.metrics.roc_auc_score(truth == k, probabilities[:, k]) for k in labels]
    return {
        "confusion": sklearn.metrics.confusion_matrix(truth, predicted, labels=labels),
        "f1": f1,
        "auroc": np.array(auroc),
        "macro_f1": float(np.mean(f1)),
        "mean_auroc": float(np.mean(auroc)),
    }


def as_markdown(content: str) -> str:
    """Return the content of the CSV file as a Markdown table with one line above it."""
    rows = list(csv.DictReader(io.StringIO(content)))
    means = {key: np.mean([float(row[key]) for row in rows]) for key in ("f1", "auroc")}
    first = rows[0]
    lines = [
        f"{sum(int(first[name]) for name in CLASSES)} records a class, seed {first['seed']}, "
        f"simulator version {first['simulator_version']}: macro F1 **{means['f1']:.3f}**, mean "
        f"one-vs-rest AUROC **{means['auroc']:.3f}**. Rows: simulated class; columns: what the "
        "published network says.",
        "",
        "| simulated | " + " | ".join(CLASSES) + " | F1 | AUROC |",
        "|---" * (len(CLASSES) + 3) + "|",
    ]
    for row in rows:
        counts = " | ".join(row[name] for name in CLASSES)
        scores = f"{float(row['f1']):.2f} | {float(row['auroc']):.2f}"
        lines.append(f"| {row['simulated']} | {counts} | {scores} |")
    return "\n".join(lines) + "\n"


def table_lines() -> list[str]:
    """Return the page's table, from the CSV file."""
    return as_markdown(TABLE.read_text(encoding="utf-8")).splitlines()


def as_csv(result: dict[str, np.ndarray | float], seed: int) -> str:
    """Return the confusion matrix with F1 and AUROC by class as CSV."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(["simulated", *CLASSES, "f1", "auroc", "seed", "simulator_version"])
    confusion, f1, auroc = (np.asarray(result[key]) for key in ("confusion", "f1", "auroc"))
    for index, name in enumerate(CLASSES):
        scores = (f"{f1[index]:.4f}", f"{auroc[index]:.4f}")
        writer.writerow([name, *confusion[index], *scores, seed, VERSION])
    return table.getvalue()


def main() -> None:
    """Parse the command line, predict, print and write."""
    parser = argparse.ArgumentParser(description="Judge the simulator by the published network.")
    parser.add_argument("--model", type=Path, default=PUBLISHED, help="default: %(default)s")
    parser.add_argument("--records", type=int, default=100, help="a class (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=44, help="default: %(default)s")
    parser.add_argument("--write", action="store_true", help="put the table into docs/")
    arguments = parser.parse_args()
    truth, probabilities = predict_simulated(
        load_model(arguments.model), arguments.records, arguments.seed
    )
    result = metrics(truth, probabilities)
    content = as_csv(result, arguments.seed)
    print(as_markdown(content), end="")
    if arguments.write:
        write_text(TABLE, content)
        replace_block(ROOT / "docs" / "simulator.md", "judge", as_markdown(content))


if __name__ == "__main__":
    main()
