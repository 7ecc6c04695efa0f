# %% [markdown]
# # Comparison
#
# The run beside the stored best model, and beside the published one. On different data nothing
# is subtracted: the figures are side by side and say nothing about each other.
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
from ekg.evaluation.comparison_report import agreement_sentences
from ekg.paper.figures.comparison import difference_figure, side_scores
from ekg.paper.figures.confusion import confusion_pair_figure
from ekg.paper.figures.results import score_figure
from ekg.paper.output import open_topic
from ekg.paper.scores import (
    COMPARED,
    RECORDS_SHOWN,
    classes_table,
    comparisons_of,
    differing_table,
    metrics_table,
    names_of,
    title_of,
)

files, out = open_topic("extra_comparison", "Comparison", run, images, output, dataset_title)
data = files.dataset_title
print(f"{files.name}, {data}: {files.folder}")

level = "record_weighted"
comparisons = comparisons_of(files.comparison)
intervals = "Record-weighted, with 95 % intervals from resampling whole records."
if files.is_published:
    out.note(
        "This is the published model itself: other runs are compared with it, not it with them."
    )
elif not comparisons:
    out.note("No comparison was saved with this run: `make compare` makes it.")


def one_line(content, what):
    """Return the title of a comparison in one line, for a caption."""
    return f"{title_of(content, data)}: {what}".replace("\n", ", ")


for content in comparisons.values():
    out.note(f"{content['heading']}.")

# %% [markdown]
# ## Overall

# %%
for key, content in comparisons.items():
    names = names_of(content)
    out.table(
        f"{key}_figures",
        metrics_table(content, level),
        one_line(content, "figures"),
        intervals + (" p values are not adjusted." if content["paired"] else ""),
    )

# %%
for key, content in comparisons.items():
    names = names_of(content)
    entries = content["levels"][level]
    shown = {metric: name for metric, name in COMPARED.items() if metric in entries["figures"]}
    by_class = {
        title: side_scores(
            {name: found.get(metric) for name, found in entries["per_class"].items()},
            names,
            {name: name for name in content["classes"]},
        )
        for metric, title in (("precision", "Precision"), ("recall", "Recall"), ("f1", "F1"))
    }
    out.figure(
        f"{key}_overall",
        score_figure(
            {"Record-weighted metrics": side_scores(entries["figures"], names, shown)},
            list(shown.values()),
            title_of(content, data),
            list(names.values()),
        ),
        one_line(content, "overall figures"),
        intervals,
    )
    out.figure(
        f"{key}_by_class",
        score_figure(
            by_class, list(content["classes"]), title_of(content, data), list(names.values())
        ),
        one_line(content, "by class"),
        intervals + " No interval for a class with fewer than 10 records.",
    )

# %% [markdown]
# ## Differences, where they can be given

# %%
for key, content in comparisons.items():
    names = names_of(content)
    entries = content["levels"][level]
    if not content["paired"]:
        out.note(
            f"{names['a']} and {names['b']}: no differences are drawn ({content['statement']})."
        )
        continue
    out.figure(
        f"{key}_differences",
        difference_figure(
            entries["figures"],
            COMPARED,
            f"{names['a']} minus\n{names['b']}",
            title_of(content, data),
        ),
        one_line(content, "paired differences"),
        "Right of zero the first is better. " + intervals,
    )
    for sentence in agreement_sentences(content):
        out.note(sentence)

# %% [markdown]
# ## By class, and confusion matrices

# %%
for key, content in comparisons.items():
    names = names_of(content)
    matrices = content["levels"][level]["confusion_matrix"]
    out.table(
        f"{key}_classes", classes_table(content, level), one_line(content, "by class"), intervals
    )
    out.figure(
        f"{key}_confusion",
        confusion_pair_figure(
            {names[side]: matrices[side] for side in ("a", "b")},
            content["classes"],
            title_of(content, data),
        ),
        one_line(content, "confusion matrices"),
        "Record-weighted, per cent of the true class.",
    )

# %% [markdown]
# ## Records that are read differently

# %%
for key, content in comparisons.items():
    if not content["paired"]:
        continue
    table = differing_table(content)
    if table.empty:
        out.note("Both read every record alike.")
        continue
    out.table(
        f"{key}_records",
        table.head(RECORDS_SHOWN),
        one_line(content, "records read differently"),
        f"{len(table):,} in all"
        + (f", the first {RECORDS_SHOWN} shown" if len(table) > RECORDS_SHOWN else "")
        + "; comparison.json has them all.",
    )

# %%
out.finish()
