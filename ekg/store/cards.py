"""Model cards: written from the files beside the weights, never by hand."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ekg.config import TrainConfig, load_config
from ekg.datasets.registry import read_registry, source_named
from ekg.errors import EvaluationError
from ekg.evaluation.external import FOLD
from ekg.evaluation.groups import NOT_STATED
from ekg.evaluation.intervals import with_interval
from ekg.evaluation.levels import LEVELS
from ekg.evaluation.published import DATASET as PAPERS_DATASET
from ekg.evaluation.published import read_published_metrics
from ekg.files import read_json
from ekg.markdown import render, table, wrapped
from ekg.model.export import LARGEST_DIFFERENCE
from ekg.run import (
    ADAPTATION_FILE,
    ADAPTED_FILES,
    CONFIG_FILE,
    HELD_OUT_FILE,
    RECORDINGS_FILE,
    RULES_FILE,
    Finished,
    Run,
)
from ekg.store.stored_external import EXTERNAL, OWN, POOLED, PUBLISHED, sources_of

_EXTERNAL_METRICS = ("accuracy", "balanced_accuracy", "macro_f1", "macro_auroc")
_EXTERNAL_CLASS_METRICS = ("recall", "precision", "f1", "auroc")
_CLASS_METRICS = ("precision", "recall", "f1", "specificity")
_CALIBRATION = ("log_loss", "ece", "brier")
_MODELS = {OWN: "this model", PUBLISHED: "published model"}

Results = dict[str, dict[str, dict[str, Any]]]
"""By model (`OWN`, `PUBLISHED`), then by source: the content of `external.json`."""


def model_card(folder: Path, metrics: dict[str, Any] | None = None) -> str:
    """Return a stored model's card in Markdown, after Mitchell et al. 2019.

    Parameters
    ----------
    folder
        The stored model's folder; every number comes from a file of it.
    metrics
        Content of its `metrics.json`, where that is not there yet.
    """
    run = Run(folder)
    environment, dataset, done, history = (
        run.environment,
        run.dataset_facts,
        run.finished,
        run.history,
    )
    if done is None or history is None or not dataset:
        raise EvaluationError("is not a stored model: a file of the run is missing", path=folder)
    metrics = metrics or {**run.metrics}
    config = load_config(run.file(CONFIG_FILE))
    results = {model: sources_of(folder / EXTERNAL, model, pooled=True) for model in _MODELS}
    source = read_registry().get(dataset["dataset"])
    return _card(
        "own.md.j2",
        folder=folder,
        stored=run.stored,
        environment=environment,
        commit=_commit(environment),
        config=config,
        size=config.data.image_size,
        dataset=dataset,
        simulated=dataset["simulation"] is not None,
        images=dataset["image_set"],
        metrics=metrics,
        fold_rows=_fold_rows(dataset, metrics),
        done=done,
        images_per_second=history["images_per_second"].median(),
        training_images=_images(config),
        class_metrics=(*_CLASS_METRICS, "auroc", "average_precision"),
        fitted=run.calibration,
        adaptation=_adaptation(run),
        rules=read_json(run.file(RULES_FILE)) if run.has(RULES_FILE) else None,
        rule_rows=_rule_rows(metrics),
        calibration_rows=_calibration_rows(metrics, results[OWN]),
        results={"own": results[OWN], "published": results[PUBLISHED]},
        pooled=POOLED,
        overall_rows=_overall_rows(results),
        by_class={
            _title_of(source): {
                "rows": _by_class_rows(results, source),
                "absent": results[OWN][source][FOLD]["left_out"],
            }
            for source in results[OWN]
            if source in (PAPERS_DATASET, POOLED)
        },
        group_rows=_group_rows(results),
        spent=_spent(environment, done),
        largest_difference=LARGEST_DIFFERENCE,
        has_external=(folder / EXTERNAL).is_dir(),
        source=source,
    )


def _adaptation(run: Run) -> dict[str, Any] | None:
    """Return what the card says of an adapted model's cross-validation."""
    if not run.has(*ADAPTED_FILES):
        return None
    content = read_json(run.file(HELD_OUT_FILE))
    level = content["levels"]["per_record"]
    with run.file(RECORDINGS_FILE).open(encoding="utf-8", newline="") as stream:
        folders = {row["folder"] for row in csv.DictReader(stream)}
    shown = ("macro_auroc", "macro_f1", "balanced_accuracy", "accuracy")
    return {
        "settings": read_json(run.file(ADAPTATION_FILE)),
        "content": content,
        "sources": [
            source
            for name, source in read_registry().items()
            if any(folder == name or folder.startswith(f"{name}_") for folder in folders)
        ],
        "metric_rows": [
            [name.replace("_", " "), *_compared(level["figures"][name])] for name in shown
        ],
        "class_rows": [
            [name, str(row["records"]), *_compared(row["auroc"]), *_compared(row["recall"])[:2]]
            for name, row in level["per_class"].items()
        ],
    }


