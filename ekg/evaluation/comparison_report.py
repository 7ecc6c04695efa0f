"""A comparison as lines for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ekg.evaluation.intervals import with_interval
from ekg.evaluation.levels import LEVELS
from ekg.evaluation.runs import table
from ekg.markdown import render

MAIN_METRICS = (
    "accuracy",
    "balanced_accuracy",
    "macro_precision",
    "macro_recall",
    "macro_f1",
    "macro_auroc",
    "macro_average_precision",
    "brier",
    "ece",
    "log_loss",
)
TERMINAL_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
CLASS_METRICS = ("precision", "recall", "f1", "auroc")
LEVEL_OF_CLASSES = "record_weighted"
_RECORDS_SHOWN = 50

Row = list[str]


def _signed(entry: dict[str, Any]) -> str:
    if entry["difference"] is None:
        return "-"
    text = f"{entry['difference']:+.3f}"
    interval = entry["interval"]
    return f"{text} ({interval[0]:+.3f} to {interval[1]:+.3f})" if interval else text


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def metric_rows(
    content: dict[str, Any], level: str, metrics: Iterable[str] = MAIN_METRICS
) -> tuple[Row, list[Row]]:
    """Return head and rows of one level's metrics; without differences on different data."""
    head = ["metric", content["a"]["name"], content["b"]["name"]]
    if content["comparable"]:
        head.append("difference")
    if content["paired"]:
        head.append("p")
    rows = []
    for name in metrics:
        entry = content["levels"][level]["figures"].get(name)
        if entry is not None:
            rows.append([name, *_cells(entry, content)])
    return head, rows


def _cells(entry: dict[str, Any], content: dict[str, Any]) -> Row:
    cells = [
        with_interval(entry["a"], entry["a_interval"]),
        with_interval(entry["b"], entry["b_interval"]),
    ]
    if content["comparable"]:
        cells.append(_signed(entry))
    if content["paired"]:
        cells.append(_p(entry["p"]))
    return cells


def class_rows(
    content: dict[str, Any], level: str = LEVEL_OF_CLASSES, metrics: Iterable[str] = CLASS_METRICS
) -> tuple[Row, list[Row]]:
    """Return head and rows of the per-class table."""
    head = ["class", "metric", content["a"]["name"], content["b"]["name"]]
    if content["comparable"]:
        head.append("difference")
    wanted, rows = list(metrics), []
    for class_, entries in content["levels"][level]["per_class"].items():
        for name in wanted:
            entry = entries.get(name)
            if isinstance(entry, dict):
                rows.append([class_, name, *_cells(entry, {**content, "paired": False})])
    return head, rows


def agreement_sentences(content: dict[str, Any]) -> list[str]:
    """Return what the record-by-record comparison says; nothing where there is none."""
    found = content["records"]
    if found is None:
        return []
    kappa = with_interval(found["kappa"], found["kappa_interval"])
    return [
        f"One decision a record ({found['rule']}), {found['records']:,} records: both right "
        f"{found['both_right']:,}, only {content['a']['name']} {found['a_only']:,}, only "
        f"{content['b']['name']} {found['b_only']:,}, both wrong {found['both_wrong']:,}.",
        f"McNemar's exact test, by record: p {_p_sentence(found['mcnemar_p'])}.",
        f"They agree on {found['agree']:,} records; Cohen's kappa {kappa}.",
    ]


def _p_sentence(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"= {value:.3f}"


def terminal_lines(content: dict[str, Any]) -> list[str]:
    """Return the short form for the terminal, the dataset's name in every heading."""
    lines = [content["heading"]]
    for level in LEVELS:
        if level in content["levels"]:
            head, rows = metric_rows(content, level, TERMINAL_METRICS)
            lines += ["", f"{content['dataset']}, {level} ({LEVELS[level]})", *table(head, rows)]
    head, rows = class_rows(content, metrics=("recall",))
    lines += ["", f"{content['dataset']}, recall by class, {LEVEL_OF_CLASSES}"]
    lines += table([head[0], *head[2:]], [[row[0], *row[2:]] for row in rows])
    if sentences := agreement_sentences(content):
        lines += ["", *sentences]
    if published := content.get("published"):
        head, rows = metric_rows(published, LEVEL_OF_CLASSES, ("accuracy", "macro_f1"))
        lines += ["", published["heading"], *table(head, rows)]
    if content["notes"]:
        lines += ["", *(f"note: {note}" for note in content["notes"])]
    return lines


def _matrix_rows(content: dict[str, Any], side: str) -> list[Row]:
    matrix = content["levels"][LEVEL_OF_CLASSES]["confusion_matrix"][side]
    return [
        [class_, *(f"{value:.1f}".removesuffix(".0") for value in row)]
        for class_, row in zip(content["classes"], matrix, strict=False)
    ]


def markdown_report(content: dict[str, Any]) -> str:
    """Return `comparison.md`."""
    shown = content["differing_records"][:_RECORDS_SHOWN] if content["records"] else []
    return render(
        "ekg.evaluation",
        "comparison.md.j2",
        **content,
        content={"published": None, **content},
        LEVELS=LEVELS,
        level_of_classes=LEVEL_OF_CLASSES,
        metric_rows=metric_rows,
        class_rows=class_rows,
        matrix_rows=_matrix_rows,
        sentences=agreement_sentences(content),
        differing_rows=[[r["record"], r["label"], r["a"], r["b"]] for r in shown],
    )
