"""The first page of the report: what was done, on what data, with what result."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ekg.paper.doubts import largest_class, size_sentence
from ekg.paper.figures.training import best_epoch
from ekg.paper.run_files import FOLD_NAMES, FOLDS, RunFiles, count_of
from ekg.paper.scores import interval_of
from ekg.paper.tables import with_interval

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
    elif not run.config:
        paragraphs.append(
            "The network was judged as it is: how it was trained was not saved here. The task is "
            f"that of {PAPER}. This project is an independent implementation."
        )
    else:
        paragraphs.append(
            "Network and training follow the published recipe as far as the settings below say "
            f"({PAPER}). This project is an independent implementation."
        )
    network = run.config.get("network", {}).get("name") or run.model_info.get("model_name")
    size = run.config.get("data", {}).get("image_size") or run.model_info.get("im_res")
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
    """Return the main figures in sentences, the test fold first."""
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
            text += " Too few records for intervals: next to nothing follows from these figures."
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
