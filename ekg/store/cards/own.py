"""The card of a stored model of this project, from the files of its folder alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from ekg.config import TrainConfig, load_config
from ekg.datasets.registry import read_registry
from ekg.evaluation.calibration import FITTED_ON
from ekg.evaluation.external import FOLD
from ekg.files import read_json
from ekg.model.export import LARGEST_DIFFERENCE
from ekg.run import (
    CALIBRATION_FILE,
    CONFIG_FILE,
    DATASET_FILE,
    ENVIRONMENT_FILE,
    FINISHED_FILE,
    HISTORY_FILE,
    METRICS_FILE,
    STORED_FILE,
)
from ekg.store.cards.recordings import recordings_section
from ekg.store.cards.text import (
    bullets,
    class_table,
    counts,
    heading,
    how_to_load,
    levels_explained,
    levels_table,
    out_of_scope,
    paragraph,
    risks,
    size_of,
    table,
)
from ekg.store.stored_external import EXTERNAL, OWN, sources_of

_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc", "ece", "brier")
_CLASS_METRICS = ("precision", "recall", "f1", "specificity", "auroc", "average_precision")
_CALIBRATION = ("log_loss", "ece", "brier")


def model_card(folder: Path, metrics: dict[str, Any] | None = None) -> str:
    """Return a stored model's card, after Mitchell et al. 2019."""
    metrics = metrics or read_json(folder / METRICS_FILE)
    stored = read_json(folder / STORED_FILE)
    environment = read_json(folder / ENVIRONMENT_FILE)
    done = read_json(folder / FINISHED_FILE)
    dataset = read_json(folder / DATASET_FILE)
    history = pd.read_csv(folder / HISTORY_FILE)
    config = load_config(folder / CONFIG_FILE)
    simulated = dataset["simulation"] is not None
    lines = [
        *_head(stored, environment, config, dataset),
        *_use(),
        *_factors(dataset),
        *_data(dataset, metrics),
        *_training(config, environment, done, history, stored),
        *_metrics(metrics),
        *_calibration(folder, metrics),
        *recordings_section(folder, simulated=simulated),
        *_limits(simulated),
        *risks(simulated=simulated),
        *_cost(environment, done),
        *how_to_load(folder.name, config.data.image_size),
        *_files(folder, stored),
        *_licence(folder, dataset),
    ]
    return "\n".join(lines).rstrip("\n") + "\n"


def _head(
    stored: dict[str, Any],
    environment: dict[str, Any],
    config: TrainConfig,
    dataset: dict[str, Any],
) -> list[str]:
    size = config.data.image_size
    kind = "simulated records" if dataset["simulation"] else "recordings"
    return [
        *heading(stored["name"], 1),
        *paragraph(
            f"A network `{config.network.name}` of {stored['parameters']:,} parameters that names "
            f"one of seven diagnoses on a {size} x {size} image of 2.5 s of a 12-lead EKG. "
            f"Trained on the data set `{dataset['dataset']}` ({kind}). **Not for clinical use.**"
        ),
        *paragraph(
            "This card is written by the command that stores the model, from the files in this "
            "folder; `python scripts/model_cards.py --write` writes it again, and a test compares:"
        ),
        f"    {stored['stored_by']}",
        "",
        *table(
            ["", ""],
            [
                ["made by", f"`{stored['made_by']}`"],
                ["version", f"ekg {environment['ekg']}, commit {_commit(environment)}"],
                ["input", f"grey image, {size} x {size} bytes, drawn by this project"],
                ["output", "probabilities of " + ", ".join(_classes(dataset))],
                ["licence", "MIT, see the end"],
            ],
        ),
    ]


def _classes(dataset: dict[str, Any]) -> list[str]:
    return list(dataset["folds"]["train"]["images_by_class"])


def _commit(environment: dict[str, Any]) -> str:
    commit = environment.get("git_commit")
    if not commit:
        return "not known"
    return f"`{commit[:10]}`" + (", with changes" if environment["git_changed"] else "")


def _use() -> list[str]:
    return [
        *heading("Intended use and users"),
        *bullets(
            "For people who study how networks read EKGs from images, and who want to repeat or "
            "improve on the paper: a reference to compare runs with (`make compare`).",
            "An example for `predict`, `export`, the saliency maps and the page in the browser.",
            "Not meant to read anybody's EKG, by whomever.",
        ),
        *out_of_scope(),
    ]


def _factors(dataset: dict[str, Any]) -> list[str]:
    simulated = dataset["simulation"] is not None
    who = (
        "Ages and sexes of the simulated people are drawn by the simulator; metrics on them by "
        "group would describe the simulator."
        if simulated
        else "Metrics by sex and age on the test fold are not computed."
    )
    return [
        *heading("Factors"),
        *bullets(
            "**Diagnosis**: metrics by class below.",
            f"**Sex and age**: {who} On recordings, accuracy by sex and age is below where "
            "headers state them. Ethnicity, body build, drugs and other diseases are not stated "
            "anywhere, and nothing can be said of them.",
            "**Hospital and recorder**: the section on recordings of hospitals.",
            "**Drawing**: the network depends on the exact image; it takes only those that this "
            "project draws.",
        ),
    ]


