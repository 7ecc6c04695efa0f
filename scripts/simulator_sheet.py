"""Draw one sheet of all simulated classes, as a cardiologist would look at them.

    python scripts/simulator_sheet.py [--out docs/img/simulator_sheet.png] [--seed 44]
    python scripts/simulator_sheet.py --classes STE --count 6 --out /tmp/ste.png
    python scripts/simulator_sheet.py --real FOLDER --out /tmp/real.png
    python scripts/simulator_sheet.py --tables

Each panel is a standard page at 25 mm/s and 10 mm/mV: four columns of 2.5 s, a rhythm strip of
lead II below. `--real` draws recordings from a folder in the same way, for comparison.
`--tables` instead prints the tables of ranges and sources.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from ekg.files import atomic_path
from ekg.records.diagnoses import CLASSES, ECTOPY
from ekg.records.record import LEADS, find_records, read_record
from ekg.simulator import simulate_record
from ekg.simulator.ranges import ranges_table, sources_list

ROOT = Path(__file__).resolve().parent.parent
_ROWS = (("I", "aVR", "V1", "V4"), ("II", "aVL", "V2", "V5"), ("III", "aVF", "V3", "V6"))
_SECONDS, _PITCH, _FS = 10.0, 2.6, 500  # s a page, mV between rows, Hz
_TOP, _BOTTOM = 2.0, -9.4  # mV

Page = tuple[np.ndarray, str]
"""A recording of at least 2.5 s, shape (12, N) at 500 Hz in mV, and its caption."""


def draw_page(axes: Axes, page: Page) -> None:
    """Draw one recording as a standard page."""
    signal, caption = page
    axes.set_xlim(0, _SECONDS)
    axes.set_ylim(_BOTTOM, _TOP)
    axes.set_axis_off()
    _draw_paper(axes)
    column = round(2.5 * _FS)
    for row, leads in enumerate(_ROWS):
        for place, lead in enumerate(leads):
            trace = signal[LEADS.index(lead)]
            part = trace[place * column : (place + 1) * column]
            if len(part) < column:  # a short recording shows its beginning again
                part = trace[:column]
            time = 2.5 * place + np.arange(len(part)) / _FS
            axes.plot(time, part - _PITCH * row, color="black", linewidth=0.7)
            axes.text(2.5 * place + 0.06, 0.75 - _PITCH * row, lead, fontsize=8)
    strip = signal[LEADS.index("II")][: round(_SECONDS * _FS)]
    axes.plot(
        np.arange(len(strip)) / _FS, strip - _PITCH * len(_ROWS), color="black", linewidth=0.7
    )
    axes.text(0.06, 0.75 - _PITCH * len(_ROWS), "II", fontsize=8)
    axes.text(0.06, _TOP - 0.35, caption, fontsize=10, weight="bold")


def _draw_paper(axes: Axes) -> None:
    for step_x, step_y, width in ((0.04, 0.1, 0.2), (0.2, 0.5, 0.6)):
        upright = [[(x, _BOTTOM), (x, _TOP)] for x in np.arange(0, _SECONDS + 1e-9, step_x)]
        level = [[(0, y), (_SECONDS, y)] for y in np.arange(_BOTTOM, _TOP + 1e-9, step_y)]
        axes.add_collection(
            LineCollection([*upright, *level], linewidths=width, colors="#f2b5b5", zorder=0)
        )


def draw_sheet(pages: Sequence[Page], path: Path, columns: int = 2, dpi: int = 80) -> None:
    """Draw pages side by side into one PNG."""
    rows = -(-len(pages) // columns)
    figure = Figure(figsize=(10.4 * columns, 6.0 * rows), facecolor="white")
    FigureCanvasAgg(figure)
    for number, page in enumerate(pages):
        draw_page(figure.add_subplot(rows, columns, number + 1), page)
    figure.subplots_adjust(0.005, 0.005, 0.995, 0.995, 0.015, 0.02)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=dpi, metadata={"Software": None})


def simulated_pages(classes: Sequence[str], count: int, seed: int) -> list[Page]:
    """Return `count` pages for each class; `RBBB+AF` names several diagnoses."""
    pages = []
    for diagnosis in classes:
        for number in range(1, count + 1):
            signal, found, drawn = simulate_record(
                f"sheet-{diagnosis}-{number}", seed, diagnosis.split("+"), seconds=_SECONDS
            )
            pr = "" if drawn["pr"] is None else f", PR {1000 * drawn['pr']:.0f} ms"
            place = f", {drawn['territory']}" if "territory" in drawn else ""
            pages.append(
                (
                    signal,
                    f"{', '.join(found)}{place}: {drawn['sex'].lower()}, {drawn['age']}, "
                    f"{drawn['rate']:.0f}/min{pr}, QRS {1000 * drawn['qrs']:.0f} ms",
                )
            )
    return pages


def real_pages(folder: Path, classes: Sequence[str], count: int) -> list[Page]:
    """Return up to `count` pages for each class from a folder of recordings."""
    pages: list[Page] = []
    records = [read_record(path) for path in find_records(folder)]
    for diagnosis in classes:
        chosen = [r for r in records if r.diagnoses == tuple(diagnosis.split("+"))][:count]
        pages += [(r.signal, f"{diagnosis}: {r.name} (recorded)") for r in chosen]
    return pages


def main() -> None:
    """Parse the command line and draw."""
    parser = argparse.ArgumentParser(description="Draw one sheet of all simulated classes.")
    parser.add_argument("--out", type=Path, default=ROOT / "docs" / "img" / "simulator_sheet.png")
    parser.add_argument("--seed", type=int, default=44)
    parser.add_argument("--classes", default=",".join([*CLASSES, *ECTOPY, "RBBB+AF"]))
    parser.add_argument("--count", type=int, default=1, help="pages a class")
    parser.add_argument("--real", type=Path, help="draw recordings of this folder instead")
    parser.add_argument("--tables", action="store_true", help="print the tables instead")
    arguments = parser.parse_args()
    if arguments.tables:
        print(ranges_table(), sources_list(), sep="\n")
        return
    classes = arguments.classes.split(",")
    if arguments.real:
        pages = real_pages(arguments.real, classes, arguments.count)
    else:
        pages = simulated_pages(classes, arguments.count, arguments.seed)
    draw_sheet(pages, arguments.out)
    print(arguments.out)


if __name__ == "__main__":
    main()
