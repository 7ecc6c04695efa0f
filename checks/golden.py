"""The project's own small golden set: simulated records, so that it can ship with the code.

`tests/golden/golden.csv` has one row a slice: record, its diagnosis and length, SHA-256 of its
signal, the slice's start, SHA-256 of its pixels and the default model's logits.
`tests/golden/golden.json` says how it was made. `python scripts/golden_set.py` writes both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from checks.findings import Finding, Repository, agree, skipped, some
from checks.reference import TOLERANCE
from checks.slices import DrawnRecord, draw_records, logits_of, sha256_of
from checks.stored import default_stored
from ekg.config import PAPER_SEED
from ekg.data.split import PROTOCOLS, split_checksum, split_records
from ekg.errors import EvaluationError
from ekg.files import read_json, sha256_of_file, write_json, write_text
from ekg.images.renderer import Renderer
from ekg.model import load_model
from ekg.model.model_files import weights_file_of
from ekg.records.diagnoses import CLASSES
from ekg.simulator.mix import diagnoses_of, record_name
from ekg.simulator.record_files import SimulationSettings

FOLDER = Path("tests") / "golden"
TABLE, FACTS = "golden.csv", "golden.json"
PIXELS, LOGITS, SPLIT = "golden-pixels", "golden-logits", "golden-split"
SIZE = 800
SPLIT_RECORDS = 500
_PER_CLASS = 2
_REMEDY = "if the change is intended: python scripts/golden_set.py"
_LOGIT = "logit_"


def golden_names(seed: int = PAPER_SEED) -> list[str]:
    """Return the first records of each class, in order of their numbers."""
    left = Counter(dict.fromkeys(CLASSES, _PER_CLASS))
    names = []
    number = 0
    while left.total():
        number += 1
        name = record_name(number)
        (first, *others) = diagnoses_of(name, seed)
        if not others and left[first] > 0:
            left[first] -= 1
            names.append(name)
    return names


def golden_splits(records: int, seed: int) -> dict[str, dict[str, Any]]:
    """Return checksum and fold sizes of each protocol's split of simulated records' labels."""
    names = [record_name(number) for number in range(1, records + 1)]
    labels = {name: ",".join(diagnoses_of(name, seed)) for name in names}
    found = {}
    for protocol in PROTOCOLS:
        folds = split_records(labels, protocol=protocol, seed=seed)
        sizes = dict(sorted(Counter(folds.values()).items()))
        found[protocol] = {"sha256": split_checksum(folds), "sizes": sizes}
    return found


def make_golden_set(root: Path) -> tuple[Path, int]:
    """Write the golden set of the repository at `root` from what its code does now."""
    stored = default_stored(root)
    if stored is None:
        raise EvaluationError("no stored model of our own", path=root / "best_model_for_paper")
    model = load_model(stored)
    settings = SimulationSettings()
    rows: list[dict[str, Any]] = []
    drawn = draw_records(
        golden_names(settings.seed), settings, Renderer(SIZE), slice_seed=PAPER_SEED
    )
    for record in drawn:
        logits = logits_of(model, record.images)
        for row, values in zip(_rows_of(record), logits, strict=True):
            named = zip(model.classes, values, strict=True)
            rows.append(row | {f"{_LOGIT}{name}": f"{value:.6f}" for name, value in named})
    folder = root / FOLDER
    write_text(folder / TABLE, pd.DataFrame(rows).to_csv(index=False, lineterminator="\n"))
    write_json(
        folder / FACTS,
        {
            "schema": 1,
            "made_by": "python scripts/golden_set.py",
            "simulation": {"seed": settings.seed, "version": settings.version},
            "slice_seed": PAPER_SEED,
            "size": SIZE,
            "matplotlib": mpl.__version__,
            "model": stored.name,
            "weights_sha256": sha256_of_file(weights_file_of(stored)),
            "split": {"records": SPLIT_RECORDS, **golden_splits(SPLIT_RECORDS, settings.seed)},
        },
    )
    return folder, len(rows)


def _rows_of(record: DrawnRecord) -> Iterator[dict[str, Any]]:
    for number, (start, image) in enumerate(zip(record.starts, record.images, strict=True)):
        yield {
            "record": record.name,
            "diagnosis": "+".join(record.diagnoses),
            "n_samples": record.signal.shape[1],
            "signal_sha256": record.signal_sha256,
            "slice": number,
            "start": int(start),
            "pixels_sha256": sha256_of(image),
        }


def check_golden(repository: Repository) -> Iterator[Finding]:
    """Simulate, cut, draw and read the golden records again; split their labels again."""
    compared = {
        PIXELS: "simulated records, their slices and 800 px pixels = tests/golden",
        LOGITS: f"the stored model's logits on them = tests/golden, within {TOLERANCE:g}",
        SPLIT: "split of simulated labels, both protocols = tests/golden",
    }
    folder = repository.root / FOLDER
    if not (folder / TABLE).is_file() or not (folder / FACTS).is_file():
        for name, what in compared.items():
            yield agree(name, what, f"{FOLDER.as_posix()} is not here; {_REMEDY}", False)
        return
    facts = read_json(folder / FACTS)
    table = pd.read_csv(folder / TABLE, dtype=str)
    settings = SimulationSettings(seed=facts["simulation"]["seed"])
    drawn = list(
        draw_records(
            table["record"].drop_duplicates(),
            settings,
            Renderer(facts["size"]),
            slice_seed=facts["slice_seed"],
        )
    )
    yield _pixels(compared[PIXELS], table, drawn, facts)
    yield _logits(compared[LOGITS], repository, table, drawn, facts)
    yield _splits(compared[SPLIT], facts)


def _pixels(
    compared: str, table: pd.DataFrame, drawn: list[DrawnRecord], facts: dict[str, Any]
) -> Finding:
    found = pd.DataFrame([row for record in drawn for row in _rows_of(record)]).astype(str)
    if len(found) != len(table):
        return agree(PIXELS, compared, f"{len(found)} slices, not {len(table)}; {_REMEDY}", False)
    wrong = {
        column: sorted(set(table["record"][(found[column] != table[column]).to_numpy()]))
        for column in found
        if (found[column] != table[column]).any()
    }
    detail = f"{len(table)} slices of {len(drawn)} records"
    if not wrong:
        return agree(PIXELS, compared, f"{detail}, all equal", True)
    parts = "; ".join(f"{column} differs: {some(names)}" for column, names in wrong.items())
    made = f"made with matplotlib {facts['matplotlib']}, here {mpl.__version__}"
    return agree(PIXELS, compared, f"{detail}: {parts} ({made}); {_REMEDY}", False)


def _logits(
    compared: str,
    repository: Repository,
    table: pd.DataFrame,
    drawn: list[DrawnRecord],
    facts: dict[str, Any],
) -> Finding:
    stored = default_stored(repository.root)
    if stored is None:
        return skipped(LOGITS, compared, "no stored model of our own")
    if sha256_of_file(weights_file_of(stored)) != facts["weights_sha256"]:
        return agree(
            LOGITS,
            compared,
            f"they are of {facts['model']}'s weights, not of {stored.name}'s; "
            "renew them: python scripts/golden_set.py",
            False,
        )
    model = load_model(stored)
    found = np.concatenate([logits_of(model, record.images) for record in drawn])
    expected = table[[f"{_LOGIT}{name}" for name in model.classes]].to_numpy(np.float64)
    if found.shape != expected.shape:
        return agree(LOGITS, compared, f"{len(found)} slices, not {len(expected)}", False)
    largest = float(np.abs(found - expected).max())
    return agree(
        LOGITS,
        compared,
        f"{len(found)} slices, {stored.name}, largest difference {largest:.2g}",
        largest <= TOLERANCE,
    )


def _splits(compared: str, facts: dict[str, Any]) -> Finding:
    expected = {key: value for key, value in facts["split"].items() if key != "records"}
    found = golden_splits(facts["split"]["records"], facts["simulation"]["seed"])
    wrong = [protocol for protocol in found if found[protocol] != expected.get(protocol)]
    return agree(
        SPLIT,
        compared,
        f"{facts['split']['records']} records, protocols {', '.join(found)}: "
        + (f"{', '.join(wrong)} differ; {_REMEDY}" if wrong else "equal"),
        not wrong,
    )
