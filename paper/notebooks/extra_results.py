# %% [markdown]
# # Results
#
# How well the classes are told apart, on validation and test.
#
# Research only: not for clinical use.

# %%
# Opened by itself: here, or as executed in paper/output/RUN.
import sys

sys.path[:0] = [".", "../../notebooks"]
import _set_up  # noqa: F401

# %% tags=["parameters"]
run = ""  # a run folder, a name below runs/, or "published"; nothing: the newest run
images = ""  # the image set's folder; nothing: the run's own, where it is still here
output = ""  # where figures and tables go; nothing: paper/output/<run>
dataset_title = ""  # the dataset's name in titles; nothing: as the results say

# %%
import pandas as pd

from ekg.evaluation.levels import levels_of
from ekg.evaluation.predictions import has_probabilities
from ekg.paper.figures.results import (
    curve_figure,
    precision_recall_curves,
    reliability_figure,
    roc_curves,
    score_figure,
)
from ekg.paper.output import open_topic
from ekg.paper.paper_figures import LEVEL, WEIGHTED, not_evaluated
from ekg.paper.run_files import FOLD_NAMES
from ekg.paper.scores import (
    calibration_table,
    class_scores,
    curve_areas,
    fold_metrics,
    levels_in_words,
    summary_table,
)

files, out = open_topic("extra_results", "Results", run, images, output, dataset_title)
data = files.dataset_title
print(f"{files.name}, {data}: {files.folder}")

figures = {fold: found for fold in ("test", "val") if (found := fold_metrics(files, fold))}
predictions = {fold: files.predictions(fold) for fold in files.folds}
for fold in ("test", "val"):
    if fold not in figures:
        out.note(not_evaluated(fold))

# %% [markdown]
# ## Overall
#
# The paper's figures are record-weighted: each image weighs 1/(images of its record).

# %%
for fold, found in figures.items():
    out.table(
        f"scores_{fold}",
        summary_table(found),
        files.fold_title(fold, "scores").replace("\n", ", "),
        "In brackets: 95 % intervals from resampling whole records (none where there are "
        "fewer than 10). " + levels_in_words(),
    )
    for note in found.get("notes", []):
        out.note(f"{FOLD_NAMES[fold].capitalize()} fold: {note}.")

# %% [markdown]
# ## By class

# %%
names = [FOLD_NAMES[fold] for fold in figures]
panels = {
    title: pd.concat(
        class_scores(found, LEVEL, files.classes, metric, FOLD_NAMES[fold])
        for fold, found in figures.items()
    )
    for metric, title in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"))
    if figures
}
if figures:
    out.figure(
        "class_scores",
        score_figure(
            panels,
            files.classes,
            f"{data}: scores by class, record-weighted\n"
            + "; ".join(files.fold_numbers(fold) for fold in figures),
            names,
        ),
        f"{data}: precision, recall and F1 by class",
        WEIGHTED.replace("In brackets", "Lines:"),
    )

# %% [markdown]
# ## ROC and precision-recall curves
#
# One point a record: the mean probability over its images.

# %%
with_probabilities = {
    fold: table
    for fold in figures
    if (table := predictions.get(fold)) is not None and has_probabilities(table)
}
for fold in figures:
    if fold not in with_probabilities:
        out.note(
            f"{FOLD_NAMES[fold].capitalize()} fold: only hard labels were saved, so that "
            "ROC, precision-recall and reliability curves cannot be drawn."
        )

# %%
for fold, table in with_probabilities.items():
    records = levels_of(table, files.classes)["per_record"]
    roc, precision_recall = roc_curves(records), precision_recall_curves(records)
    if not roc:
        out.note(f"{FOLD_NAMES[fold].capitalize()} fold: one class only, there is no curve.")
        continue
    out.figure(
        f"curves_{fold}",
        curve_figure(
            roc, precision_recall, curve_areas(figures[fold]["per_record"]), files.fold_title(fold)
        ),
        f"{data}: {FOLD_NAMES[fold]} ROC and precision-recall curves",
        "Each class against the rest, one point a record: the mean probability over its "
        "images. The thin diagonal is chance. Precision depends on how common a class is.",
    )

# %% [markdown]
# ## Reliability and calibration

# %%
for fold in with_probabilities:
    level_figures = figures[fold]["per_record"]
    out.figure(
        f"reliability_{fold}",
        reliability_figure(
            level_figures["reliability"], level_figures.get("ece"), files.fold_title(fold)
        ),
        f"{data}: {FOLD_NAMES[fold]} reliability",
        "One point a bin of confidence, each record counting once; uncalibrated "
        "probabilities. ECE: expected calibration error over ten bins of equal width.",
    )

# %%
for fold, found in figures.items():
    calibration = calibration_table(found)
    if not calibration.empty:
        out.table(
            f"calibration_{fold}",
            calibration,
            files.fold_title(fold, "calibration").replace("\n", ", "),
            "One temperature, fitted on the validation fold "
            f"({found['calibration']['temperature']:.3f}); for validation itself the "
            "figures after it are optimistic.",
        )

# %%
out.finish()
