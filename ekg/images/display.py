"""One slice as an image for people: labelled, or on clinical paper at true scale."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from ekg.images.layout import PAPER_LAYOUT, Layout
from ekg.records.record import LEADS, Record


def make_labelled_figure(
    record: Record, start: int, samples: int, layout: Layout = PAPER_LAYOUT
) -> Figure:
    """Return the page as a figure; call it within `matplotlib_defaults()` of `paper_figure`."""
    figure = Figure(figsize=(11, 11), facecolor="white")
    axes_grid = figure.subplots(
        layout.rows, layout.columns, sharex=True, sharey=True, squeeze=False
    )
    seconds = samples / record.sampling_frequency
    for axes, lead, signal in zip(axes_grid.ravel(), LEADS, record.signal, strict=True):
        part = signal[start : start + samples]
        axes.plot(layout.times, part, color=layout.trace_colour, linewidth=1.0)
        axes.set_xlim(0, seconds)
        axes.set_ylim(*layout.millivolts)
        axes.xaxis.set_major_locator(MultipleLocator(0.5))
        axes.xaxis.set_minor_locator(MultipleLocator(layout.minor.seconds))
        axes.yaxis.set_major_locator(MultipleLocator(1.0))
        axes.yaxis.set_minor_locator(MultipleLocator(layout.minor.millivolts))
        # A label at the very edge would be in that of the neighbouring panel.
        axes.xaxis.set_major_formatter(_formatter_up_to(0.99 * seconds))
        axes.yaxis.set_major_formatter(_formatter_up_to(0.99 * max(layout.millivolts)))
        axes.grid(True, which="major", color="#AAAAAA", linewidth=0.6)
        axes.grid(True, which="minor", color="#DDDDDD", linewidth=0.3)
        axes.set_axisbelow(True)
        axes.tick_params(which="both", direction="in", top=True, right=True, labelsize=9)
        axes.tick_params(which="minor", length=2)
        axes.text(
            0.03,
            0.96,
            lead,
            transform=axes.transAxes,
            fontsize=12,
            fontweight="bold",
            ha="left",
            va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
        )
    for axes in axes_grid[-1]:
        axes.set_xlabel("Time [s]", fontsize=10)
    for axes in axes_grid[:, 0]:
        axes.set_ylabel("Voltage [mV]", fontsize=10)
    labels = ", ".join(record.diagnoses) or "none given"
    begin = start / record.sampling_frequency
    figure.suptitle(
        f"Record {record.name}, {begin:.2f} to {begin + seconds:.2f} s   (header: {labels})",
        fontsize=12,
        x=0.07,
        ha="left",
        y=0.975,
    )
    figure.text(0.985, 0.012, "Not for clinical use", fontsize=9, ha="right", color="#B00020")
    figure.subplots_adjust(left=0.07, right=0.985, bottom=0.065, top=0.95, wspace=0.05, hspace=0.06)
    return figure


def _formatter_up_to(limit: float) -> FuncFormatter:
    """Return a formatter that leaves out values beyond a limit, on either side of zero."""
    return FuncFormatter(
        lambda value, place: f"{value:g}".replace("-", "\u2212") if abs(value) < limit else ""
    )


_MM_PER_INCH = 25.4
_POINTS_PER_MM = 72 / _MM_PER_INCH
_MM_PER_SECOND, _MM_PER_MV = 25.0, 10.0
_COLUMNS = (("I", "II", "III"), ("aVR", "aVL", "aVF"), ("V1", "V2", "V3"), ("V4", "V5", "V6"))
_RHYTHM_LEAD = "II"


@dataclass(frozen=True)
class Sheet:
    """Measures of the page, mm."""

    width: float = 297.0
    height: float = 210.0
    left: float = 15.0
    """Where the grid begins; 20 mm before the first lead, for names and calibration."""
    grid_width: float = 270.0
    bottom: float = 15.0
    grid_height: float = 170.0
    row_height: float = 40.0
    calibration: float = 5.0
    """Width of the calibration pulse: 0.2 s."""
    before_traces: float = 15.0
    strip_seconds: float = 10.0
    paper: str = "#FFF3F1"
    fine_line: str = "#F8CFCB"
    bold_line: str = "#E99A94"

    @property
    def baselines(self) -> list[float]:
        """Height of the zero line of each row above the grid's lower edge, from the top."""
        top = self.grid_height - 25.0
        return [top - row * self.row_height for row in range(4)]


def make_clinical_figure(
    record: Record, start: int, samples: int, sheet: Sheet | None = None
) -> Figure:
    """Return the page as a figure; call it within `matplotlib_defaults()` of `paper_figure`."""
    sheet = sheet or Sheet()
    figure = Figure(
        figsize=(sheet.width / _MM_PER_INCH, sheet.height / _MM_PER_INCH), facecolor="white"
    )
    axes = figure.add_axes(
        (
            sheet.left / sheet.width,
            sheet.bottom / sheet.height,
            sheet.grid_width / sheet.width,
            sheet.grid_height / sheet.height,
        ),
        facecolor=sheet.paper,
    )
    axes.set_xlim(0, sheet.grid_width)
    axes.set_ylim(0, sheet.grid_height)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(color=sheet.bold_line, linewidth=0.25 * _POINTS_PER_MM)
    _draw_grid(axes, sheet)
    for baseline in sheet.baselines:
        _draw_calibration(axes, sheet, baseline)
    frequency = record.sampling_frequency
    width = samples / frequency * _MM_PER_SECOND
    for column, leads in enumerate(_COLUMNS):
        left = sheet.before_traces + column * width
        for lead, baseline in zip(leads, sheet.baselines, strict=False):
            part = record.signal[LEADS.index(lead), start : start + samples]
            _draw_trace(axes, part, frequency, left, baseline)
            _name(axes, lead, left, baseline)
            if column:
                _divide(axes, left, baseline)
    strip_start, strip_end = strip_range(record, start, samples, sheet.strip_seconds)
    baseline = sheet.baselines[3]
    left = sheet.before_traces
    strip = record.signal[LEADS.index(_RHYTHM_LEAD), strip_start:strip_end]
    _draw_trace(axes, strip, frequency, left, baseline)
    _name(axes, _RHYTHM_LEAD, left, baseline)
    first = left + (start - strip_start) / frequency * _MM_PER_SECOND
    _mark_slice(axes, first, first + width, baseline)
    _write_texts(figure, sheet, record, start, samples, (strip_start, strip_end))
    return figure


