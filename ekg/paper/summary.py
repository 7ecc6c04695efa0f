"""The first page of the report: what was done, with what result, and what must be doubted."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ekg.evaluation.intervals import FEWEST_RECORDS
from ekg.paper.figures.training import best_epoch
from ekg.paper.run_files import FOLD_NAMES, RunFiles, count_of
from ekg.paper.scores import interval_of
from ekg.paper.tables import with_interval
from ekg.run import FOLDS

FEW_RECORDS = 30
"""A class with fewer test records is named as a weak spot."""


def doubts(run: RunFiles, figures: dict[str, dict[str, Any]]) -> list[str]:
    """Return the reservations about a run's results, one sentence or two each."""
    found = [*_of_the_data(run), *_of_the_folds(figures), *_of_the_run(run, figures)]
    found.append(
        "Only recordings with exactly one diagnosis of the classes above were evaluated. Real "
        "patients have other and several diagnoses; among them the metrics would be lower."
    )
    found.append(
        "The network reads images drawn exactly as in training. How it performs on paper prints, "
        "photographs, other machines or other hospitals is not shown by these metrics."
    )
    return found


def _of_the_data(run: RunFiles) -> list[str]:
    found = []
    if run.dataset == "synthetic":
        found.append(
            "The recordings are simulated. The metrics show that the pipeline works and that the "
            "network learns what the simulator draws; they show nothing about patients and cannot "
            "be set beside metrics from real recordings."
        )
    else:
        found.append(
            "The labels are the data set's own; they were not checked by anybody here, and every "
            "error in them is in the metrics too."
        )
        found.append(
            "The folds are divided by record. The headers name no patient: if a patient has "
            "several records they may be in different folds, which would make the metrics too "
            "good."
        )
    return found


def _of_the_folds(figures: dict[str, dict[str, Any]]) -> list[str]:
    folds_of_note: dict[str, list[str]] = {}
    for fold, content in figures.items():
        for note in content.get("notes", []):
            folds_of_note.setdefault(note, []).append(FOLD_NAMES[fold])
    found = [
        f"{' and '.join(folds).capitalize()} fold{'s' * (len(folds) > 1)}: {note}."
        for note, folds in folds_of_note.items()
    ]
    sizes = figures.get("test", {}).get("records_by_class", {})
    small = [f"{name} ({n})" for name, n in sizes.items() if FEWEST_RECORDS <= n < FEW_RECORDS]
    if small:
        found.append(
            f"Few test records of {', '.join(small)}: the figures of these classes are uncertain, "
            "and the macro averages with them."
        )
    if "val" in figures:
        found.append(
            "The epoch, and the temperature where one was fitted, were chosen on the validation "
            "fold: its metrics are optimistic. The test fold is the one to quote."
        )
    return found


def _of_the_run(run: RunFiles, figures: dict[str, dict[str, Any]]) -> list[str]:
    found = [
        "This is one training with one seed. The intervals show how the metrics would vary with "
        "other records of the same kind, not with another training."
    ]
    if not figures:
        found.insert(0, "The run was not evaluated: there is no result yet.")
    elif "test" not in figures:
        found.insert(0, "The test fold was not evaluated: only validation metrics are shown.")
    if run.environment.get("git_changed"):
        found.append(
            "The code had changes that were not committed when the run was trained: the commit "
            "named below does not describe it in full."
        )
    return found


def largest_class(figures: dict[str, Any]) -> tuple[str, float] | None:
    """Return the commonest class and its share of the records: what guessing would reach."""
    sizes = figures.get("records_by_class") or {}
    total = sum(sizes.values())
    if not total:
        return None
    name = max(sizes, key=lambda key: sizes[key])
    return name, sizes[name] / total


def size_sentence(figures: dict[str, Any]) -> str:
    """Return `784 records, 3,311 images`."""
    return f"{count_of(figures['records'], 'record')}, {count_of(figures['images'], 'image')}"


LEVEL = "record_weighted"
PAPER = (
    "Das, Epland, Yu and Suri: Interpretation of EKG with Image Recognition and Convolutional "
    "Neural Networks, Current Problems in Cardiology, 2023, "
    "doi 10.1016/j.cpcardiol.2023.101744"
)


