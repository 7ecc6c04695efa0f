# %% [markdown]
# # Loss by epoch
#
# Training and validation loss; the star marks the epoch whose weights were kept.
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
from ekg.paper.output import open_topic
from ekg.paper.paper_figures import show_loss

files, out = open_topic("loss", "Loss by epoch", run, images, output, dataset_title)
show_loss(files, out, "loss", ["train", "val"])
out.finish()
