"""Stored figures against those computed again from the saved predictions."""

from __future__ import annotations

from collections.abc import Iterator

from checks.findings import Finding, Repository, agree, skipped, some
from ekg.errors import EvaluationError
from ekg.evaluation.published import (
    FIGURES_FILE,
    build_published_figures,
    prediction_folder,
    read_published_figures,
)
from ekg.evaluation.recomputed import differing
from ekg.evaluation.runs import flatten
from ekg.paths import PUBLISHED_FOLDER

NAME = "published-figures"


def check_published_figures(repository: Repository) -> Iterator[Finding]:
    """Compute the published model's figures from its predictions again."""
    compared = f"figures computed from preds_test.csv and preds_val.csv = {FIGURES_FILE}"
    try:
        folder = prediction_folder()
    except EvaluationError as error:
        yield skipped(NAME, compared, f"{error.problem}; {error.remedy}")
        return
    stored = read_published_figures(
        repository.root / PUBLISHED_FOLDER.parent.name / PUBLISHED_FOLDER.name
    )
    built = build_published_figures(folder)
    count, wrong = differing(stored, built)
    wrong += sorted(flatten(stored).keys() - flatten(built).keys())
    yield agree(
        NAME, compared,
        f"{count} figures computed, "
        + (f"{len(wrong)} differ: {some(wrong)}" if wrong else "all equal"),
        not wrong,
    )  # fmt: skip
