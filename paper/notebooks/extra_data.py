# %% [markdown]
# # Data
#
# What the network was shown: how many records and images of each class, how long the
# records are, what an image looks like, and which record is in which fold.
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
from ekg.paper.counts import class_counts, reasons_table, slices_of_records, wide
from ekg.paper.figures.data import (
    class_count_figure,
    counts_title,
    example_figure,
    example_of_each_class,
    slices_figure,
    split_figure,
)
from ekg.paper.output import open_topic
from ekg.paper.run_files import count_of

files, out = open_topic("extra_data", "Data", run, images, output, dataset_title)
data = files.dataset_title
print(f"{files.name}, {data}: {files.folder}")

# %% [markdown]
# ## Class counts

# %%
counts = class_counts(files)
if counts.empty:
    out.note("No class counts: neither an image set nor predictions are here.")
else:
    out.figure(
        "class_counts",
        class_count_figure(counts, files.classes, counts_title(data, counts)),
        f"{data}: class counts",
        "Records and images of each class, by fold. Every image shows one slice of 2.5 s.",
    )

# %%
if files.manifest is None and not counts.empty:
    out.note(
        "The image set is not here: counts are those of the saved predictions"
        + (
            ", for training those behind the published class weights."
            if files.is_published
            else "."
        )
    )

# %%
if not counts.empty:
    out.table(
        "class_counts",
        wide(counts, files.classes),
        f"{data}: records and images by class and fold",
    )

# %% [markdown]
# ## What was left out

# %%
if files.records is None:
    out.note(
        "The list of all records found (records.csv) is not here: what was left out is not shown."
    )
else:
    out.table(
        "records_kept",
        reasons_table(files.records),
        f"{data}: records kept and left out",
        f"{count_of(len(files.records), 'record')} were found.",
    )

# %% [markdown]
# ## Slices per record

# %%
slices, which = slices_of_records(files)
if slices.empty:
    out.note("No slices per record: neither an image set nor predictions are here.")
else:
    out.figure(
        "slices_per_record",
        slices_figure(slices, f"{data}: slices per record\n{which}, n = {len(slices):,}"),
        f"{data}: slices per record",
        "Slices of one record do not overlap. They are not independent: every figure of merit "
        "is given by record, or with each image weighing 1/(images of its record), and every "
        "interval resamples whole records.",
    )

# %% [markdown]
# ## An image of each class

# %%
examples = (
    example_of_each_class(files.images, files.manifest, files.classes)
    if files.images is not None and files.manifest is not None
    else []
)
if not examples:
    out.note("The images are not here: no example of each class is shown.")
else:
    out.figure(
        "examples",
        example_figure(examples, f"{data}: an image of each class"),
        f"{data}: an image of each class",
        "The first slice of the class's first record (in the training fold where it has one), "
        "just as the network sees it; the record's name is beside the class. Grid lines "
        "every 0.2 s and 0.5 mV, fine ones every 0.04 s and 0.1 mV.",
    )

# %% [markdown]
# ## The split

# %%
if counts.empty or counts["records"].isna().any():
    out.note("How the records were divided cannot be drawn: the training records were not saved.")
elif "train" not in set(counts["fold"]):
    out.note(
        "The share of each fold is not drawn: only validation and test records are known here."
    )
else:
    out.figure(
        "split",
        split_figure(counts, files.classes, f"{data}: the split, by record"),
        f"{data}: share of each class's records in each fold",
        "All slices of a record are in one fold. The headers name no patient, so that two "
        "records of one patient may be in different folds.",
    )

# %%
out.finish()
