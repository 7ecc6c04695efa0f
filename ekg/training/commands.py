"""The verb `train`: its arguments, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from ekg.options import Option

if TYPE_CHECKING:
    from ekg.training.trainer import Result


def run_train(
    *,
    images: Annotated[str, Option("the image set's folder", "DIR")],
    split: Annotated[str, Option("columns record and split", "CSV")],
    run_folder: Annotated[str, Option("made here", "DIR", ("--run",))],
    experiment: Annotated[
        str | None, Option("settings; the paper's recipe without it", "TOML")
    ] = None,
    records: Annotated[
        str | None, Option('WFDB records, for data.source = "records"', "DIR")
    ] = None,
    resume: Annotated[bool, "resume from the run's checkpoint"] = False,
    overwrite: Annotated[bool, "start over in an existing run folder"] = False,
    plain: Annotated[bool, "the textbook form, for benchmarks"] = False,
    overrides: Annotated[
        Sequence[str],
        Option(
            "change any setting, e.g. optimizer.learning_rate=0.01 (repeatable)",
            "SECTION.FIELD=VALUE",
            ("--set",),
            repeated=True,
        ),
    ] = (),
    epochs: Annotated[int | None, Option("maximum number of epochs (training.epochs)", "N")] = None,
    max_minutes: Annotated[
        float | None,
        Option("no epoch starts after this, 0: no limit (training.max_minutes)", "N"),
    ] = None,
    batch_size: Annotated[int | None, Option("images per step (training.batch_size)", "N")] = None,
    seed: Annotated[
        int | None,
        Option("NumPy's seed; torch gets one more, CUDA two more (training.seed)", "N"),
    ] = None,
    device: Annotated[
        str | None, Option("auto, cpu, cuda, cuda:1 (compute.device)", "NAME")
    ] = None,
    threads: Annotated[
        int | None, Option("CPU threads, 0 for all cores (compute.threads)", "N")
    ] = None,
    workers: Annotated[
        int | None, Option("loader workers, -1 for automatic (compute.workers)", "N")
    ] = None,
) -> int:
    """Train a network on an image set."""
    import os
    from pathlib import Path

    # Threads that wait for each other are to sleep, not spin: read when torch is first imported.
    # On a machine with other work spinning costs up to three quarters of the speed.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from ekg.config import load_config
    from ekg.run import CONFIG_FILE
    from ekg.training.trainer import train

    shortcuts = {
        "training.epochs": epochs,
        "training.max_minutes": max_minutes,
        "training.batch_size": batch_size,
        "training.seed": seed,
        "compute.device": device,
        "compute.threads": threads,
        "compute.workers": workers,
        "compute.plain": "true" if plain else None,
    }
    changes = [*overrides, *(f"{k}={v}" for k, v in shortcuts.items() if v is not None)]
    if resume and experiment is None and (saved := Path(run_folder, CONFIG_FILE)).is_file():
        experiment = str(saved)
    result = train(
        load_config(experiment, changes),
        images,
        split,
        run_folder,
        records=records,
        resume=resume,
        overwrite=overwrite,
    )
    _report(result)
    return 0


def _report(result: Result) -> None:
    from ekg.training.distributed import is_first_process

    if is_first_process():
        print(
            f"{result.run}: {result.epochs} epochs in {result.minutes:.1f} minutes "
            f"({result.reason}); best epoch {result.best_epoch}, validation loss "
            f"{result.best_val_loss:.4f}"
        )
