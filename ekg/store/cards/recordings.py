"""The part of a model card on recordings of hospitals."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ekg.evaluation.external import FOLD
from ekg.evaluation.groups import NOT_STATED
from ekg.evaluation.published import DATASET as PAPERS_DATASET
from ekg.evaluation.runs import with_interval
from ekg.store.cards.text import cell, counts, heading, paragraph, table
from ekg.store.stored_external import EXTERNAL, OWN, POOLED, PUBLISHED, sources_of

METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
_CLASS_METRICS = ("recall", "precision", "f1", "auroc")
_LEVEL = "per_record"
_MODELS = {OWN: "this model", PUBLISHED: "published model"}

Results = dict[str, dict[str, dict[str, Any]]]
"""By model (`OWN`, `PUBLISHED`), then by source: the content of `external.json`."""


def read_results(folder: Path) -> Results:
    """Return the results on recordings in a stored model's folder, pooled ones last."""
    return {s: sources_of(folder / EXTERNAL, s, pooled=True) for s in (OWN, PUBLISHED)}


def both_models(results: Results, source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the name and results of each model that was run on a source."""
    for suffix, name in _MODELS.items():
        if source in results[suffix]:
            yield name, results[suffix][source]


def title_of(source: str) -> str:
    """Return the source's name for a table."""
    return "other hospitals together" if source == POOLED else source


def recordings_section(folder: Path, *, simulated: bool) -> list[str]:
    """Return the tables on recordings; one sentence where none were read."""
    results = read_results(folder)
    lines = heading("On recordings of hospitals")
    if not results[OWN]:
        return lines + paragraph(
            "Not measured: no results of `python -m ekg external` are beside this model."
        )
    lines += paragraph(
        "Per record, the same slices for each model (`python -m ekg external`; metrics and "
        f"predictions in `{EXTERNAL}/`). Records with exactly one of the seven diagnoses. "
        + _what_it_means(results, simulated)
    )
    lines += _overall(results)
    for source in results[OWN]:
        if source in (PAPERS_DATASET, POOLED):
            lines += _by_class(results, source)
    return lines + _groups(results)


def _what_it_means(results: Results, simulated: bool) -> str:
    said = []
    if simulated:
        said.append("No recording was trained on by this model.")
    if PAPERS_DATASET in results[OWN]:
        if simulated:
            said.append(
                "The ranges of the simulator were set with an eye on the class medians of the "
                "same CPSC 2018 recordings, and its version 6 was made after an earlier model's "
                "errors on all the recordings below had been seen: none of them is a blind test "
                "(`docs/training.md`)."
            )
        if PAPERS_DATASET in results[PUBLISHED]:
            said.append(
                "Most of the CPSC 2018 records were in the published model's training set: its "
                "row on them is no test."
            )
    if POOLED in results[OWN]:
        of = " and ".join(results[OWN][POOLED]["pooled_of"])
        said.append(f"The pooled row puts the predictions on {of} together.")
    said.append("Few records, wide intervals; none is given for fewer than 10.")
    return " ".join(said)


def _overall(results: Results) -> list[str]:
    rows = []
    for source in results[OWN]:
        for model, content in both_models(results, source):
            metrics, data = content[FOLD], content["data"]
            level = metrics[_LEVEL]
            rows.append(
                [
                    title_of(source),
                    f"{metrics['records']:,} of {data['found']:,} ({counts(data['class_mix'])})",
                    model,
                    *(cell(level, name) for name in METRICS),
                ]
            )
    return table(
        [
            "source",
            "records read, of those found",
            "model",
            *(f.replace("_", " ") for f in METRICS),
        ],
        rows,
    )


def _by_class(results: Results, source: str) -> list[str]:
    rows = []
    for model, content in both_models(results, source):
        for name, metrics in content[FOLD][_LEVEL]["per_class"].items():
            if metrics["support"]:
                cells = [cell(metrics, key, 2) for key in _CLASS_METRICS]
                rows.append([name, f"{metrics['support']:.0f}", model, *cells])
    rows.sort(key=lambda row: row[0])
    lines = heading(f"By class: {title_of(source)}", 3)
    lines += table(["class", "records", "model", *_CLASS_METRICS], rows)
    absent = results[OWN][source][FOLD]["left_out"]
    if absent:
        lines += paragraph(
            f"No record of {', '.join(absent)}: nothing is known of these classes here."
        )
    return lines


def _groups(results: Results) -> list[str]:
    """Return accuracy by sex and age, of the paper's source and of the others together."""
    rows: list[list[str]] = []
    for source in (PAPERS_DATASET, POOLED):
        models = {
            model: content[FOLD].get("groups", {})
            for model, content in both_models(results, source)
        }
        groups: Mapping[str, Any] = next(iter(models.values()), {})
        for kind, names in groups.items():
            if set(names) == {NOT_STATED}:
                continue
            for name, own in names.items():
                shown = [
                    with_interval(g[kind][name]["accuracy"], g[kind][name].get("interval"), 2)
                    if name in g.get(kind, {})
                    else "-"
                    for g in (models.get(model, {}) for model in _MODELS.values())
                ]
                rows.append([title_of(source), kind, name, str(own["records"]), *shown])
    if not rows:
        return []
    lines = heading("By sex and age", 3)
    lines += table(["source", "", "group", "records", *_MODELS.values()], rows)
    return lines + paragraph(
        "Accuracy per record with Wilson's 95 % interval, by what the headers state. The groups "
        "have different diagnoses, so a difference between them is not yet one between people; "
        "and with so few records, no difference shown does not mean that there is none."
    )
