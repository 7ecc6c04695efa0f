"""The hackathon's report as a page of Markdown, from its JSON alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ekg.hackathon.split import ACQUAINTANCE, PROTOCOLS
from ekg.hackathon.training import TRAIN_PARTS

_LEVELS = {
    "per_image": "every image",
    "per_record": "every record (mean probability)",
    "per_patient": "every patient (mean probability)",
}


def page_of(report: dict[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    report
        As `ekg.hackathon.report.write_report` makes it.
    """
    parts = [
        "# The hackathon of October 2019, rebuilt",
        "",
        "Not for clinical use. Every figure here is printed by `python -m ekg hackathon` from the "
        "files beside this page; the published ones are those of its result files "
        f"({report['published']['source']}).",
        "",
        *_provenance(report),
        *_data(report),
        *_results(report),
        *_meaning(report),
        *_matrices(report),
    ]
    return "\n".join(parts).rstrip() + "\n"


def summary_lines(report: dict[str, Any]) -> list[str]:
    """Return a few lines for the terminal: test accuracy of each run beside the published one."""
    lines = []
    for run in report["runs"]:
        published = report["published"][run["train"]]["test"]["accuracy"]
        test = run["test"]
        lines.append(
            f"{TRAIN_PARTS[run['train']]}, divided by {run['protocol']}: test accuracy "
            f"{test['per_image']['accuracy']:.3f} by image, "
            f"{test['per_patient']['accuracy']:.3f} by patient "
            f"(published, divided by images: {published:.3f} by image)"
        )
    return lines


def _provenance(report: dict[str, Any]) -> list[str]:
    lines = []
    if report["settings"]["simulated"]:
        lines.append(
            "**These records are simulated.** The figures show that the road works and what "
            "dividing by image does; they say nothing about patients and cannot be held against "
            "the published ones."
        )
    for run in report["runs"]:
        kind = f"{run['network']} with weights {run['weights']}"
        if run["network"] != "resnet101" or run["weights"].startswith("none"):
            lines.append(
                f"**`{run['run']}` is not the hackathon's network:** {kind}, {run['epochs']} "
                f"epochs, pictures of {run['image_size']} pixels."
            )
    return [line for text in lines for line in (text, "")]


def _data(report: dict[str, Any]) -> list[str]:
    records, settings = report["records"], report["settings"]
    lines = [
        "## Records and pictures",
        "",
        f"{records['found']:,} records found, {records['used']:,} used, of "
        f"{records['used_patients']:,} patients; {settings['per_record']} slices of "
        f"{settings['seconds']:g} s a record at random starts (seed {settings['seed']}), of which "
        "each class keeps as many as the rarest has.",
        "",
        *_table(
            ("class", "records", "patients", "pictures"),
            [
                (name, f"{c['records']:,}", f"{c['patients']:,}", f"{c['images']:,}")
                for name, c in records["by_class"].items()
            ],
        ),
        "",
    ]
    if records["left_out"]:
        lines += ["Left out (each record and its reason: `records.csv`):", ""]
        lines += [f"* {number:,}: {why}" for why, number in records["left_out"].items()]
        lines.append("")
    lines += [f"Note: {note}." for note in settings["notes"]]
    return [*lines, ""] if settings["notes"] else lines


def _results(report: dict[str, Any]) -> list[str]:
    rows = []
    for train, part in TRAIN_PARTS.items():
        published = report["published"][train]
        if any(run["train"] == train for run in report["runs"]):
            rows.append(_row(f"{part}, published", published, published["test"], {}))
        rows += [
            _row(f"{part}, by {run['protocol']}", run, run["test"]["per_image"], run["test"])
            for run in report["runs"]
            if run["train"] == train
        ]
    header = (
        "training", "best val accuracy", "last epoch: train loss", "train accuracy", "val loss",
        "val accuracy", "minutes", "test images", "test accuracy", "macro F1",
    )  # fmt: skip
    return [
        "## Results",
        "",
        "The epoch of the best validation accuracy is tested. In brackets: 95 % interval, "
        "resampling patients.",
        "",
        *_table(header, rows),
        "",
        "The published test images were " + _share_of_images(report) + " The published rates "
        "carry no interval: which images were of one patient is not known.",
        "",
    ]


def _share_of_images(report: dict[str, Any]) -> str:
    matrix = report["published"]["all"]["test"]["confusion_matrix"]
    sizes = [int(sum(row)) for row in matrix]
    total = sum(sizes)
    return (
        f"{total} ({', '.join(map(str, sizes))} by class); with a fifth of all images in test "
        f"that makes about {5 * total:,} images, so far more slices a record were taken from the "
        "rare classes than the stored code takes."
    )


