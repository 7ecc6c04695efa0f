"""The settings of a run and what its training took, as tables."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ekg.config import TrainConfig, config_to_dict
from ekg.paper.figures.training import best_epoch
from ekg.paper.run_files import RunFiles

_PUBLISHED_SETTINGS = {
    "model_name": "network",
    "total_params": "parameters",
    "im_res": "image size (pixels)",
    "batch_size": "batch size",
    "optimizer": "optimizer",
    "loss_fn": "loss",
    "balance_class_weights": "class weights balanced",
    "max_epochs": "epochs at most",
    "max_time_min": "minutes at most",
    "es_epochs": "early stopping: window (epochs)",
    "es_min_val_per_improvement": "early stopping: smallest improvement (share)",
    "rnd_seed": "seed",
}


def settings_table(run: RunFiles) -> pd.DataFrame:
    """Return every setting of a run, one a row; empty when none were saved."""
    rows: list[tuple[str, str]] = []
    for section, table in run.settings.items():
        entries = table.items() if isinstance(table, dict) else [("", table)]
        for name, value in entries:
            rows.append((f"{section}.{name}" if name else section, _plain(value)))
    if not rows and run.model_info:
        rows = [
            (name, _plain(run.model_info[key]))
            for key, name in _PUBLISHED_SETTINGS.items()
            if key in run.model_info
        ]
    return pd.DataFrame(rows, columns=["setting", "value"])


def changed_settings_table(run: RunFiles) -> pd.DataFrame:
    """Return the settings that are not the paper's, beside the paper's; empty when none differ.

    Where and how it is computed is left out: that is not meant to change what is learned.
    """
    recipe = config_to_dict(TrainConfig())
    rows = [
        (f"{section}.{name}", _plain(value), _plain(recipe[section][name]))
        for section, table in run.settings.items()
        if section in recipe and section != "compute"
        for name, value in table.items()
        if name in recipe[section] and value != recipe[section][name]
    ]
    return pd.DataFrame(rows, columns=["setting", "this run", "the paper's recipe"])


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_plain(item) for item in value)
    return str(value) if value != "" else "(none)"


def training_table(run: RunFiles) -> pd.DataFrame:
    """Return what the training took and reached, one figure a row; empty without a history."""
    history = run.history
    rows: list[tuple[str, str]] = []
    if history is not None:
        best = best_epoch(history)
        kept = history.loc[history["epoch"] == best].iloc[-1]
        rows += [
            ("epochs (counted from 0)", f"{len(history)}"),
            ("epoch whose weights were kept", f"{best}"),
            ("validation loss there (nats)", f"{kept['val_loss']:.4f}"),
            ("training loss there (nats)", f"{kept['train_loss']:.4f}"),
        ]
        rows += _measured(history)
    rows += _machine(run)
    return pd.DataFrame(rows, columns=["figure", "value"])


def _measured(history: pd.DataFrame) -> list[tuple[str, str]]:
    rows = []
    if "elapsed_time" in history:
        rows.append(("time (minutes)", f"{history['elapsed_time'].max():.1f}"))
    if "epoch_time" in history:
        rows.append(("time an epoch (seconds, mean)", f"{60 * history['epoch_time'].mean():.1f}"))
    if "images_per_second" in history and history["images_per_second"].notna().any():
        rows.append(("images a second (median)", f"{history['images_per_second'].median():.1f}"))
    if "cuda_mem_cached" in history and history["cuda_mem_cached"].max() > 0:
        rows.append(("GPU memory reserved (GB)", f"{history['cuda_mem_cached'].max() / 1e9:.1f}"))
    return rows


def _machine(run: RunFiles) -> list[tuple[str, str]]:
    names = {
        "device": "device",
        "precision": "precision",
        "threads": "threads",
        "seed": "seed",
        "python": "Python",
        "ekg": "project version",
        "git_commit": "commit",
    }
    rows = [
        (name, str(run.environment[key]))
        for key, name in names.items()
        if run.environment.get(key) is not None
    ]
    if run.environment.get("git_changed"):
        rows.append(("files changed since that commit", "yes"))
    torch = (run.environment.get("packages") or {}).get("torch")
    return [*rows, ("PyTorch", str(torch))] if torch else rows
