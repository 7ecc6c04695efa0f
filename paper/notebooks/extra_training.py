# %% [markdown]
# # Training
#
# Validation scores against epoch, settings, and what the training took.
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
from ekg.paper.figures.training import best_epoch, score_figure
from ekg.paper.output import open_topic
from ekg.paper.settings import changed_settings_table, settings_table, training_table

files, out = open_topic("extra_training", "Training", run, images, output, dataset_title)
data = files.dataset_title
print(f"{files.name}, {data}: {files.folder}")

history = files.history

# %% [markdown]
# ## Scores against epoch

# %%
if history is not None:
    columns = {
        column: name
        for column, name in (("val_accuracy", "accuracy"), ("val_macro_f1", "macro F1"))
        if column in history and history[column].notna().any()
    }
    if columns:
        out.figure(
            "scores_val",
            score_figure(history, columns, f"{data}: validation scores by epoch"),
            f"{data}: validation accuracy and macro F1",
            "Of every image of the validation fold. The kept epoch "
            f"({best_epoch(history)}) was chosen on this fold: its scores there are optimistic.",
        )
    else:
        out.note("Scores by epoch were not saved with this run, only losses.")

# %% [markdown]
# ## What it took

# %%
if history is not None:
    out.table("training", training_table(files), f"{data}: the training in figures")

# %%
if files.settings:
    changed = changed_settings_table(files)
    if changed.empty:
        out.note("Every setting is the paper's.")
    else:
        out.table(
            "settings_changed",
            changed,
            f"{data}: settings that are not the paper's",
            "All others are. How it was computed (device, precision, threads) is left out here.",
        )

# %%
settings = settings_table(files)
if settings.empty:
    out.note("The settings (config.toml) were not saved with this run.")
else:
    out.table("settings", settings, f"{data}: all settings of the run")

# %%
out.finish()
