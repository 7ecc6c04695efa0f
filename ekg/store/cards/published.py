"""The card of the paper's own network, from its published metrics and the recipe's facts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ekg.datasets.registry import Source, source_named
from ekg.evaluation.external import FOLD
from ekg.evaluation.published import read_published_metrics
from ekg.store.cards.recordings import METRICS, title_of
from ekg.store.cards.text import (
    bullets,
    cell,
    class_table,
    counts,
    heading,
    levels_explained,
    levels_table,
    out_of_scope,
    paragraph,
    size_of,
    table,
)
from ekg.store.stored_external import EXTERNAL, PUBLISHED, sources_of

RECIPE: dict[str, Any] = {
    "records": 6877,
    "kept": 5261,
    "single_ectopy": 1139,
    "multi_label": 477,
    "train_records": 3680,
    "in_no_fold": 13,
    "train_images": 15612,
    "train_images_by_class": {
        "AF": 2946,
        "I-AVB": 1958,
        "LBBB": 523,
        "Normal": 2846,
        "RBBB": 4411,
        "STD": 2320,
        "STE": 608,
    },
    "gpu": "RTX 2080 Ti",
    "mean": "0.95816243",
    "std": "0.09317242",
    "flipped_percent": 7.6,
    "changed_percent": 0.6,
    "elsewhere": {
        "records": 397,
        "accuracy": 0.50,
        "macro_f1": 0.35,
        "balanced_accuracy": 0.58,
        "auroc": 0.86,
    },
}
"""What the published files do not say of themselves, as the project's recipe gives it. A test
compares each with the recipe where that is available."""

_METRICS = ("accuracy", "balanced_accuracy", "macro_precision", "macro_recall", "macro_f1")
_CLASS_METRICS = ("precision", "recall", "f1", "specificity")


def published_card(metrics_folder: Path, compared: Path | None) -> str:
    """Return the published model's card.

    `compared`: A stored model of this project with results of the published one on the same
    recordings; None where there is none.
    """
    content = read_published_metrics(metrics_folder)
    source = source_named("published_model")
    lines = [
        *_head(content, source),
        *_use(),
        *_data(content),
        *_training(content),
        *_metrics(content),
        *_elsewhere(compared),
        *_limits(),
        *_cost(content),
        *_loading(),
        *_files(source),
        *_licence(content),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(content: dict[str, Any], source: Source) -> list[str]:
    size = round(sum(file.size or 0 for file in source.files) / 1e6, 1)
    facts = content["model_facts"]
    return [
        *heading("The paper's own network, 16 July 2020", 1),
        *paragraph(
            "This folder stands for the model of Das, Epland, Yu and Suri, *Interpretation of EKG "
            "with Image Recognition and Convolutional Neural Networks*, Current Problems in "
            "Cardiology 2023, doi [10.1016/j.cpcardiol.2023.101744]"
            "(https://doi.org/10.1016/j.cpcardiol.2023.101744): a MobileNetV3-small made austere "
            f"by hand, {facts['parameters']:,} parameters, that names one of seven diagnoses on a "
            f"{facts['image_size']} x {facts['image_size']} image of 2.5 s of a 12-lead EKG. "
            "**Not for clinical use.**"
        ),
        *paragraph(
            "Its files were made by those authors and are not part of this repository. One "
            "command puts them here:"
        ),
        f"    make best-model                                        # {size} MB, from the authors",
        "    python -m ekg best-model --from FOLDER_OR_ARCHIVE      # from a copy that you have",
        "",
        *paragraph(
            "Every file has to have the SHA-256 that `ekg/datasets/registry.toml` states; another "
            "one is refused. This card was written by `python scripts/model_cards.py --write`, not "
            "by the model's authors."
        ),
    ]


def _use() -> list[str]:
    return [
        *heading("Intended use and users"),
        *bullets(
            "The authors' aim: a reader that works on the image of a standard strip rather than "
            "on one maker's signal format, and so carries over between machines.",
            "Here: the reference that a reproduction is compared with (`docs/evaluation.md`), and "
            "an independent check of simulated records. For people who study such networks.",
        ),
        *out_of_scope(),
        *heading("Factors"),
        *bullets(
            "**Diagnosis**: metrics by class below; STE and LBBB are rare in the data.",
            "**Sex and age**: the published prediction files do not have them; the few recordings "
            "that could be looked at by sex and age are in the cards of this project's models.",
            "**Hospital and recorder**: see other hospitals, below.",
            "**Drawing**: the metrics hold for images drawn exactly as in `docs/images.md`.",
        ),
    ]


def _data(content: dict[str, Any]) -> list[str]:
    recipe = RECIPE
    return [
        *heading("Data"),
        *paragraph(
            "China Physiological Signal Challenge 2018 "
            "([data sheet](../../docs/datasheets/cpsc2018.md)): "
            f"{recipe['records']:,} records, of which {recipe['kept']:,} with exactly one "
            "diagnosis, and that one of the seven, were kept; left out were "
            f"{recipe['single_ectopy']:,} with PAC or PVC alone and {recipe['multi_label']:,} with "
            f"several diagnoses. Divided by record; {recipe['in_no_fold']} records are in no fold. "
            "The headers name no patients."
        ),
        *table(
            ["fold", "records", "images", "images by class"],
            [
                [
                    "train",
                    f"{recipe['train_records']:,}",
                    f"{recipe['train_images']:,}",
                    counts(recipe["train_images_by_class"]),
                ],
                *(
                    [
                        fold,
                        f"{content[fold]['records']:,}",
                        f"{content[fold]['images']:,}",
                        counts(content[fold]["images_by_class"]),
                    ]
                    for fold in ("val", "test")
                ),
            ],
        ),
    ]


def _training(content: dict[str, Any]) -> list[str]:
    facts = content["model_facts"]
    return [
        *heading("Training"),
        *bullets(
            f"From fresh weights, {facts['optimizer']}, batches of {facts['batch_size']}, "
            f"{facts['loss']} with class weights, no augmentation; at most {facts['max_epochs']} "
            f"epochs or {facts['max_minutes']} minutes; seed {facts['seed']}. Normalised with mean "
            f"{RECIPE['mean']} and standard deviation {RECIPE['std']}.",
            f"{facts['epochs_stored']} epochs stored, {facts['seconds_per_epoch']:.1f} s each, "
            f"{facts['minutes_stored']} minutes on one {RECIPE['gpu']} "
            f"({facts['gpu_gigabytes_reserved']} GB of its memory). Best epoch "
            f"{facts['best_epoch']} (counted from 0), validation loss "
            f"{facts['best_val_loss']:.4f}.",
        ),
    ]


def _metrics(content: dict[str, Any]) -> list[str]:
    test = content["test"]
    resampling = test["resampling"]
    abstract = content["abstract"]
    return [
        *heading("Metrics"),
        *paragraph(
            f"Computed from the published predictions ({size_of(content['val'])} for validation, "
            f"{size_of(test)} for test) by `python scripts/published_figures.py`. In brackets "
            f"{100 * resampling['coverage']:g} % intervals from {resampling['resamples']:,} "
            "resamples of whole records. The published files have no probabilities, so AUROC and "
            "calibration of these folds are not known."
        ),
        *levels_explained(test),
        *levels_table({fold: content[fold] for fold in ("val", "test")}, _METRICS),
        *paragraph(
            f'The abstract\'s "{abstract["lowest"]}-{abstract["highest"]} %" is the range of '
            "record-weighted test precision by class."
        ),
        *heading("By class: test, record-weighted", 3),
        *class_table(test["record_weighted"], _CLASS_METRICS),
        *heading("By class: test, majority of a record's images", 3),
        *class_table(test["per_record_majority"], _CLASS_METRICS),
        *paragraph("`published_figures.json` has all of them, with confusion matrices."),
    ]


def _elsewhere(compared: Path | None) -> list[str]:
    known = RECIPE["elsewhere"]
    lines = heading("Other hospitals") + paragraph(
        f"On {known['records']} single-label records of PTB-XL, Georgia and others it was found to "
        f"reach accuracy {known['accuracy']:.2f}, macro F1 {known['macro_f1']:.2f}, balanced "
        f"accuracy {known['balanced_accuracy']:.2f} and mean AUROC {known['auroc']:.2f}, with no "
        "STE among them: it ranks most classes well, but calls half of the normal records sick, "
        "and STD hardly carries over. `python -m ekg external` measures it on any records "
        "(`docs/data.md`)."
    )
    results = sources_of(compared / EXTERNAL, PUBLISHED, pooled=True) if compared else {}
    if not results or compared is None:
        return lines
    rows = [
        [
            title_of(name),
            f"{found[FOLD]['records']:,} ({counts(found['data']['class_mix'])})",
            *(cell(found[FOLD]["per_record"], metric) for metric in METRICS),
        ]
        for name, found in results.items()
    ]
    return [
        *lines,
        *paragraph(
            "On small samples, per record, as computed for the card of "
            f"[{compared.name}](../{compared.name}/README.md), which has them by class, sex and "
            "age. Most of the CPSC 2018 records there were in this network's training set: that "
            "row shows that the reimplementation is faithful; it is not a test."
        ),
        *table(["source", "records", *(f.replace("_", " ") for f in METRICS)], rows),
    ]


def _limits() -> list[str]:
    recipe = RECIPE
    return [
        *heading("Limits and ethical considerations"),
        *bullets(
            "It depends on its image to the pixel: with the traces identical and only the pixels "
            f"of the panel borders changed ({recipe['changed_percent']} % of all), "
            f"{recipe['flipped_percent']} % of its predictions flipped. Use it only with images "
            "that this project draws.",
            "Premature complexes, records with several diagnoses and everything outside the seven "
            "classes were left out of its training: it names one of its seven classes whatever it "
            "is shown.",
            "The folds are separated by record. Whether two records of one patient are in "
            "different folds cannot be checked.",
            "No temperature was fitted to its probabilities, and how well they are calibrated on "
            "its own folds is not known.",
            "The published slices cannot be recovered; a rebuild reads other slices of the same "
            "records.",
            "The recordings are of patients of Chinese hospitals, published without names; how "
            "consent was given, see the data sheet. Metrics by sex, age or origin were not "
            "published. Whether it treats people alike is not known.",
            "A research object, **not for clinical use**: a wrong `Normal` may keep somebody from "
            "help.",
        ),
    ]


def _cost(content: dict[str, Any]) -> list[str]:
    minutes = content["model_facts"]["minutes_stored"]
    return [
        *heading("Environmental cost"),
        *paragraph(
            f"The stored epochs took {minutes} minutes, {minutes / 60:.1f} GPU-hours, on one "
            f"{RECIPE['gpu']}. Energy was not published, nor what the trials before it took."
        ),
    ]


def _loading() -> list[str]:
    return [
        *heading("How to load it"),
        "```python",
        "import ekg",
        "",
        'model = ekg.load("best_model_for_paper/2020-07-16_mobilenetv3_small_custom_800_best")',
        'record = ekg.read_record("data/synthetic/records/S0001")',
        "verdict = model.predict(record)",
        "print(verdict.diagnosis, verdict.probabilities, verdict.warnings)",
        "```",
        "",
        *paragraph(
            "`python -m ekg export --model "
            "best_model_for_paper/2020-07-16_mobilenetv3_small_custom_800_best` writes it as ONNX "
            "and checks that against torch."
        ),
    ]


def _files(source: Source) -> list[str]:
    what = {
        "mobilenetv3_small_custom_37.model": "the weights of epoch 37 (PyTorch state dict)",
        "model_info.json": "settings of the training",
        "model_summary.txt": "layers of the network",
        "train_results.csv": "loss and time of each stored epoch",
        "preds_test.csv": "label, prediction and weight of every test image",
        "preds_val.csv": "the same for validation",
    }
    rows = [
        [f"`{file.local}`", what[file.local], f"{file.size:,}", f"`{file.sha256[:16]}`..."]
        for file in source.files
    ]
    rows.append(
        [
            "`published_figures.json`",
            "ours: the metrics as facts, which `make compare` reads",
            "",
            "",
        ]
    )
    return [*heading("Files"), *table(["file", "what it is", "bytes", "SHA-256"], rows)]


def _licence(content: dict[str, Any]) -> list[str]:
    source = content["source"]
    return [
        *heading("Licence: an open question"),
        *paragraph(
            f"The authors' repository ([{source['repository'].split('github.com/')[1]}]"
            f"({source['repository']}), commit {source['commit']}) was not seen to state a licence "
            "for these files. They are therefore fetched by whoever wants to use them and are not "
            "passed on here; the licence of this project does not cover them. Ask the authors "
            "before you pass them on or build on them beyond what research practice and your law "
            "allow. The recordings behind them are under CC BY 4.0."
        ),
        *paragraph(
            f"Cite: {source['paper']}, doi {source['doi']}. Data of the paper: doi "
            f"{source['data_doi']}."
        ),
    ]
