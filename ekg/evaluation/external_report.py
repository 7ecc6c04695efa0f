"""The report on another hospital's records, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ekg.evaluation.groups import NOT_STATED
from ekg.evaluation.levels import LEVELS
from ekg.evaluation.runs import MAIN_METRICS, with_interval
from ekg.markdown import table

_MOST_REASONS = 12


def report_of(content: Mapping[str, Any]) -> str:
    """Return `external.md`: what the records are, beside how well the model did on them."""
    data, metrics = content["data"], content["external"]
    lines = [
        f"# {content['model']} on {content['dataset']}",
        "",
        "Records from another source than the training data. **Not for clinical use.**",
        "",
        *_section("The records", _data_rows(data), ["", "what"]),
        *_section("Classes (records)", _class_rows(content), _CLASS_HEAD),
        *_section("Results", _level_rows(metrics), ["level", *MAIN_METRICS]),
    ]
    resampling = metrics["resampling"]
    if resampling["resamples"]:
        lines += [
            f"In brackets: {100 * resampling['coverage']:g} % intervals from "
            f"{resampling['resamples']:,} resamples of whole records.",
            "",
        ]
    for level, meaning in LEVELS.items():
        if level in metrics:
            lines.append(f"* {level}: {meaning}.")
    lines += ["", *_confusion(content), *_groups(metrics), *_left_out(data)]
    lines += ["## Caveats", ""]
    lines += [f"* {note}." for note in [*metrics["notes"], *_caveats(content)]]
    return "\n".join(lines) + "\n"


def summary_of(content: Mapping[str, Any]) -> list[str]:
    """Return a few lines for the terminal."""
    data, metrics = content["data"], content["external"]
    level = "per_record"
    rates = ", ".join(f"{rate} Hz" for rate in data["sampling_frequency_hz"])
    return [
        f"{content['model']} on {content['dataset']}: {metrics['records']:,} of "
        f"{data['found']:,} records read ({metrics['images']:,} slices, {rates}); left out: "
        + (", ".join(f"{n:,} {reason}" for reason, n in data["left_out"].items()) or "none"),
        *_labels_of(data),
        "classes: " + ", ".join(f"{name} {n}" for name, n in data["class_mix"].items()),
        f"{level}: "
        + ", ".join(
            f"{name} {with_interval(metrics[level].get(name), _interval(metrics[level], name))}"
            for name in ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
        ),
    ]


def _labels_of(data: Mapping[str, Any]) -> list[str]:
    table = data.get("label_table")
    if not table:
        return []
    return [
        f"labels: {table['rows_of_records_here']:,} of {table['rows']:,} rows name a record here"
    ]


_CLASS_HEAD = ["class", "records", "recall", "precision", "F1", "AUROC"]


def _data_rows(data: Mapping[str, Any]) -> list[list[str]]:
    def listed(counts: Mapping[str, int], unit: str = "") -> str:
        return ", ".join(f"{name}{unit} ({count:,})" for name, count in counts.items())

    seconds = data["seconds"]
    return [
        ["records found", f"{data['found']:,}: {listed(data['status'])}"],
        ["sampling frequency", listed(data["sampling_frequency_hz"], " Hz")],
        [
            "length",
            f"{seconds['shortest']:g} to {seconds['longest']:g} s, median {seconds['median']:g} s"
            if seconds
            else "not stated",
        ],
        ["units", listed(data["units"])],
        ["slices read", f"{data['slices']:,}"],
        ["kept with other statements", f"{data['with_other_statements']:,}"],
        ["kept with warnings of signal quality", f"{data['with_warnings']:,}"],
    ]


def _class_rows(content: Mapping[str, Any]) -> list[list[str]]:
    per_class = content["external"]["per_record"]["per_class"]
    return [
        [name, f"{content['data']['class_mix'].get(name, 0):,}"]
        + [with_interval(per_class[name].get(key), None) for key in _KEYS]
        for name in content["classes"]
    ]


_KEYS = ("recall", "precision", "f1", "auroc")


def _level_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    return [
        [level]
        + [
            with_interval(metrics[level].get(name), _interval(metrics[level], name))
            for name in MAIN_METRICS
        ]
        for level in LEVELS
        if level in metrics
    ]


def _interval(level: Mapping[str, Any], name: str) -> list[float] | None:
    interval: list[float] | None = level.get("intervals", {}).get(name)
    return interval


def _confusion(content: Mapping[str, Any]) -> list[str]:
    classes = content["classes"]
    matrix = content["external"]["per_record"]["confusion_matrix"]
    rows = [
        [name, *(f"{value:g}" for value in row)]
        for name, row in zip(classes, matrix, strict=True)
        if sum(row)
    ]
    return _section("Confusion (records; rows true, columns named)", rows, ["", *classes])


def _groups(metrics: Mapping[str, Any]) -> list[str]:
    """Return accuracy by the headers' sex and age; nothing where they state neither."""
    rows = [
        [kind, name, str(f["records"]), with_interval(f["accuracy"], f.get("interval"))]
        for kind, names in metrics.get("groups", {}).items()
        for name, f in names.items()
        if set(names) != {NOT_STATED}
    ]
    if not rows:
        return []
    lines = _section("By sex and age (records)", rows, ["", "group", "records", "accuracy"])
    return [
        *lines,
        "Intervals are Wilson's. The groups differ in their diagnoses, so a difference between",
        "them is not yet one between people.",
        "",
    ]


def _left_out(data: Mapping[str, Any]) -> list[str]:
    reasons = list(data["reasons"].items())
    rows = [[reason, f"{count:,}"] for reason, count in reasons[:_MOST_REASONS]]
    further = reasons[_MOST_REASONS:]
    if further:
        rows.append([f"{len(further)} further reasons", f"{sum(n for _, n in further):,}"])
    lines = _section("Left out", rows or [["nothing", "0"]], ["reason", "records"])
    return [*lines, "`records.csv` has every record with its statements, status and reason.", ""]


def _caveats(content: Mapping[str, Any]) -> list[str]:
    rule = content["rule"]
    return [
        "only records with exactly one of the seven classes count; performance on all "
        "other recordings is not measured here, and it always names one of its classes",
        "records with findings beside their class are "
        + ("kept (except Normal)" if rule["allow_findings"] else "left out")
        + f"; a diagnostic SCP statement counts from {rule['least_likelihood']:g} % on",
        "the labels follow other rules than those of the training "
        "data: disagreement is not all the network's",
        "the class mix differs from the training data's; accuracy and precision depend on it, "
        "recall and AUROC do not",
    ]


def _section(title: str, rows: Sequence[Sequence[str]], head: Sequence[str]) -> list[str]:
    return [f"## {title}", "", *table(head, rows), ""]