def _rule_rows(metrics: Mapping[str, Any]) -> list[list[str]]:
    effects = {fold: metrics[fold].get("abstention") for fold in ("val", "test")}
    return [
        [fold, f"{effect['records']:,}"]
        + [
            "-" if effect[name] is None else f"{100 * effect[name]:.1f} %"
            for name in ("kept", "accuracy_of_kept", "accuracy", "class_in_set")
        ]
        + [f"{effect['classes_in_set']:.2f}"]
        for fold, effect in effects.items()
        if effect
    ]


def _compared(entry: Mapping[str, Any]) -> list[str]:
    """Return before, after and difference (in a comparison of A, after, with B, before)."""
    difference = entry["difference"]
    interval = entry["interval"]
    text = "-" if difference is None else f"{difference:+.3f}"
    if interval:
        text += f" ({interval[0]:+.3f} to {interval[1]:+.3f})"
    return [
        with_interval(entry["b"], entry["b_interval"], 3),
        with_interval(entry["a"], entry["a_interval"], 3),
        text,
    ]


def _card(template: str, **values: Any) -> str:
    return wrapped(
        render(
            "ekg.store",
            template,
            LEVELS=LEVELS,
            size_of=_size_of,
            levels_table=_levels_table,
            class_table=_class_table,
            **values,
        )
    )


def _cell(metrics: Mapping[str, Any], name: str, digits: int = 3) -> str:
    return with_interval(metrics.get(name), metrics.get("intervals", {}).get(name), digits)


def _size_of(fold: Mapping[str, Any]) -> str:
    return f"{fold['images']:,} images of {fold['records']:,} records"


def counts(by_name: Mapping[str, int]) -> str:
    """Return `AF 1, Normal 12`: what is there, in the given order."""
    return ", ".join(f"{name} {count:,}" for name, count in by_name.items() if count)


def _levels_table(metrics: Mapping[str, Any], names: Sequence[str]) -> str:
    rows = [
        [f"{fold}, {level.replace('_', ' ')}"] + [_cell(metrics[fold][level], n) for n in names]
        for fold in ("val", "test")
        for level in LEVELS
        if level in metrics[fold]
    ]
    return "\n".join(table(["fold, level", *(name.replace("_", " ") for name in names)], rows))


def _class_table(level: Mapping[str, Any], names: Sequence[str]) -> str:
    rows = [
        [label, f"{found['support']:,.0f}", *(_cell(found, name, 2) for name in names)]
        for label, found in level["per_class"].items()
    ]
    return "\n".join(table(["class", "records", *names], rows))


def _commit(environment: Mapping[str, Any]) -> str:
    commit = environment.get("git_commit")
    if not commit:
        return "not known"
    return f"`{commit[:10]}`" + (", with changes" if environment["git_changed"] else "")


def _fold_rows(dataset: Mapping[str, Any], metrics: Mapping[str, Any]) -> list[list[str]]:
    rows = []
    for fold, size in dataset["folds"].items():
        used = dataset["used"].get(fold, metrics.get(fold))
        by_class = counts((used or size)["images_by_class"])
        size_used = _size_of(used) if used else "-"
        rows.append([fold, f"{size['records']:,}", f"{size['images']:,}", size_used, by_class])
    return rows


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


def _calibration_rows(
    metrics: Mapping[str, Any], external: Mapping[str, Any]
) -> Iterator[list[str]]:
    places = {fold: metrics[fold].get("calibration") for fold in ("val", "test")}
    for source, content in external.items():
        places[source.replace("_", " ")] = content[FOLD].get("calibration")
    for place, found in places.items():
        for level in ("record_weighted", "per_record") if found else ():
            before, after = (found[level][when] for when in ("before", "after"))
            cells = [f"{before[name]:.3f} -> {after[name]:.3f}" for name in _CALIBRATION]
            yield [f"{place}, {level.replace('_', ' ')}", *cells]


