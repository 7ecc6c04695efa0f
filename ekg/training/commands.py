"""The verb `train`: its arguments, and what it prints."""

from __future__ import annotations

import argparse

_SHORTCUTS = {
    "epochs": ("training.epochs", int, "maximum number of epochs"),
    "max_minutes": ("training.max_minutes", float, "no epoch starts after this, 0: no limit"),
    "batch_size": ("training.batch_size", int, "images per step"),
    "seed": ("training.seed", int, "NumPy's seed; torch gets one more, CUDA two more"),
    "device": ("compute.device", str, "auto, cpu, cuda, cuda:1"),
    "threads": ("compute.threads", int, "CPU threads, 0 for all cores"),
    "workers": ("compute.workers", int, "loader workers, -1 for automatic"),
}


def add_train_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's arguments."""
    parser.add_argument("--images", required=True, metavar="DIR", help="the image set's folder")
    parser.add_argument("--split", required=True, metavar="CSV", help="columns record and split")
    parser.add_argument("--run", required=True, metavar="DIR", dest="run_folder", help="made here")
    parser.add_argument(
        "--experiment", metavar="TOML", help="settings; the paper's recipe without it"
    )
    parser.add_argument(
        "--records", metavar="DIR", help='WFDB records, for data.source = "records"'
    )
    parser.add_argument("--resume", action="store_true", help="resume from the run's checkpoint")
    parser.add_argument(
        "--overwrite", action="store_true", help="start over in an existing run folder"
    )
    parser.add_argument("--plain", action="store_true", help="the textbook form, for benchmarks")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="SECTION.FIELD=VALUE",
        dest="overrides",
        help="change any setting, e.g. optimizer.learning_rate=0.01 (repeatable)",
    )
    for name, (field, kind, text) in _SHORTCUTS.items():
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=kind,
            metavar="N" if kind is not str else "NAME",
            help=f"{text} ({field})",
        )


def run_train(arguments: argparse.Namespace) -> int:
    """Train a network on an image set."""
    import os
    from pathlib import Path

    # Threads that wait for each other are to sleep, not spin: read when torch is first imported.
    # On a machine with other work spinning costs up to three quarters of the speed.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from ekg.config import load_config
    from ekg.run import CONFIG_FILE
    from ekg.training.distributed import is_first_process
    from ekg.training.trainer import train

    overrides = list(arguments.overrides)
    for name, (field, _, _) in _SHORTCUTS.items():
        value = getattr(arguments, name)
        if value is not None:
            overrides.append(f"{field}={value}")
    if arguments.plain:
        overrides.append("compute.plain=true")
    experiment = arguments.experiment
    saved = Path(arguments.run_folder) / CONFIG_FILE
    if arguments.resume and experiment is None and saved.is_file():
        experiment = saved
    result = train(
        load_config(experiment, overrides),
        arguments.images,
        arguments.split,
        arguments.run_folder,
        records=arguments.records,
        resume=arguments.resume,
        overwrite=arguments.overwrite,
    )
    if not is_first_process():
        return 0
    print(
        f"{result.run}: {result.epochs} epochs in {result.minutes:.1f} minutes ({result.reason}); "
        f"best epoch {result.best_epoch}, validation loss {result.best_val_loss:.4f}"
    )
    return 0
