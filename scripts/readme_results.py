"""Write the README's table of results from the files they came from.

Usage: python scripts/readme_results.py [--write]

Without --write the table is printed. A test compares the README with it.
"""

from __future__ import annotations

import argparse
import csv
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ekg.evaluation.intervals import with_interval  # noqa: E402
from ekg.files import read_json, write_text  # noqa: E402
from ekg.markdown import with_block  # noqa: E402
from ekg.paths import default_model  # noqa: E402

STORED = ROOT / "best_model_for_paper"
PUBLISHED = STORED / "2020-07-16_mobilenetv3_small_custom_800_best" / "published_figures.json"


def shown(level: dict[str, Any], metric: str) -> str:
    """Return a metric with its interval: `0.790 (0.767 to 0.813)`."""
    return with_interval(level[metric], level["intervals"][metric], to=" to ")


def accuracy_and_f1(metrics: dict[str, Any], level: str) -> str:
    """Return accuracy and macro F1 of a test fold at one level."""
    found = metrics["test"][level]
    accuracy, macro_f1 = (shown(found, name) for name in ("accuracy", "macro_f1"))
    return f"accuracy {accuracy}, macro F1 {macro_f1}"


def measured(name: str) -> dict[str, float]:
    """Return a benchmark's measurements and values."""
    with open(ROOT / "benchmarks" / name, newline="", encoding="utf-8") as stream:
        return {row["measurement"]: float(row["value"]) for row in csv.DictReader(stream)}


def on_simulated() -> tuple[float, float]:
    """Return macro F1 and mean AUROC of the published network on simulated records."""
    with open(ROOT / "docs" / "simulator_judge.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    return (
        sum(float(row["f1"]) for row in rows) / len(rows),
        sum(float(row["auroc"]) for row in rows) / len(rows),
    )


def on_recordings(stored: Path) -> list[str]:
    """Return the rows on recordings of hospitals, the stored model beside the published one."""
    lines = []
    for source, name in (("cpsc2018", "CPSC 2018"), ("other_hospitals", "other hospitals")):
        own, other = (
            read_json(stored / "external" / f"{source}{suffix}.json")["external"]
            for suffix in ("", "_published")
        )
        lines.append(
            f"| The same on {own['records']} recordings of {name}, none trained on, per record "
            f"| macro F1 {shown(own['per_record'], 'macro_f1')}, mean AUROC "
            f"{own['per_record']['macro_auroc']:.3f}; the published model: "
            f"{shown(other['per_record'], 'macro_f1')}, "
            f"{other['per_record']['macro_auroc']:.3f} | `make external` |"
        )
    return lines


def quick_recipe() -> list[str]:
    """Return the row of the default run: mean and SD over seeds."""
    with open(ROOT / "benchmarks" / "seeds.csv", newline="", encoding="utf-8") as stream:
        rows = {row["seed"]: row for row in csv.DictReader(stream)}
    mean, spread = rows["mean"], rows["standard deviation"]
    accuracy, macro_f1 = (
        f"{float(mean[name]):.3f} (SD {float(spread[name]):.3f})"
        for name in ("record_weighted_accuracy", "record_weighted_macro_f1")
    )
    return [
        f"| `make reproduce` without a GPU, {len(rows) - 2} seeds, simulated test, record-weighted "
        f"| accuracy {accuracy}, macro F1 {macro_f1} | `scripts/seeds.py` |"
    ]


def results() -> list[str]:
    """Return the lines of the table."""
    published = read_json(PUBLISHED)
    stored = default_model()
    own = read_json(stored / "metrics.json")
    images = measured("images.csv")
    simulated_f1, simulated_auroc = on_simulated()
    test = own["test"]
    return [
        "| what | result | made by |",
        "|---|---|---|",
        f"| Published model, CPSC 2018 test ({published['test']['records']} records), "
        f"record-weighted | {accuracy_and_f1(published, 'record_weighted')} "
        "| `python scripts/published_figures.py` |",
        f"| The same by majority vote of a record's slices "
        f"| {accuracy_and_f1(published, 'per_record_majority')} | the same |",
        f"| Our stored model, simulated test ({test['records']} records), record-weighted "
        f"| {accuracy_and_f1(own, 'record_weighted')} "
        "| `make evaluate EXPERIMENT=experiments/best_simulated.toml` |",
        f"| The same, per record | {accuracy_and_f1(own, 'per_record')} | the same |",
        *on_recordings(stored),
        *quick_recipe(),
        "| The published network on simulated records, which it never saw "
        f"| macro F1 {simulated_f1:.2f}, mean AUROC {simulated_auroc:.2f} "
        "| `python scripts/judge_simulator.py` |",
        "| Golden pixels: 436 slices of real records | all equal, byte by byte "
        "| `pytest tests/images/test_renderer.py` |",
        "| Golden logits of the published weights | all within 0.001 | `pytest tests/model` |",
        f"| Drawing, against plain matplotlib on one core | {images['ratio, in memory']:.0f} "
        f"times faster in memory, {images['ratio, PNG written']:.0f} times with PNG "
        "| `make bench-images` |",
        f"| From records to PNG files | {images['end to end, 1 process']:.0f} images/s on one core "
        "| `make bench-images` |",
        "",
        "Brackets: 95 % intervals that resample whole records (SD: standard deviation over seeds).",
        "The published model learned from most of these CPSC 2018 recordings, ours from no real",
        "recording; its simulator was tuned with them in view, so this is not a blind test",
        "([docs/training.md](docs/training.md#our-stored-model)). Rows of different data cannot be",
        "compared; `make compare` runs two models on the same images.",
    ]


def page_with_results(page: str) -> str:
    """Return the README with the table between its marks regenerated."""
    return with_block(page, "results", "\n".join([*results(), ""]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write it into README.md")
    if parser.parse_args().write:
        readme = ROOT / "README.md"
        write_text(readme, page_with_results(readme.read_text(encoding="utf-8")))
    else:
        print("\n".join(results()))
