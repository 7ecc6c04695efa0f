"""Read pages whose signal is known and write how well: benchmarks/strips_<set>.csv.

    python scripts/bench_strips.py photos --shared ../shared
    python scripts/bench_strips.py pages --shared ../shared
    python scripts/bench_strips.py simulated [--pages 20] [-j 2]

A set is a list of cases; `evaluate` reads each page, compares it with its truth by
`ekg.strips.metrics` and writes one row a page and a last row of the set's figures. Further sets
(simulated pages) are functions that return cases, entered in `SETS`.
"""

from __future__ import annotations

import argparse
import csv
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import numpy as np

from ekg.errors import EkgError
from ekg.files import atomic_open
from ekg.strips.metrics import GOOD_LEAD, PageScore, score_page, summarise

ROOT = Path(__file__).resolve().parent.parent
COLUMNS = (
    "kind",
    "name",
    "readable",
    "outcome",
    "median_db",
    "lowest_db",
    "good_leads",
    "leads",
    "gain",
    "time",
    "faults",
    "challenge_db",
    "kaggle_db",
    "seconds",
    "reason",
)


@dataclass(frozen=True)
class Case:
    """A page and what is printed on it."""

    kind: str
    """What the figures are grouped by (photo, vector PDF, 150 dpi, folded, ...)."""
    name: str
    page: Path
    truth: np.ndarray
    """Millivolts, shape (12, N), NaN where a lead is not printed; sample 0 is the left end."""
    sampling_frequency: float
    readable: bool = True
    """Whether a person could read it; what is no EKG counts as read wrong where it is read."""


@dataclass(frozen=True)
class Outcome:
    """What became of one case."""

    case: Case
    score: PageScore | None
    reason: str
    seconds: float
    accepted: bool = False
    """Whether the page was read, correctly or not."""

    @property
    def wrong(self) -> bool:
        """Whether something wrong was read."""
        return self.accepted and (self.score is None or bool(self.score.faults))


def evaluate(cases: Iterator[Case]) -> Iterator[Outcome]:
    """Read each page and compare it with its truth."""
    from ekg.strips import read_strip

    for case in cases:
        started = time.process_time()
        try:
            reading = read_strip(case.page)
        except EkgError as error:
            yield Outcome(case, None, error.problem, time.process_time() - started)
            continue
        seconds = time.process_time() - started
        signal = reading.record.signal
        if case.sampling_frequency != reading.record.sampling_frequency:
            raise SystemExit(f"{case.name}: the truth must have 500 Hz")
        if not np.isfinite(case.truth).any():
            yield Outcome(case, None, "read, though it shows no EKG", seconds, True)
            continue
        score = score_page(signal, case.truth, case.sampling_frequency)
        yield Outcome(case, score, "", seconds, True)


def row_of(outcome: Outcome) -> dict[str, object]:
    """Return one row of the table."""
    row: dict[str, object] = {
        "kind": outcome.case.kind,
        "name": outcome.case.name,
        "seconds": f"{outcome.seconds:.2f}",
        "reason": outcome.reason,
        "readable": "yes" if outcome.case.readable else "no",
        "outcome": "wrong" if outcome.wrong else "read" if outcome.accepted else "refused",
    }
    score = outcome.score
    if score is None:
        return row
    snrs = [lead.snr for lead in score.leads]
    return row | {
        "median_db": f"{score.median:.2f}",
        "lowest_db": f"{min(snrs):.2f}",
        "good_leads": sum(snr >= GOOD_LEAD for snr in snrs),
        "leads": len(snrs),
        "gain": f"{score.gain:.4f}",
        "time": f"{score.time:.2f}",
        "faults": "; ".join(score.faults),
        "challenge_db": f"{score.challenge:.2f}",
        "kaggle_db": f"{10 * np.log10(score.power_ratio):.2f}",
    }


def summary_rows(outcomes: list[Outcome]) -> Iterator[dict[str, object]]:
    """Return a row of figures for each kind and, where there are several, for all."""
    kinds = list(dict.fromkeys(outcome.case.kind for outcome in outcomes))
    for kind in [*kinds, *(["all"] if len(kinds) > 1 else [])]:
        part = [outcome for outcome in outcomes if kind in ("all", outcome.case.kind)]
        figures = summarise([outcome.score for outcome in part])
        yield {
            "kind": kind,
            "name": "(summary; lowest_db is the 10th percentile)",
            "readable": sum(outcome.case.readable for outcome in part),
            "outcome": f"{sum(o.accepted for o in part)} read, {sum(o.wrong for o in part)} of "
            f"them wrong, {sum(o.case.readable and not o.accepted for o in part)} readable "
            f"and {sum(not (o.case.readable or o.accepted) for o in part)} others refused",
            "median_db": f"{figures['median_db']:.2f}",
            "lowest_db": f"{figures['p10_db']:.2f}",
            "good_leads": f"{figures['good_leads']:.3f}",
            "leads": figures["leads"],
            "challenge_db": f"{figures['challenge_db']:.2f}",
            "kaggle_db": f"{figures['kaggle_db']:.2f}",
            "seconds": f"{np.median([outcome.seconds for outcome in part]):.2f}",
        }


