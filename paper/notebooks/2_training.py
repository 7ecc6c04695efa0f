# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Training
#
# The course of the training: loss against epoch, the epoch whose weights were kept, and what it
# took.
#
# Research only: not for clinical use.

# %%
# Opened by itself, the notebook finds the project and installs what is absent.
import importlib.util
import subprocess
import sys
from pathlib import Path

places = (Path.cwd(), *Path.cwd().parents)
project = next((place for place in places if (place / "ekg" / "paper").is_dir()), None)
if project is None:
    raise FileNotFoundError("open this notebook from inside a checkout of the project")
sys.path.insert(0, str(project))
if not all(map(importlib.util.find_spec, ("matplotlib", "pandas", "PIL", "sklearn", "wfdb"))):
    requirements = str(project / "requirements.txt")
    subprocess.run([sys.executable, "-m", "pip", "install", "-r", requirements], check=True)

# %% tags=["parameters"]
run = ""  # a run folder, a name below runs/, or "published"; nothing: the newest run
images = ""  # the image set's folder; nothing: the run's own, where it is still here
output = ""  # where figures and tables go; nothing: paper/output/<run>
dataset_title = ""  # the dataset's name in titles; nothing: as the results say

# %%
from ekg.paper.figures.training import best_epoch, loss_figure, score_figure
from ekg.paper.output import open_topic
from ekg.paper.settings import changed_settings_table, settings_table, training_table

files, out = open_topic("2_training", "Training", run, images, output, dataset_title)
data = files.dataset_title
print(f"{files.name}, {data}: {files.folder}")

history = files.history
absent = "No training history (train_results.csv) was saved with this run."

# %% [markdown]
# ## Loss against epoch

# %%
loss_caption = (
    "Cross entropy with class weights; validation has its own class weights, so that the two "
    "curves need not meet. The star marks the epoch whose weights were kept."
)
if history is None:
    out.note(absent)
else:
    out.figure(
        "loss",
        loss_figure(history, ["train", "val"], f"{data}: loss by epoch"),
        f"{data}: training and validation loss",
        loss_caption,
    )

# %%
if history is not None:
    out.figure(
        "loss_train",
        loss_figure(history, ["train"], f"{data}: training loss by epoch"),
        f"{data}: training loss",
        "As above, training alone.",
    )

# %%
if history is not None:
    out.figure(
        "loss_val",
        loss_figure(history, ["val"], f"{data}: validation loss by epoch"),
        f"{data}: validation loss",
        "As above, validation alone.",
    )

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