def what_was_done(run: RunFiles) -> list[str]:
    """Return paragraphs on the task, the network and the training."""
    paragraphs = [
        "A 12-lead EKG was cut into slices of 2.5 s; each slice was drawn as one grey image of "
        "twelve panels, and a convolutional network named the diagnosis of each image: "
        f"{', '.join(run.classes)}."
    ]
    if run.is_published:
        paragraphs.append(f"This is the published model, from its own saved predictions ({PAPER}).")
    elif not run.settings:
        paragraphs.append(
            "The network was evaluated as is: how it was trained was not saved here. The task is "
            f"that of {PAPER}. This project is an independent implementation."
        )
    else:
        paragraphs.append(
            "Network and training follow the published recipe as far as the settings below say "
            f"({PAPER}). This project is an independent implementation."
        )
    network = run.settings.get("network", {}).get("name") or run.model_info.get("model_name")
    size = run.settings.get("data", {}).get("image_size") or run.model_info.get("im_res")
    facts = [
        f"Network {network}" if network else "",
        f"images of {size} x {size} pixels" * bool(size),
    ]
    sentence = ", ".join(fact for fact in facts if fact)
    if run.history is not None:
        epochs = len(run.history)
        sentence += (
            f"; {count_of(epochs, 'epoch')} recorded, weights kept of epoch "
            f"{best_epoch(run.history)} (counted from 0)"
        )
        if "elapsed_time" in run.history:
            sentence += f", {run.history['elapsed_time'].max():.1f} minutes"
    if run.environment.get("device"):
        sentence += f" on {run.environment['device']}"
    return [*paragraphs, f"{sentence}."] if sentence else paragraphs


def what_data(run: RunFiles, counts: pd.DataFrame) -> str:
    """Return one paragraph on the data set and its folds."""
    parts = []
    for fold in FOLDS:
        part = counts[counts["fold"] == fold]
        if part.empty:
            continue
        numbers = [
            count_of(int(part[f"{unit}s"].sum()), unit)
            for unit in ("record", "image")
            if part[f"{unit}s"].notna().all()
        ]
        parts.append(f"{FOLD_NAMES[fold]} {' with '.join(numbers)}")
    sentence = f"{run.dataset_title}"
    if parts:
        sentence += ": " + "; ".join(parts)
    sentence += ". All slices of a record are in one fold."
    if run.records is not None:
        kept = int((run.records["status"] == "kept").sum())
        sentence += (
            f" Of {count_of(len(run.records), 'record')} found, {kept:,} were kept; the reasons "
            "for the others are listed below."
        )
    return sentence


def what_result(figures: dict[str, dict[str, Any]]) -> list[str]:
    """Return the main metrics in sentences, the test fold first."""
    sentences = []
    for fold in ("test", "val"):
        content = figures.get(fold)
        if not content or LEVEL not in content:
            continue
        level = content[LEVEL]
        text = (
            f"{FOLD_NAMES[fold].capitalize()} fold ({size_sentence(content)}), record-weighted: "
            f"accuracy {_value(level, 'accuracy')}, macro F1 {_value(level, 'macro_f1')}, "
            f"balanced accuracy {_value(level, 'balanced_accuracy')}."
        )
        if not level.get("intervals"):
            text += " Too few records for intervals: next to nothing follows from these metrics."
        if fold == "test":
            text += _extremes(level) + _guessing(content)
        sentences.append(text)
    if sentences:
        sentences.append("In brackets: 95 % intervals from resampling whole records.")
    return sentences


def _value(level: dict[str, Any], metric: str) -> str:
    return with_interval(level.get(metric), interval_of(level, metric))


def _extremes(level: dict[str, Any]) -> str:
    scores = {
        name: entry["f1"]
        for name, entry in level["per_class"].items()
        if entry.get("f1") is not None
    }
    if len(scores) < 2:
        return ""
    best, worst = max(scores, key=lambda k: scores[k]), min(scores, key=lambda k: scores[k])
    per_class = level["per_class"]
    return (
        f" Best class by F1: {best} {_value(per_class[best], 'f1')}; worst: {worst} "
        f"{_value(per_class[worst], 'f1')}."
    )


def _guessing(content: dict[str, Any]) -> str:
    found = largest_class(content)
    return (
        f" Always naming the commonest class ({found[0]}) would reach accuracy {found[1]:.3f}."
        if found
        else ""
    )
