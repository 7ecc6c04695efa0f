"""The verb `store`: its arguments, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from ekg.options import Option


def run_store(
    *,
    run_folder: Annotated[Path, Option(metavar="DIR", names=("--run",))],
    out: Annotated[
        Path,
        Option(
            "best_model_for_paper/<date>_<name>; the default model is named in `default` there",
            "DIR",
        ),
    ],
    command: Annotated[
        str | None, "what made the run, for the card; default: the training's command line"
    ] = None,
    external: Annotated[
        Sequence[Path],
        Option(
            "results of `python -m ekg external` with this model and with the published one; "
            "default: the run's folder `external`, if it has one",
            "DIR",
        ),
    ] = (),
) -> int:
    """Keep a finished run as a stored model, with model.onnx and a model card."""
    from ekg.store.stored_model import store_model

    names = store_model(run_folder, out, command, external)
    print(f"{out}: {', '.join(names)}")
    return 0
