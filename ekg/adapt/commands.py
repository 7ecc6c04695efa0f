"""The verb `adapt`: its options, and what it prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from ekg.options import CORES, Jobs, Option

Labels = Annotated[
    Path | None,
    Option(
        "a table of statements (columns record,diagnoses or ptbxl_database.csv); its column "
        "patient_id keeps a patient's recordings in one fold; default: the headers' own",
        "FILE",
    ),
]


Exclude = Annotated[
    Path | None,
    Option("recordings that must not be used: a name a line, or the first column of a CSV", "FILE"),
]


Overrides = Annotated[
    Sequence[str],
    Option(
        "change any training setting (repeatable)",
        "SECTION.FIELD=VALUE",
        names=("--set",),
        repeated=True,
    ),
]


Size = Annotated[
    int | None,
    Option("learn from N of the recordings, the rest is only held out (for a learning curve)", "N"),
]


def run_adapt(
    *,
    model: Annotated[
        Path | None,
        "what to begin with: a run, a stored model or a weights file (default: the default model)",
    ] = None,
    records: Annotated[list[Path], Option("folders of recordings", "DIR")],
    labels: Labels = None,
    out: Annotated[Path, Option("the results", "DIR")],
    exclude: Exclude = None,
    allow_findings: Annotated[
        bool, "keep records with other findings beside their class (never beside Normal)"
    ] = False,
    experiment: Annotated[
        Path | None, Option("training settings (default: adapt's own)", "TOML")
    ] = None,
    overrides: Overrides = (),
    folds: Annotated[int, Option("default: %(default)s", "N")] = 5,
    simulated: Annotated[
        int,
        Option("simulated records to learn from beside them (default: %(default)s)", "N"),
    ] = 700,
    size: Size = None,
    only_cross_validation: Annotated[bool, "do not train on all recordings at the end"] = False,
    jobs: Jobs = CORES,
    resamples: Annotated[int, Option("default: %(default)s", "N")] = 10_000,
    seed: Annotated[int, "seed of folds, simulation, training and resampling (%(default)s)"] = 44,
) -> int:
    """Train a model further on your own recordings, with cross-validation."""
    import os

    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as for `train`

    from ekg.adapt.adapt import FINAL, AdaptSettings, adapt
    from ekg.evaluation.comparison_report import terminal_lines
    from ekg.paths import default_model

    content = adapt(
        AdaptSettings(
            model=model or default_model(),
            records=tuple(records),
            out=out,
            labels=labels,
            exclude=exclude,
            allow_findings=allow_findings,
            experiment=experiment,
            overrides=tuple(overrides),
            folds=folds,
            simulated=simulated,
            size=size,
            only_cross_validation=only_cross_validation,
            jobs=jobs,
            resamples=resamples,
            seed=seed,
        )
    )
    print("\n".join(terminal_lines(content)))
    print(f"held-out recordings: {out / 'cross_validation.md'}")
    if not only_cross_validation:
        print(f"the adapted model: {out / FINAL}. Not for clinical use.")
    return 0
