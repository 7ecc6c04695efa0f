"""The paper's own model: its files, verified, in the folder where its facts are."""

from __future__ import annotations

from pathlib import Path

from ekg.datasets.download import obtain
from ekg.datasets.fetch import HttpSettings
from ekg.datasets.registry import Source, source_named
from ekg.errors import DownloadError


def fetch_published_model(
    folder: Path,
    *,
    from_path: Path | None = None,
    source: Source | None = None,
    settings: HttpSettings | None = None,
) -> list[Path]:
    """Bring the published weights, history and predictions into one folder.

    `from_path`: A local copy, flat or nested, or an archive of one; None fetches from the network;
    `source`: The entry of the registry; `published_model` by default.
    """
    source = source or source_named("published_model")
    plan, outcome = obtain(source, folder, jobs=3, from_path=from_path, settings=settings)
    if outcome.failures:
        file, reason = next(iter(sorted(outcome.failures.items())))
        raise DownloadError(
            f"{len(outcome.failures)} of {len(plan.files)} files of the published model could "
            f"not be fetched, first {file}: {reason}",
            path=folder,
            remedy=f"fetch them from {source.homepage} (best_model_for_paper/) by hand and run "
            "this command with --from FOLDER",
        )
    return [folder / file.local for file in plan.files]
