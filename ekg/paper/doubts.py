"""What a reader must doubt, put together from what the files of a run say."""

from __future__ import annotations

from typing import Any

from ekg.evaluation.intervals import FEWEST_RECORDS
from ekg.paper.run_files import FOLD_NAMES, RunFiles, count_of

FEW_RECORDS = 30
"""A class with fewer test records is named as a weak spot."""


def doubts(run: RunFiles, figures: dict[str, dict[str, Any]]) -> list[str]:
    """Return the reservations about a run's results, one sentence or two each.

    Parameters
    ----------
    run
        The run's files.
    figures
        Fold: its figures, as `fold_figures` returns them.
    """
    found = [*_of_the_data(run), *_of_the_folds(figures), *_of_the_run(run, figures)]
    found.append(
        "Only recordings with exactly one diagnosis of the classes above were judged. Real "
        "patients have other and several diagnoses; among them the figures would be lower."
    )
    found.append(
        "The network reads images drawn exactly as in training. How it fares on paper prints, "
        "photographs, other machines or other hospitals is not shown by these figures."
    )
    return found


def _of_the_data(run: RunFiles) -> list[str]:
    found = []
    if run.dataset == "synthetic":
        found.append(
            "The recordings are simulated. The figures show that the pipeline works and that the "
            "network learns what the simulator draws; they say nothing about patients and cannot "
            "be set beside figures from real recordings."
        )
    else:
        found.append(
            "The labels are the data set's own; they were not checked by anybody here, and every "
            "error in them is in the figures too."
        )
        found.append(
            "The folds are divided by record. The headers name no patient: if a patient has "
            "several records they may lie in different folds, which would make the figures too "
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
            "fold: its figures are optimistic. The test fold is the one to quote."
        )
    return found


def _of_the_run(run: RunFiles, figures: dict[str, dict[str, Any]]) -> list[str]:
    found = [
        "This is one training with one seed. The intervals tell how the figures would vary with "
        "other records of the same kind, not with another training."
    ]
    if not figures:
        found.insert(0, "The run was not evaluated: there is no result yet.")
    elif "test" not in figures:
        found.insert(0, "The test fold was not evaluated: only validation figures are shown.")
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
