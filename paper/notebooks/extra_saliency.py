# %% [markdown]
# # What the network looks at
#
# Grad-CAM on an example of each class, and what each lead is worth to the answer. Both say what
# moves the network, not what a disease looks like.
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
from ekg.paper.figures.saliency import (
    lead_bars_figure,
    lead_class_figure,
    randomised_figure,
    read_saliency,
    saliency_examples_figure,
)
from ekg.paper.output import open_topic
from ekg.paper.run_files import FOLD_NAMES, count_of

files, out = open_topic(
    "extra_saliency", "What the network looks at", run, images, output, dataset_title
)
data = files.dataset_title
print(f"{files.name}, {data}: {files.folder}")

saliency = read_saliency(files.folder)
if saliency is None:
    out.note("No saliency was saved with this run: `python -m ekg evaluate --saliency` makes it.")
else:
    where = f"{data}, {FOLD_NAMES[saliency.fold]} fold"
    size = f"n = {count_of(saliency.records, 'record')}, one image each"

# %% [markdown]
# ## An example of each class

# %%
if saliency is not None:
    out.figure(
        "saliency_examples",
        saliency_examples_figure(saliency.examples, saliency.leads, f"{where}: Grad-CAM"),
        f"{where}: Grad-CAM on an example of each class",
        "The image of each class that the network is surest of (a wrong one where none is "
        "right): chosen to be clear, not typical. Orange: what speaks for the class named, in "
        "the network's last block, whose grid is coarse.",
    )

# %% [markdown]
# ## Mean saliency by lead

# %%
if saliency is not None:
    out.figure(
        "saliency_by_lead",
        lead_bars_figure(
            saliency.mean_by_lead,
            saliency.interval_by_lead,
            saliency.leads,
            f"{where}\nleads hidden in turn, {size}",
        ),
        f"{where}: what each lead is worth on average",
        "Points of probability that the predicted class loses when the lead's panel shows the "
        "empty grid. 95 % intervals from resampling the records. Leads repeat each other: a "
        "small loss does not mean that a lead holds nothing.",
    )
    out.figure(
        "saliency_by_class",
        lead_class_figure(
            saliency.mean_by_class,
            saliency.records_by_class,
            saliency.classes,
            saliency.leads,
            f"{where}: leads hidden in turn, by true class\n{size}",
        ),
        f"{where}: what each lead is worth, by class",
        "As above, by true class: a negative number means that the network was surer without "
        "the lead. Few records a class: read it as a sketch.",
    )
    out.table(
        "saliency_by_lead",
        saliency.lead_table(),
        f"{where}: loss of probability without a lead, {size}",
    )

# %% [markdown]
# ## Does it say something?

# %%
if saliency is not None and saliency.stages:
    out.figure(
        "saliency_randomised",
        randomised_figure(
            saliency.stages,
            saliency.gradcam_correlation,
            f"{where}: weights redrawn\nn = {count_of(len(saliency.examples), 'example')}",
        ),
        f"{where}: Grad-CAM with weights redrawn",
        "From the last stage to the first, each on top of those above. Near 0: the maps depend "
        "on what was learnt. Near 1: they would look the same in an untrained network and say "
        "nothing. Leads hidden in turn, all weights redrawn: rank correlation "
        f"{saliency.occlusion_correlation:.2f}.",
    )

# %%
out.finish()