def strip_range(record: Record, start: int, samples: int, seconds: float) -> tuple[int, int]:
    """Return first and last sample (exclusive) of the rhythm strip: the slice in its middle.

    Where the record begins or ends the strip is moved, and shortened only if the whole record
    is shorter.
    """
    n_samples = record.signal.shape[1]
    length = min(round(seconds * record.sampling_frequency), n_samples)
    first = start + samples // 2 - length // 2
    first = max(0, min(first, n_samples - length))
    return first, first + length


def _draw_grid(axes: Axes, sheet: Sheet) -> None:
    for step, width, colour in ((1.0, 0.1, sheet.fine_line), (5.0, 0.25, sheet.bold_line)):
        lines = [
            [(x, 0.0), (x, sheet.grid_height)] for x in np.arange(0, sheet.grid_width + 1e-9, step)
        ] + [
            [(0.0, y), (sheet.grid_width, y)] for y in np.arange(0, sheet.grid_height + 1e-9, step)
        ]
        axes.add_collection(
            LineCollection(lines, colors=colour, linewidths=width * _POINTS_PER_MM, zorder=1),
            autolim=False,
        )


def _draw_calibration(axes: Axes, sheet: Sheet, baseline: float) -> None:
    """1 mV for 0.2 s."""
    left, width, height = 5.0, sheet.calibration, _MM_PER_MV
    x = np.array([left - 1.5, left, left, left + width, left + width, left + width + 1.5])
    y = baseline + np.array([0, 0, height, height, 0, 0])
    axes.plot(x, y, color="black", linewidth=0.3 * _POINTS_PER_MM, zorder=3)


def _draw_trace(
    axes: Axes, part: np.ndarray, frequency: float, left: float, baseline: float
) -> None:
    x = left + np.arange(part.size) / frequency * _MM_PER_SECOND
    axes.plot(
        x,
        baseline + part * _MM_PER_MV,
        color="black",
        linewidth=0.3 * _POINTS_PER_MM,
        solid_joinstyle="round",
        zorder=3,
    )


def _name(axes: Axes, lead: str, left: float, baseline: float) -> None:
    axes.text(
        left + 1.0, baseline + 12.5, lead, fontsize=9, fontweight="bold", va="bottom", zorder=4
    )


def _divide(axes: Axes, left: float, baseline: float) -> None:
    """Mark where one lead ends and the next begins."""
    for low, high in ((-9.0, -6.0), (6.0, 9.0)):
        axes.plot(
            [left, left],
            [baseline + low, baseline + high],
            color="black",
            linewidth=0.2 * _POINTS_PER_MM,
            zorder=3,
        )


def _mark_slice(axes: Axes, first: float, last: float, baseline: float) -> None:
    height = baseline - 13.0
    axes.plot(
        [first, first, last, last],
        [height + 1.5, height, height, height + 1.5],
        color="#444444",
        linewidth=0.25 * _POINTS_PER_MM,
        zorder=3,
    )
    axes.text(
        (first + last) / 2,
        height - 0.7,
        "the slice above",
        fontsize=6.5,
        ha="center",
        va="top",
        color="#444444",
        zorder=4,
    )


def _write_texts(
    figure: Figure, sheet: Sheet, record: Record, start: int, samples: int, strip: tuple[int, int]
) -> None:
    def write(x: float, y: float, text: str, size: float, **options: Any) -> None:
        figure.text(x / sheet.width, y / sheet.height, text, fontsize=size, **options)

    frequency = record.sampling_frequency
    left, right = sheet.left, sheet.left + sheet.grid_width
    write(left, sheet.height - 11, f"Record {record.name}", 13, fontweight="bold")
    labels = ", ".join(record.diagnoses) or "none"
    write(left, sheet.height - 17, f"Diagnosis in the header: {labels}", 9)
    write(
        left,
        sheet.height - 22,
        f"All leads: {start / frequency:.2f} to {(start + samples) / frequency:.2f} s   "
        f"Rhythm strip: {strip[0] / frequency:.2f} to {strip[1] / frequency:.2f} s   "
        f"{frequency:g} Hz",
        9,
    )
    write(
        right,
        sheet.height - 11,
        "NOT FOR CLINICAL USE",
        11,
        ha="right",
        fontweight="bold",
        color="#B00020",
    )
    write(right, sheet.height - 22, "25 mm/s   10 mm/mV", 9, ha="right")
    note = (
        f"All twelve leads show the same {samples / frequency:g} s. No filter. "
        "True to scale when printed at 100 % on A4."
    )
    write(left, 8, note, 7)
