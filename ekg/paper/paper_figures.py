"""What the paper's own files show: loss curves, confusion matrices, tables by class."""

from __future__ import annotations

from collections.abc import Sequence

from ekg.paper.figures.confusion import confusion_figure
from ekg.paper.figures.training import loss_figure
from ekg.paper.output import Output
from ekg.paper.run_files import FOLD_NAMES, RunFiles
from ekg.paper.scores import class_table, fold_metrics, records_by_class

LEVEL = "record_weighted"
"""The paper's: each image weighs 1/(images of its record)."""
WEIGHTED = (
    "Record-weighted: every image weighs 1/(images of its record), as in the paper. In brackets "
    "95 % intervals from resampling whole records; none where there are fewer than 10."
)


def show_loss(files: RunFiles, out: Output, name: str, folds: Sequence[str]) -> None:
    """Add the loss by epoch of these folds."""
    if files.history is None:
        out.note("No training history (train_results.csv) was saved with this run.")
        return
    data = files.dataset_title
    which = " and ".join(FOLD_NAMES[fold] for fold in folds)
    out.figure(
        name,
        loss_figure(
            files.history,
            folds,
            f"{data}: {'loss' if len(folds) > 1 else f'{which} loss'} by epoch",
        ),
        f"{data}: {which} loss",
        "Cross entropy with class weights"
        + ("; validation has its own, so that the two curves need not meet" * (len(folds) > 1))
        + ". The star marks the epoch whose weights were kept.",
    )


def show_confusion(files: RunFiles, out: Output, name: str, fold: str, *, normalised: bool) -> None:
    """Add a fold's confusion matrix, in records or in per cent of the true class."""
    found = fold_metrics(files, fold)
    if found is None:
        out.note(not_evaluated(fold))
        return
    out.figure(
        name,
        confusion_figure(
            found[LEVEL]["confusion_matrix"],
            files.classes,
            files.fold_title(fold),
            normalised=normalised,
            counts=records_by_class(found, files.classes) if normalised else None,
        ),
        f"{files.dataset_title}: {FOLD_NAMES[fold]} confusion matrix, "
        + ("normalised" if normalised else "raw"),
        ("Per cent of the true class. " if normalised else "Records. ")
        + "Record-weighted: the images of a record share its weight of one.",
    )


def show_classes(files: RunFiles, out: Output, name: str, fold: str) -> None:
    """Add the table of a fold's metrics by class."""
    found = fold_metrics(files, fold)
    if found is None:
        out.note(not_evaluated(fold))
        return
    out.table(
        name,
        class_table(found, LEVEL, files.classes),
        files.fold_title(fold, "scores by class").replace("\n", ", "),
        WEIGHTED,
    )


def not_evaluated(fold: str) -> str:
    """Return a note for a fold without predictions."""
    return (
        f"{FOLD_NAMES[fold].capitalize()} fold: not evaluated; `python -m ekg evaluate` makes "
        "its predictions."
    )