def _spent(environment: Mapping[str, Any], done: Finished) -> str:
    hours = done["minutes"] / 60 * environment["processes"]
    if environment["device"].startswith("cpu"):
        threads = environment["threads"]
        units = threads * environment["processes"]
        return f"{hours * threads:.2f} core-hours ({units} threads)"
    return f"{hours:.2f} GPU-hours"


def _both_models(results: Results, source: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for model, name in _MODELS.items():
        if source in results[model]:
            yield name, results[model][source]


def _title_of(source: str) -> str:
    return "other hospitals together" if source == POOLED else source


def _overall_rows(results: Results) -> Iterator[list[str]]:
    for source in results[OWN]:
        for model, content in _both_models(results, source):
            found, data = content[FOLD], content["data"]
            read = f"{found['records']:,} of {data['found']:,} ({counts(data['class_mix'])})"
            cells = [_cell(found["per_record"], name) for name in _EXTERNAL_METRICS]
            yield [_title_of(source), read, model, *cells]


def _by_class_rows(results: Results, source: str) -> list[list[str]]:
    rows = []
    for model, content in _both_models(results, source):
        for name, found in content[FOLD]["per_record"]["per_class"].items():
            if found["support"]:
                cells = [_cell(found, key, 2) for key in _EXTERNAL_CLASS_METRICS]
                rows.append([name, f"{found['support']:.0f}", model, *cells])
    return sorted(rows, key=lambda row: row[0])


def _group_rows(results: Results) -> list[list[str]]:
    """Return accuracy by sex and age, of the paper's source and of the others together."""
    rows: list[list[str]] = []
    for source in (PAPERS_DATASET, POOLED):
        models = {m: c[FOLD].get("groups", {}) for m, c in _both_models(results, source)}
        groups: Mapping[str, Any] = next(iter(models.values()), {})
        for kind, names in groups.items():
            if set(names) == {NOT_STATED}:
                continue
            for name, own in names.items():
                shown = []
                for model in _MODELS.values():
                    found = models.get(model, {}).get(kind, {}).get(name)
                    interval = found and with_interval(found["accuracy"], found.get("interval"), 2)
                    shown.append(interval or "-")
                rows.append([_title_of(source), kind, name, str(own["records"]), *shown])
    return rows


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


def published_card(metrics_folder: Path, compared: Path | None) -> str:
    """Return the published model's card in Markdown.

    Parameters
    ----------
    metrics_folder
        With `published_figures.json`.
    compared
        A stored model of this project with results of the published one on the same
        recordings; None where there is none.
    """
    content = read_published_metrics(metrics_folder)
    source = source_named("published_model")
    results = sources_of(compared / EXTERNAL, PUBLISHED, pooled=True) if compared else {}
    sizes = {"train": {"records": RECIPE["train_records"], "images": RECIPE["train_images"]}}
    sizes["train"]["images_by_class"] = RECIPE["train_images_by_class"]
    sizes |= {fold: content[fold] for fold in ("val", "test")}
    return _card(
        "published.md.j2",
        content=content,
        recipe=RECIPE,
        compared=compared,
        megabytes=round(sum(file.size or 0 for file in source.files) / 1e6, 1),
        class_metrics=_CLASS_METRICS,
        fold_rows=[
            [name, f"{s['records']:,}", f"{s['images']:,}", counts(s["images_by_class"])]
            for name, s in sizes.items()
        ],
        elsewhere_rows=[
            [
                _title_of(name),
                f"{found[FOLD]['records']:,} ({counts(found['data']['class_mix'])})",
                *(_cell(found[FOLD]["per_record"], metric) for metric in _EXTERNAL_METRICS),
            ]
            for name, found in results.items()
        ],
        file_rows=[
            [f"`{f.local}`", _PUBLISHED_FILES[f.local], f"{f.size:,}", f"`{f.sha256[:16]}`..."]
            for f in source.files
        ]
        + [["`published_figures.json`", _FIGURES_FILE_IS, "", ""]],
    )


_PUBLISHED_FILES = {
    "mobilenetv3_small_custom_37.model": "the weights of epoch 37 (PyTorch state dict)",
    "model_info.json": "settings of the training",
    "model_summary.txt": "layers of the network",
    "train_results.csv": "loss and time of each stored epoch",
    "preds_test.csv": "label, prediction and weight of every test image",
    "preds_val.csv": "the same for validation",
}
_FIGURES_FILE_IS = "ours: the metrics as facts, which `make compare` reads"