def _row(
    name: str, run: dict[str, Any], test: dict[str, Any], counts: dict[str, Any]
) -> Sequence[str]:
    final, intervals = run["final"], test.get("intervals", {})
    return (
        name,
        f"{run['best_val_accuracy']:.4f}",
        f"{final['train_loss']:.4f}",
        f"{final['train_accuracy']:.4f}",
        f"{final['val_loss']:.4f}",
        f"{final['val_accuracy']:.4f}",
        f"{run['minutes']:.1f}",
        f"{counts.get('images', test.get('images', 0)):,}",
        _with_interval(test["accuracy"], intervals.get("accuracy")),
        _with_interval(test["macro_f1"], intervals.get("macro_f1")),
    )


def _meaning(report: dict[str, Any]) -> list[str]:
    lines = ["## What the two ways of dividing mean", ""]
    lines += [f"* **{name}**: {text}." for name, text in PROTOCOLS.items()]
    lines.append("")
    rows = []
    for run in report["runs"]:
        test, leak = run["test"], run["leakage"]["test"]
        known = leak["images"] - leak["images_by_acquaintance"]["stranger"]
        rows.append(
            (
                f"{TRAIN_PARTS[run['train']]}, by {run['protocol']}",
                *(
                    _with_interval(
                        test[level]["accuracy"],
                        test[level].get("intervals", {}).get("accuracy"),
                    )
                    for level in _LEVELS
                ),
                f"{leak['patients_in_train']} of {leak['patients']}",
                f"{leak['records_in_train']} of {leak['records']}",
                f"{known} of {leak['images']}",
            )
        )
    header = (
        "test accuracy over", *_LEVELS.values(), "test patients also in train",
        "test records also in train", "test images of a patient known from train",
    )  # fmt: skip
    lines += [*_table(header, rows), ""]
    for train, gap in report["gaps"].items():
        image, patient = gap["per_image"]["accuracy"], gap["per_patient"]["accuracy"]
        lines += [f"{TRAIN_PARTS[train].capitalize()}: {_gap_sentence(image, patient)}", ""]
    lines += [
        "Divided by image, slices of one recording, and even the same seconds of it, stand on "
        "both sides, and most patients tested were also learned from. A network that has learned "
        "to know a person's trace then looks as if it knew the disease. Only the figures divided "
        "by patient say what to expect of a person never seen before, and the published figures "
        "were not obtained in that way.",
        "",
        "How closely the tested images were known, and how often they were read rightly:",
        "",
    ]
    runs = report["runs"]
    header = ("closest acquaintance in train", *(r["run"].rpartition("/")[2] for r in runs))
    body = []
    for kind, text in ACQUAINTANCE.items():
        cells = [run["accuracy_by_acquaintance"][kind] for run in runs]
        body.append(
            (
                text,
                *(
                    "none" if c["accuracy"] is None else f"{c['accuracy']:.3f} ({c['images']})"
                    for c in cells
                ),
            )
        )
    return [*lines, *_table(header, body), ""]


def _gap_sentence(image: float, patient: float) -> str:
    direction = "higher" if image >= 0 else "lower"
    other = "higher" if patient >= 0 else "lower"
    return (
        f"dividing by image gives a test accuracy that is {abs(image):.3f} {direction} by image, "
        f"and {abs(patient):.3f} {other} by patient, than dividing by patient. The two have "
        "different test images, so part of the difference is chance; the intervals above say how "
        "much, where there are enough patients for any."
    )


def _matrices(report: dict[str, Any]) -> list[str]:
    lines = ["## Confusion matrices of the test images", "", "Rows: true class.", ""]
    for train, part in TRAIN_PARTS.items():
        runs = [run for run in report["runs"] if run["train"] == train]
        if not runs:
            continue
        published = report["published"][train]["test"]["confusion_matrix"]
        tables = [(f"{part}, published", published)]
        tables += [
            (f"{part}, by {run['protocol']}", run["test"]["per_image"]["confusion_matrix"])
            for run in runs
        ]
        for title, matrix in tables:
            rows = [
                (name, *(f"{number:g}" for number in row))
                for name, row in zip(report["classes"], matrix, strict=True)
            ]
            lines += [f"### {title[0].upper()}{title[1:]}", ""]
            lines += [*_table(("true class", *report["classes"]), rows), ""]
    return lines


def _with_interval(value: float, interval: Sequence[float] | None) -> str:
    if not interval:
        return f"{value:.3f}"
    return f"{value:.3f} ({interval[0]:.3f} to {interval[1]:.3f})"


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return lines + ["| " + " | ".join(row) + " |" for row in rows]