def truth_of(path: Path) -> np.ndarray:
    """Return a WFDB record's leads in millivolts, NaN where a lead is not printed."""
    import wfdb

    from ekg.records.record import LEADS

    record = wfdb.rdrecord(str(path))
    places = {str(name).lower(): index for index, name in enumerate(record.sig_name)}
    return np.array([record.p_signal[:, places[lead.lower()]] for lead in LEADS])


def photos(shared: Path) -> Iterator[Case]:
    """Return the photographs that have a printed signal beside them."""
    for page in sorted((shared / "strips" / "photos_with_signal").glob("*.jpg")):
        truth = truth_of(page.with_name(page.stem.split("-")[0]))
        yield Case("photo", page.stem, page, truth, 500.0)


def simulated(shared: Path, pages: int = 20, jobs: int = 1) -> Iterator[Case]:
    """Return simulated pages of machines, fonts and layouts that no training has seen."""
    from simulated_strips import simulated_pages

    for page in simulated_pages(ROOT / "data" / "strips" / "benchmark", pages, jobs):
        yield Case(page.kind, page.name, page.page, page.truth, 500.0, page.readable)


def _shown(full: np.ndarray) -> np.ndarray:
    """Return what a 3x4 page with lead II below shows of ten seconds of twelve leads."""
    shown = np.full_like(full, np.nan)
    quarter = full.shape[1] // 4
    for row in range(12):
        part = slice(quarter * (row // 3), quarter * (row // 3 + 1))
        shown[row, part] = full[row, part]
    shown[1] = full[1]
    return shown


def _known_pages(folder: Path) -> Iterator[Case]:
    """Return the renders and PDFs that have the recording beside them that they were made from."""
    import pydicom
    from scipy.signal import resample_poly

    full = truth_of(folder / "00005_hr")
    yield Case("render", "00005_hr-0", folder / "00005_hr-0.png", _shown(full), 500.0)
    for name, page, kind in (
        ("00009_hr.csv", "ecgtizer_00009_hr.pdf", "vector PDF"),
        ("001.csv", "ludb_001.png", "render"),
    ):
        table = np.genfromtxt(folder / name, delimiter=",", names=True)
        full = np.array([table[lead] for lead in table.dtype.names or ()])
        yield Case(kind, Path(page).stem, folder / page, _shown(full[:, :5000]), 500.0)
    wave = pydicom.dcmread(folder / "anonymous_ecg.dcm").waveform_array(0).T / 1000.0
    full = resample_poly(wave, 1, 2, axis=1)
    for page, kind in (
        ("anonymous_ecg_3x4_1.pdf", "vector PDF"),
        ("anonymous_ecg_3x4_1.png", "render"),
    ):
        yield Case(kind, Path(page).stem, folder / page, _shown(full), 500.0)


def pages(shared: Path) -> Iterator[Case]:
    """Return the pages that have a signal, and every PDF drawn at four resolutions.

    The truth of a drawn PDF is what the reader of vector PDFs finds in it.
    """
    from ekg.strips import read_pages
    from ekg.strips.intake import open_pages, render

    folder = shared / "strips" / "pages"
    yield from _known_pages(folder)
    place = ROOT / "data" / "strips" / "drawn"
    place.mkdir(parents=True, exist_ok=True)
    for path in sorted(folder.glob("*.pdf")):
        for source in open_pages(path):
            assert source.pdf is not None
            single = place / f"{path.stem}-{source.number}.pdf"
            _save_page(path, source.number, single)
            try:
                (reading,) = read_pages(single)
            except EkgError:
                continue
            for dpi in (100, 150, 200, 300):
                page = place / f"{single.stem}-{dpi}dpi.png"
                render(source.pdf, dpi).save(page)
                yield Case(f"{dpi} dpi", page.stem, page, reading.record.signal, 500.0)


def _save_page(path: Path, number: int, target: Path) -> None:
    import pypdfium2 as pdfium

    single = pdfium.PdfDocument.new()
    single.import_pages(pdfium.PdfDocument(path), [number - 1])
    single.save(target)


SETS: dict[str, Callable[[Path], Iterator[Case]]] = {
    "pages": pages,
    "photos": photos,
    "simulated": simulated,
}


def main() -> None:
    """Read one set and write its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("set", choices=sorted(SETS))
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--only", default="", help="read only pages whose name contains this")
    parser.add_argument("--out", type=Path, help="default: benchmarks/strips_SET.csv")
    parser.add_argument("--pages", type=int, default=20, help="simulated pages of each kind")
    parser.add_argument("-j", "--jobs", type=int, default=1, help="processes that simulate")
    arguments = parser.parse_args()
    every = SETS[arguments.set](arguments.shared)
    if arguments.set == "simulated":
        every = simulated(arguments.shared, arguments.pages, arguments.jobs)
    cases = (case for case in every if arguments.only in case.name)
    outcomes = []
    for outcome in evaluate(cases):
        row = row_of(outcome)
        print(*(row.get(column, "") for column in COLUMNS), sep="  ", file=sys.stderr)
        outcomes.append(outcome)
    target = arguments.out or ROOT / "benchmarks" / f"strips_{arguments.set}.csv"
    with atomic_open(target) as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(row_of(outcome) for outcome in outcomes)
        for row in summary_rows(outcomes):
            writer.writerow(row)
            print(*(row.get(column, "") for column in COLUMNS), sep="  ")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{target}; peak memory {peak:.0f} MiB")


if __name__ == "__main__":
    main()
