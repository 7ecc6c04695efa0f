"""Compare the verdicts on pages with those on what is printed on them: benchmarks/verdicts_*.csv.

    python scripts/bench_verdicts.py photos --shared ../shared [--models default published]
    python scripts/bench_verdicts.py printed --records DIR [DIR ...] --labels FILE [-j 2]

`photos`: the pages of `bench_strips.py`. `printed`: recordings with a class, each printed and
scanned, and printed and photographed, by the page simulator. The recording is cut as the page shows
it. One row for each page and model, then rows of figures for each kind: the share of accepted pages
with the same verdict with its 95 % interval (Wilson), the pages refused and, where the recordings
have classes, macro F1 and AUROC of page and recording with intervals that resample recordings.

A model may be a folder that `ekg adapt` made: each recording is then judged by the network of the
fold that held it out, and recordings that are in no fold are left out. Readings are kept in
data/strips/verdicts and made again with --fresh.
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np
from bench_strips import ROOT, SETS
from scipy.stats import binomtest

import ekg
from ekg.cluster import open_workers
from ekg.datasets.labels import label_of, read_label_table, statements_of
from ekg.errors import EkgError
from ekg.evaluation.comparison import compare_sides
from ekg.evaluation.predictions import fingerprints, make_predictions
from ekg.evaluation.sides import Side
from ekg.files import atomic_open, atomic_path
from ekg.paths import default_model
from ekg.predict.predictor import Prediction, Predictor
from ekg.progress import Progress
from ekg.records.diagnoses import CLASSES
from ekg.records.opening import named_records, read_header, read_record
from ekg.records.record import LEADS, Header, Record
from ekg.run import RECORDINGS_FILE
from ekg.workers import Lost, in_order

COLUMNS = (
    "model",
    "kind",
    "name",
    "label",
    "page",
    "recording",
    "largest_difference",
    "leads",
    "reason",
)
KINDS = ("scan", "photographed")
READINGS = ROOT / "data" / "strips" / "verdicts"


@dataclass(frozen=True)
class Printed:
    """A page that was read, or refused, and what is printed on it."""

    kind: str
    name: str
    label: str
    truth: np.ndarray
    """mV at 500 Hz, (12, N), NaN where a lead is not printed."""
    signal: np.ndarray | None
    """What was read; None for a refused page."""
    reason: str = ""


def photos(arguments: argparse.Namespace) -> Iterator[Printed]:
    """Read the photographs with a signal; their recordings have none of the classes stated."""
    for case in SETS["photos"](arguments.shared):
        try:
            signal, reason = ekg.read_strip(case.page).record.signal, ""
        except EkgError as error:
            signal, reason = None, error.problem
        yield Printed(case.kind, case.name, "", case.truth, signal, reason)


def printed(arguments: argparse.Namespace) -> Iterator[Printed]:
    """Print recordings with a class, by both kinds, and read the pages in parallel."""
    table = read_label_table(arguments.labels) if arguments.labels else {}
    jobs = []
    for folder in arguments.records:
        for name, path in named_records(folder).items():
            try:
                statements = statements_of(replace(read_header(path), name=name), table)
            except EkgError:
                continue
            label = label_of(statements, allow_findings=True).diagnosis
            if label is not None:
                jobs += [(kind, name, label, Path(str(path)).resolve()) for kind in KINDS]
    work = partial(read_printed, arguments.seed, arguments.fresh)
    with open_workers(arguments.jobs) as workers, Progress(len(jobs), "reading", "page") as bar:
        for job, found in in_order(workers, work, zip(jobs, jobs, strict=True)):
            bar.update()
            if isinstance(found, Lost):
                raise SystemExit(f"{job[1]}: {found.reason}")
            if found is not None:
                yield found


def read_printed(seed: int, fresh: bool, job: tuple[str, str, str, Path]) -> Printed | None:
    """Print a recording, read the page, and keep what was read; None where it cannot be read."""
    from ekg.strips.simulate import simulate_page

    kind, name, label, path = job
    kept = READINGS / f"{name}-{kind}-{seed}.npz"
    if kept.is_file() and not fresh:
        with np.load(kept, allow_pickle=False) as content:
            signal = content["signal"] if content["signal"].size else None
            return Printed(kind, name, label, content["truth"], signal, str(content["reason"]))
    try:
        recording = read_record(path)
    except EkgError:
        return None
    page = simulate_page(
        f"{name}/{kind}", seed, kind=kind, signal=recording.signal[:, :5000], subject="ekg"
    )
    READINGS.mkdir(parents=True, exist_ok=True)
    with atomic_path(READINGS / f"{name}-{kind}-{seed}{page.suffix}") as temporary:
        temporary.write_bytes(page.content)
    image = READINGS / f"{name}-{kind}-{seed}{page.suffix}"
    try:
        signal, reason = ekg.read_strip(image).record.signal, ""
    except EkgError as error:
        signal, reason = None, error.problem
    image.unlink()
    empty = np.zeros(0) if signal is None else signal
    with atomic_path(kept) as temporary, open(temporary, "wb") as stream:
        np.savez_compressed(stream, signal=empty, truth=page.signal, reason=reason)
    return Printed(kind, name, label, page.signal, signal, reason)


def record_of(name: str, signal: np.ndarray) -> Record:
    """Return a recording as a page shows it."""
    header = Header(
        name=name,
        path=Path(name),
        leads=LEADS,
        sampling_frequency=500.0,
        n_samples=signal.shape[1],
        comments=(),
        diagnoses=(),
    )
    return Record(header=header, signal=signal, sampling_frequency=500.0)


def model_by_record(path: Path) -> Callable[[str], Predictor | None]:
    """Return which model judges a recording: one for all, or that of the fold that held it out."""
    if not (path / RECORDINGS_FILE).is_file() or (path / "weights.safetensors").is_file():
        model = ekg.load(path)
        return lambda name: model
    with open(path / RECORDINGS_FILE, encoding="utf-8", newline="") as stream:
        folds = {row["record"]: row["fold"] for row in csv.DictReader(stream)}
    models = {
        fold: ekg.load(path / "cross_validation" / f"fold_{fold}") for fold in set(folds.values())
    }
    return lambda name: models.get(folds.get(name, ""))


def row_of(
    model: str, predictor: Predictor, page: Printed
) -> tuple[dict[str, object], tuple[Prediction, Prediction] | None]:
    """Return the row of a page and a model, and both predictions where there are both."""
    row: dict[str, object] = {"model": model, "kind": page.kind, "name": page.name}
    row["label"] = page.label
    if page.signal is None:
        return row | {"reason": page.reason}, None
    row["leads"] = int(np.isfinite(page.signal).any(axis=1).sum())
    try:
        read, truth = (
            predictor.predict(record_of(page.name, s)) for s in (page.signal, page.truth)
        )
    except EkgError as error:
        return row | {"reason": error.problem}, None
    differences = [abs(read.probabilities[n] - p) for n, p in truth.probabilities.items()]
    row |= {
        "page": read.diagnosis,
        "recording": truth.diagnosis,
        "largest_difference": f"{max(differences):.3f}",
    }
    return row, (read, truth)


def figures_of(
    model: str,
    kind: str,
    rows: list[dict[str, object]],
    pairs: list[tuple[str, tuple[Prediction, Prediction]]],
) -> Iterator[dict[str, object]]:
    """Yield the rows of figures of a model and a kind of page."""
    judged = [row for row in rows if "page" in row]
    same = sum(row["page"] == row["recording"] for row in judged)
    front: dict[str, object] = {"model": model, "kind": kind}
    interval = ""
    if judged:
        low, high = binomtest(same, len(judged)).proportion_ci(method="wilson")
        interval = f" ({low:.3f} to {high:.3f})"
    yield front | {
        "name": "(same verdict)",
        "page": f"{same} of {len(judged)}{interval}",
        "reason": f"{len(rows) - len(judged)} of {len(rows)} refused",
    }
    if not pairs or not pairs[0][0]:
        return
    sides = []
    for number, name in enumerate(("page", "recording")):
        predictions = [pair[number] for _, pair in pairs]
        table = make_predictions(
            [prediction.record for prediction in predictions],
            [prediction.record for prediction in predictions],
            [label for label, _ in pairs],
            np.array([[p.probabilities[n] for n in CLASSES] for p in predictions]),
            CLASSES,
        )
        side = Side(name, "pages", "pages", name, CLASSES, table, identity=fingerprints(table))
        sides.append(side)
    level = compare_sides(*sides, resamples=2000)["levels"]["per_record"]["figures"]
    for metric in ("macro_f1", "macro_auroc", "accuracy"):
        entry = level[metric]
        yield front | {
            "name": f"({metric})",
            "page": _with_interval(entry["a"], entry["a_interval"]),
            "recording": _with_interval(entry["b"], entry["b_interval"]),
            "largest_difference": _with_interval(entry["difference"], entry["interval"]),
        }


def _with_interval(value: float | None, interval: list[float] | None) -> str:
    text = "" if value is None else f"{value:.3f}"
    return text + (f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else "")


def main() -> None:
    """Read the pages of a set once and judge each with every model."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", choices=("photos", "printed"))
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--records", type=Path, nargs="+", default=[])
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--models", nargs="+", type=Path, default=[default_model()])
    parser.add_argument("--seed", type=int, default=44)
    parser.add_argument("--fresh", action="store_true", help="read every page again")
    parser.add_argument("--out", type=Path, help="default: benchmarks/verdicts_SET.csv")
    parser.add_argument("-j", "--jobs", type=int, default=1)
    arguments = parser.parse_args()
    models = {path.resolve().name: model_by_record(path) for path in arguments.models}
    rows: dict[str, list[dict[str, object]]] = {name: [] for name in models}
    pairs: dict[tuple[str, str], list[Any]] = {}
    found = photos(arguments) if arguments.set == "photos" else printed(arguments)
    for page in found:
        for name, chosen in models.items():
            if (predictor := chosen(page.name)) is None:
                continue
            row, both = row_of(name, predictor, page)
            rows[name].append(row)
            if both is not None:
                pairs.setdefault((name, page.kind), []).append((page.label, both))
    last = [
        figures
        for name, own in rows.items()
        for kind in dict.fromkeys(str(row["kind"]) for row in own)
        for figures in figures_of(
            name, kind, [row for row in own if row["kind"] == kind], pairs.get((name, kind), [])
        )
    ]
    target = arguments.out or ROOT / "benchmarks" / f"verdicts_{arguments.set}.csv"
    with atomic_open(target) as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([row for own in rows.values() for row in own] + last)
    for row in last:
        print(*row.values(), sep="  ")


if __name__ == "__main__":
    main()