def _data(dataset: dict[str, Any], metrics: dict[str, Any]) -> list[str]:
    images = dataset["image_set"]
    lines = heading("Data")
    if dataset["simulation"]:
        made = dataset["simulation"]
        mix = ", ".join(made["classes"]) if made["classes"] else "the standard mix"
        found = sum(images.get(key, 0) for key in ("records", "excluded", "skipped"))
        number = f"{found:,} simulated records" if found else "Simulated records"
        lines += paragraph(
            f"{number}: simulator version {made['version']}, seed {made['seed']}, classes: {mix} "
            "(`docs/simulator.md`; data sheet: `docs/datasheets/synthetic.md`)."
        )
    else:
        lines += paragraph(
            f"Recordings of the data set `{dataset['dataset']}`; data sheets: `docs/datasheets/`."
        )
    if images:
        lines += paragraph(
            f"{images['records']:,} records kept, {images['excluded']:,} excluded by the paper's "
            "rule (exactly one diagnosis, and that one of the seven), "
            f"{images['skipped']:,} skipped as unreadable or too short; slices drawn with seed "
            f"{images['seed']}. Divided by record: no record is in two folds."
        )
    rows = []
    for fold, size in dataset["folds"].items():
        used = dataset["used"].get(fold, metrics.get(fold))
        by_class = (used or size)["images_by_class"]
        rows.append(
            [
                fold,
                f"{size['records']:,}",
                f"{size['images']:,}",
                size_of(used) if used else "-",
                counts(by_class),
            ]
        )
    return lines + table(["fold", "records", "images", "used", "images used, by class"], rows)


def _training(
    config: TrainConfig,
    environment: dict[str, Any],
    done: dict[str, Any],
    history: pd.DataFrame,
    stored: dict[str, Any],
) -> list[str]:
    training, optimizer = config.training, config.optimizer
    start = config.network.weights or "fresh weights"
    return [
        *heading("Training"),
        *bullets(
            f"Made by `{stored['made_by']}`; all settings: `config.toml`.",
            f"From {start}: {optimizer.name}, learning rate {optimizer.learning_rate:g}, weight "
            f"decay {optimizer.weight_decay:g}, schedule {config.schedule.name}; batches of "
            f"{training.batch_size}; class weights {training.class_weights}; weights of the epoch "
            f"with the best {training.best_by.replace('_', ' ')} kept.",
            _images(config),
            f"{done['epochs']} epochs in {done['minutes']:.1f} minutes on {environment['device']} "
            f"({history['images_per_second'].median():.0f} images/s); ended: {done['reason']}. "
            f"Weights of epoch {done['best_epoch']} (counted from 0), validation loss "
            f"{done['best_val_loss']:.4f}.",
            f"Seed {environment['seed']}; Python {environment['python']}, torch "
            f"{environment['packages']['torch']}; `environment.json` has the other versions and "
            "the checksums of manifest and split.",
        ),
    ]


def _images(config: TrainConfig) -> str:
    """Describe where in its record a training image is, and how it is changed."""
    changed = ", ".join(
        f"{name.replace('_', ' ')} {value:g}"
        for name, value in vars(config.augmentation).items()
        if value
    )
    places = {
        "random": "new in every epoch, at places drawn by seed, as many as the fold has",
        "fixed": "the same in every epoch",
    }
    return (
        f"Training images: {places[config.data.slices]}; "
        + (f"augmented ({changed}, see `docs/training.md`)." if changed else "not augmented.")
        + " Validation and test images are never changed."
    )


def _metrics(metrics: dict[str, Any]) -> list[str]:
    test = metrics["test"]
    resampling = test["resampling"]
    lines = [
        *heading("Metrics"),
        *paragraph(
            f"Validation: {size_of(metrics['val'])}; test: {size_of(test)}. In brackets "
            f"{100 * resampling['coverage']:g} % intervals from {resampling['resamples']:,} "
            "resamples of whole records; `docs/evaluation.md` defines every metric. "
            "Probabilities are the network's own, before the temperature. 1.00 (1.00-1.00) means "
            "that no error was seen: among n records without one, a true share of errors of up to "
            "about 3/n cannot be ruled out."
        ),
        *levels_explained(test),
        *levels_table({fold: metrics[fold] for fold in ("val", "test")}, _METRICS),
        *heading("By class: test, per record", 3),
        *class_table(test["per_record"], _CLASS_METRICS),
        *heading("By class: test, record-weighted", 3),
        *class_table(test["record_weighted"], _CLASS_METRICS),
    ]
    notes = [f"{fold}: {note}" for fold in ("val", "test") for note in metrics[fold]["notes"]]
    return lines + (bullets(*notes) if notes else [])


