"""The paper's page with lead names and axes, for people."""

from __future__ import annotations

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MultipleLocator

from ekg.images.layout import PAPER_LAYOUT, Layout
from ekg.records.record import LEADS, Record


def make_labelled_figure(
    record: Record, start: int, samples: int, layout: Layout = PAPER_LAYOUT
) -> Figure:
    """Return the page as a figure; call it within `ekg.images.paper_figure.matplotlib_defaults()`.

    Parameters
    ----------
    record
        The recording, at its slice's sampling frequency.
    start, samples
        The slice: all twelve leads show it.
    layout
        Rows, columns, range and grid.

    Returns
    -------
    matplotlib.figure.Figure
        11 x 11 inches.
    """
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
        # A label at the very edge would stand in that of the neighbouring panel.
        axes.xaxis.set_major_formatter(_formatter_up_to(0.99 * seconds))
        axes.yaxis.set_major_formatter(_formatter_up_to(0.99 * max(layout.millivolts)))
        axes.grid(True, which="major", color="#AAAAAA", linewidth=0.6)
        axes.grid(True, which="minor", color="#DDDDDD", linewidth=0.3)
        axes.set_axisbelow(True)
        axes.tick_params(which="both", direction="in", top=True, right=True, labelsize=9)
        axes.tick_params(which="minor", length=2)
        axes.text(
            0.03, 0.96, lead, transform=axes.transAxes, fontsize=12, fontweight="bold",
            ha="left", va="top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.85, "pad": 1.5},
        )  # fmt: skip
    for axes in axes_grid[-1]:
        axes.set_xlabel("Time [s]", fontsize=10)
    for axes in axes_grid[:, 0]:
        axes.set_ylabel("Voltage [mV]", fontsize=10)
    labels = ", ".join(record.diagnoses) or "none given"
    begin = start / record.sampling_frequency
    figure.suptitle(
        f"Record {record.name}, {begin:.2f} to {begin + seconds:.2f} s   (header: {labels})",
        fontsize=12, x=0.07, ha="left", y=0.975,
    )  # fmt: skip
    figure.text(0.985, 0.012, "Not for clinical use", fontsize=9, ha="right", color="#B00020")
    figure.subplots_adjust(left=0.07, right=0.985, bottom=0.065, top=0.95, wspace=0.05, hspace=0.06)
    return figure


def _formatter_up_to(limit: float) -> FuncFormatter:
    """Return a formatter that leaves out values beyond a limit, on either side of zero."""
    return FuncFormatter(
        lambda value, place: f"{value:g}".replace("-", "\u2212") if abs(value) < limit else ""
    )
