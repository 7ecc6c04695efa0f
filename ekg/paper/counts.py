"""How many records and images of each class: from the image set, or from what a run saved."""

from __future__ import annotations

import pandas as pd

from ekg.paper.run_files import FOLD_NAMES, RunFiles


def class_counts(run: RunFiles) -> pd.DataFrame:
    """Return records and images of each class in each fold.

    With an image set they come from its manifest and the split; without, from the saved
    predictions (validation and test) and, for the published model, from the class weights of
    its training set.
    """
    manifest = run.manifest
    if manifest is not None:
        table = manifest.rename(columns={"diagnosis": "class"})
        table["fold"] = table["split"].where(table["split"].isin(list(FOLD_NAMES)), "none")
        return _count(table)
    parts = [
        _count(saved.rename(columns={"label": "class"}).assign(fold=fold))
        for fold in run.folds
        if (saved := run.predictions(fold)) is not None
    ]
    if run.is_published and (training := published_training_images(run)) is not None:
        parts.insert(0, training)
    columns = ["class", "fold", "records", "images"]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns)


def _count(table: pd.DataFrame) -> pd.DataFrame:
    groups = table.groupby(["class", "fold"], sort=True)["record"]
    return groups.agg(records="nunique", images="size").reset_index()


def published_training_images(run: RunFiles) -> pd.DataFrame | None:
    """Return the published training set's images by class, None when unknown.

    The published work gives class weights (total / count, divided by the largest), from which
    `smallest count / weight` gives every count back; the smallest is in `class_counts_train`.
    """
    info = run.model_info
    try:
        weights = [float(part) for part in info["class_weights_train"].split(",")]
        smallest = int(info["class_counts_train"].split(",")[0])
    except (KeyError, ValueError):
        return None
    if len(weights) != len(run.classes):
        return None
    return pd.DataFrame(
        {
            "class": list(run.classes),
            "fold": "train",
            "records": None,
            "images": [round(smallest / weight) for weight in weights],
        }
    )


def slices_of_records(run: RunFiles) -> tuple[pd.Series, str]:
    """Return the number of slices of each record and where it comes from."""
    if run.manifest is not None:
        return run.manifest.groupby("record").size(), "all records"
    tables = [table for fold in run.folds if (table := run.predictions(fold)) is not None]
    if not tables:
        return pd.Series(dtype=int), ""
    return (
        pd.concat(tables).groupby("record").size(),
        "validation and test records" if len(tables) > 1 else f"{run.folds[0]} records",
    )


def wide(counts: pd.DataFrame, classes: tuple[str, ...]) -> pd.DataFrame:
    """Return the counts as a table for reading: a row a class, a column a fold, and totals."""
    columns: dict[str, list[float | int | None]] = {}
    for unit in ("records", "images"):
        for fold, name in FOLD_NAMES.items():
            part = counts[counts["fold"] == fold]
            if part.empty:
                continue
            if part[unit].isna().any():
                continue
            by_class = part.groupby("class")[unit].sum()
            values = [int(by_class.get(c, 0)) for c in classes]
            columns[f"{unit} in no fold" if fold == "none" else f"{name} {unit}"] = [
                *values,
                sum(values),
            ]
    return pd.DataFrame({"class": [*classes, "all"], **columns})


def reasons_table(records: pd.DataFrame) -> pd.DataFrame:
    """Return how many records were kept and how many left out, by reason.

    `records`: `records.csv`: record, status (kept, excluded, skipped), reason.
    """
    table = records.assign(reason=records["reason"].replace("", "–"))
    counts = table.groupby(["status", "reason"])["record"].size().reset_index(name="records")
    order = {"kept": 0, "excluded": 1, "skipped": 2}
    counts = counts.assign(order=counts["status"].map(order).fillna(3))
    counts = counts.sort_values(["order", "records", "reason"], ascending=[True, False, True])
    return counts.drop(columns="order").reset_index(drop=True)
