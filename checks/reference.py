"""The published reference: golden pixels of real records, golden logits of the published weights.

Its files are not part of the project; where EKG_SHARED does not lead to them this is skipped.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from checks.findings import Finding, Repository, agree, skipped, some
from checks.slices import logits_of, sha256_of
from ekg.images.renderer import Renderer
from ekg.model import load_model
from ekg.progress import Progress
from ekg.records.diagnoses import CLASSES
from ekg.records.record import read_record

PIXELS, LOGITS = "reference-pixels", "reference-logits"
TOLERANCE = 1e-3
"""Of a logit: sums in float32 differ in the last bits between processors."""
_SIZE = 800
_LENGTH = 1250


def check_reference(repository: Repository) -> Iterator[Finding]:
    """Draw every golden slice again and let the published network read it."""
    pixels = "drawn slices of real CPSC 2018 records = golden SHA-256"
    logits = f"the published network's logits = golden logits, within {TOLERANCE:g}"
    if repository.shared is None:
        for name, compared in ((PIXELS, pixels), (LOGITS, logits)):
            yield skipped(name, compared, "no reference data; EKG_SHARED names its folder")
        return
    table = pd.read_csv(repository.shared / "golden" / "golden.csv", dtype={"record": str})
    weights = sorted((repository.shared / "published_model").glob("*.model"))
    model = load_model(weights[0]) if weights else None
    columns = [f"logit_{name}" for name in CLASSES]
    renderer = Renderer(_SIZE)
    wrong: list[str] = []
    differences: list[float] = []
    with Progress(len(table), "golden slices", "slice") as progress:
        for record, rows in table.groupby("record"):
            signal = read_record(repository.shared / "real" / "cpsc2018" / str(record)).signal
            drawn = np.stack([renderer.draw(signal[:, s : s + _LENGTH]) for s in rows["start"]])
            wrong += [
                f"{record} from {start}"
                for image, start, expected in zip(drawn, rows["start"], rows["sha256"], strict=True)
                if sha256_of(image) != expected
            ]
            if model is not None:
                found = np.abs(logits_of(model, drawn) - rows[columns].to_numpy(np.float64))
                differences += found.max(axis=1).tolist()
            progress.update(len(rows))
    equal = len(table) - len(wrong)
    yield agree(
        PIXELS,
        pixels,
        f"{equal} of {len(table)} equal" + (f"; not: {some(wrong)}" if wrong else ""),
        bool(len(table)) and not wrong,
    )
    if model is None:
        yield skipped(LOGITS, logits, "the published weights are not in the reference data")
        return
    largest = max(differences, default=float("inf"))
    yield agree(
        LOGITS,
        logits,
        f"{len(differences)} slices, largest difference {largest:.2g}",
        largest <= TOLERANCE,
    )