def _calibration(folder: Path, metrics: dict[str, Any]) -> list[str]:
    fitted = read_json(folder / CALIBRATION_FILE)
    places = {fold: metrics[fold].get("calibration") for fold in ("val", "test")}
    for source, content in sources_of(folder / EXTERNAL, OWN, pooled=True).items():
        places[source.replace("_", " ")] = content[FOLD].get("calibration")
    rows = []
    for place, found in places.items():
        if not found:
            continue
        for level in ("record_weighted", "per_record"):
            before, after = (found[level][when] for when in ("before", "after"))
            cells = [f"{before[name]:.3f} -> {after[name]:.3f}" for name in _CALIBRATION]
            rows.append([f"{place}, {level.replace('_', ' ')}", *cells])
    return [
        *heading("Calibration"),
        *paragraph(
            f"One temperature, {fitted['temperature']:.3f}, fitted on the fold {FITTED_ON} "
            f"({size_of(fitted)}) by the log loss"
            + (", at the edge of what is searched" if fitted["at_limit"] else "")
            + ". `predict` and `model.onnx` apply it; the metrics above do not. Before -> after:"
        ),
        *table(["where, level", "log loss", "expected calibration error", "Brier score"], rows),
        *paragraph(
            "A temperature fitted on one kind of data does not calibrate another: compare the "
            "rows of recordings, if there are any."
        ),
    ]


def _limits(simulated: bool) -> list[str]:
    if simulated:
        data = (
            "A simulated EKG is a textbook's idea of a disease with noise on it: the metrics of "
            "the folds say nothing about patients."
        )
        patients = "Each simulated record is of another person, so no person is in two folds."
    else:
        data = "The metrics of the folds hold for this data set alone."
        patients = (
            "Records are divided, not patients: that nobody is in two folds cannot be promised "
            "where headers name no patients."
        )
    return [
        *heading("Limits"),
        *bullets(
            f"{data} `make external MODEL=... RECORDS=...` measures a model on recordings of "
            "hospitals.",
            "It must choose one of seven labels, whatever it is shown; ectopic beats, several "
            "diagnoses at once and everything else are not among them.",
            f"Slices of one record are not independent; no metric here treats them so. {patients}",
            "Intervals hold for other records of the same kind. They do not cover another "
            "training run, another hospital or another recorder.",
        ),
    ]


def _cost(environment: dict[str, Any], done: dict[str, Any]) -> list[str]:
    hours = done["minutes"] / 60
    if environment["device"].startswith("cpu"):
        units = environment["threads"] * environment["processes"]
        spent = f"{hours * units:.2f} core-hours ({units} threads)"
    else:
        spent = f"{hours * environment['processes']:.2f} GPU-hours"
    return [
        *heading("Environmental cost"),
        *paragraph(
            f"This training: {done['minutes']:.1f} minutes on {environment['device']}, {spent}. "
            "Energy was not measured. Simulation, drawing, evaluation and earlier trials of the "
            "recipe are not in it."
        ),
    ]


def _files(folder: Path, stored: dict[str, Any]) -> list[str]:
    return [
        *heading("Files"),
        *bullets(
            "`weights.safetensors`, `config.toml`, `train_results.csv`, `environment.json`, "
            "`dataset.json`, `finished.json`: the run; `docs/training.md` says what is in them.",
            "`model.onnx`: the same network with its temperature, for onnxruntime; written only "
            f"because no probability differed by more than {LARGEST_DIFFERENCE:g} from torch's "
            f"on {stored['onnx_checked_on']} images.",
            "`metrics.json`, `calibration.json`, `predictions_val.csv`, `predictions_test.csv`"
            + (f", `{EXTERNAL}/`" if (folder / EXTERNAL).is_dir() else "")
            + ": the evaluation.",
            "`stored.json`: how it came here, and the SHA-256 of each of these files.",
        ),
    ]


def _licence(folder: Path, dataset: dict[str, Any]) -> list[str]:
    source = read_registry().get(dataset["dataset"])
    if dataset["simulation"]:
        data = "They learned from simulated records alone, so no licence of recordings binds them."
    elif source is not None:
        data = (
            f"They learned from recordings under {source.licence}, which asks for this citation: "
            + " ".join(source.citation.split())
        )
    else:
        data = "The licence of the recordings they learned from is for their owner to say."
    recordings = (
        f"`{EXTERNAL}/` names public recordings and their labels, which stay under their own "
        "licences (CC BY 4.0 as a rule) and ask to be cited: `docs/datasheets/README.md`."
        if (folder / EXTERNAL).is_dir()
        else ""
    )
    return [
        *heading("Licence and citation"),
        *paragraph(
            "The weights are this project's, under its [MIT licence](../../LICENSE). " + data
        ),
        *paragraph(recordings),
        *paragraph(
            "Cite the paper (Das, Epland, Yu, Suri 2023, doi 10.1016/j.cpcardiol.2023.101744), "
            "whose authors did not make this model, and this project: "
            "[CITATION.cff](../../CITATION.cff)."
        ),
    ]
