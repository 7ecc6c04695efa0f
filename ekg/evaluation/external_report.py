"""The report on another hospital's records, in words and tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ekg.evaluation.groups import NOT_STATED
from ekg.evaluation.intervals import with_interval
from ekg.evaluation.levels import LEVELS
from ekg.evaluation.runs import MAIN_METRICS
from ekg.markdown import render

_MOST_REASONS = 12


def report_of(content: Mapping[str, Any]) -> str:
    """Return `external.md`: what the records are, beside how well the model did on them."""
    data, metrics, classes = content["data"], content["external"], content["classes"]
    per_record = metrics["per_record"]
    reasons = list(data["reasons"].items())
    if further := reasons[_MOST_REASONS:]:
        said = f"{len(further)} further reasons"
        reasons[_MOST_REASONS:] = [(said, sum(count for _, count in further))]
    seconds = data["seconds"]
    return render(
        "ekg.evaluation",
        "external.md.j2",
        **content,
        LEVELS=LEVELS,
        main_metrics=MAIN_METRICS,
        listed=_listed,
        length=f"{seconds['shortest']:g} to {seconds['longest']:g} s, "
        f"median {seconds['median']:g} s"
        if seconds
        else "not stated",
        class_rows=[
            [name, f"{data['class_mix'].get(name, 0):,}"]
            + [with_interval(per_record["per_class"][name].get(key), None) for key in _KEYS]
            for name in classes
        ],
        level_rows=[
            [level] + [_cell(metrics[level], name) for name in MAIN_METRICS]
            for level in LEVELS
            if level in metrics
        ],
        confusion_rows=[
            [name, *(f"{value:g}" for value in row)]
            for name, row in zip(classes, per_record["confusion_matrix"], strict=True)
            if sum(row)
        ],
        group_rows=[
            [kind, name, str(f["records"]), with_interval(f["accuracy"], f.get("interval"))]
            for kind, names in metrics.get("groups", {}).items()
            for name, f in names.items()
            if set(names) != {NOT_STATED}
        ],
        rules_sentences=rules_sentences(metrics),
        reason_rows=[[reason, f"{count:,}"] for reason, count in reasons or [("nothing", 0)]],
    )


def rules_sentences(metrics: Mapping[str, Any]) -> list[str]:
    """Return what stated priors and the rules for withholding a verdict change."""
    lines = []
    if weighted := metrics.get("with_priors"):
        shares = ", ".join(f"{name} {share:.3f}" for name, share in weighted["priors"].items())
        figures = ", ".join(
            f"{name.replace('_', ' ')} {_cell(weighted['per_record'], name)}"
            for name in ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
        )
        lines.append(f"with the stated priors ({shares}), per record: {figures}")
    if effect := metrics.get("abstention"):
        kept = effect["accuracy_of_kept"]
        lines.append(
            f"{100 * effect['kept']:.1f} % of the records keep a verdict, "
            f"{'none' if kept is None else f'{100 * kept:.1f} %'} of these are right "
            f"(of all {100 * effect['accuracy']:.1f} %); the set of possible classes has "
            f"{effect['classes_in_set']:.2f} classes on average and contains the label of "
            f"{100 * effect['class_in_set']:.1f} %"
        )
        if outside := effect.get("outside"):
            verdicts = ", ".join(f"{name} {n}" for name, n in outside["verdicts"].items() if n)
            lines.append(
                f"of {outside['records']:,} recordings that show none of the classes "
                f"{100 * (1 - outside['kept']):.1f} % get no verdict; the likeliest classes of "
                f"all: {verdicts}"
            )
    return lines


_KEYS = ("recall", "precision", "f1", "auroc")


def _listed(counts: Mapping[str, int], unit: str = "") -> str:
    return ", ".join(f"{name}{unit} ({count:,})" for name, count in counts.items())


def _cell(level: Mapping[str, Any], name: str) -> str:
    return with_interval(level.get(name), level.get("intervals", {}).get(name))


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
        *rules_sentences(metrics),
        "classes: " + ", ".join(f"{name} {n}" for name, n in data["class_mix"].items()),
        f"{level}: "
        + ", ".join(
            f"{name} {_cell(metrics[level], name)}"
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
