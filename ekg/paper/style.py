"""The look of the figures: sizes, fonts, colours and line styles fit for a journal's columns."""

from __future__ import annotations

import functools
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ekg.files import atomic_path

ONE_COLUMN = 3.35
"""Width of one column, in inches (85 mm)."""
TWO_COLUMNS = 7.0
"""Width of a page, in inches (178 mm)."""
SMALLEST_FONT = 7.0
"""Points; nothing in a figure is set smaller."""
PNG_DPI = 300
LETTERS_PER_INCH = 15.5
"""Of a title, on average with some room."""

# Okabe and Ito's palette (2008, jfly.uni-koeln.de/color), told apart with any common colour
# vision; its yellow is left out because a thin yellow line is lost on white.
BLACK, ORANGE, SKY, GREEN = "#000000", "#E69F00", "#56B4E9", "#009E73"
BLUE, VERMILLION, PURPLE, GREY = "#0072B2", "#D55E00", "#CC79A7", "#8C8C8C"

FOLD_COLOURS = {"train": BLUE, "val": ORANGE, "test": GREEN, "none": "#BDBDBD"}
SEQUENTIAL_MAP = "Blues"
"""For numbers in cells: one hue, light to dark, so that it also prints in grey."""

_CLASS_LOOKS: tuple[tuple[str, Any], ...] = (
    (BLUE, "-"),
    (ORANGE, "--"),
    (GREEN, "-."),
    (BLACK, "-"),
    (VERMILLION, "--"),
    (SKY, "-"),
    (PURPLE, "-."),
    (GREY, ":"),
)

_STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same on every machine
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titleweight": "normal",
    "axes.labelsize": 8,
    "figure.titlesize": 8,
    "legend.fontsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "patch.linewidth": 0.5,
    "hatch.linewidth": 0.5,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "xtick.major.size": 3,
    "ytick.major.size": 3,
    "legend.frameon": False,
    "legend.handlelength": 2.2,
    "legend.borderaxespad": 0.3,
    "grid.color": "#DDDDDD",
    "grid.linewidth": 0.5,
    "image.interpolation": "nearest",
    "pdf.fonttype": 42,  # text stays text in an editor
    "svg.hashsalt": "ekg",
    "axes.unicode_minus": True,
}

P = ParamSpec("P")


@contextmanager
def journal_style() -> Iterator[None]:
    """Draw in the project's style inside the block; nobody else's settings are touched."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(_STYLE)  # type: ignore[arg-type]
        yield


def journal_figure(function: Callable[P, Figure]) -> Callable[P, Figure]:
    """Make a function that draws a figure do so in the project's style."""

    @functools.wraps(function)
    def styled(*arguments: P.args, **options: P.kwargs) -> Figure:
        with journal_style():
            return function(*arguments, **options)

    return styled


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` x `height` inches whose parts make room for each other."""
    return Figure(figsize=(width, height), dpi=PNG_DPI, layout="constrained")


def wrap_title(title: str, width: float) -> str:
    """Return a title whose lines fit `width` inches; its own line breaks stay."""
    letters = int(width * LETTERS_PER_INCH)
    lines = (part for line in title.splitlines() for part in _wrapped(line, letters) or [""])
    return "\n".join(lines)


def _wrapped(line: str, letters: int) -> list[str]:
    if all(len(word) <= letters for word in line.split()):
        return textwrap.wrap(line, letters)
    # The name of a run: it may be parted after an underscore, not inside its date.
    parts = textwrap.wrap(line.replace("_", "_ "), letters, break_on_hyphens=False)
    return [part.replace("_ ", "_") for part in parts]


def give_title(figure: Figure, title: str) -> None:
    """Put a title over a figure, in as many lines as it needs."""
    figure.suptitle(wrap_title(title, figure.get_figwidth()))


def class_look(index: int) -> dict[str, Any]:
    """Return colour and line style of the class with this index."""
    colour, line = _CLASS_LOOKS[index % len(_CLASS_LOOKS)]
    return {"color": colour, "linestyle": line}


def hide_axes(axes: Axes) -> None:
    """Leave an axes' image but none of its frame or ticks."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def ink_on(colour: tuple[float, float, float, float]) -> str:
    """Return black or white, whichever is read more easily on `colour` (RGBA in 0..1).

    The luminance is that of WCAG 2.1, "relative luminance"; 0.18 is where black and white have
    the same contrast.
    """
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in colour[:3]]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "black" if luminance > 0.18 else "white"


def save_figure(figure: Figure, folder: str | Path, name: str) -> tuple[Path, Path]:
    """Write `figure` to `folder/name.pdf` and `folder/name.png`, each whole or not at all."""
    pdf, png = Path(folder) / f"{name}.pdf", Path(folder) / f"{name}.png"
    with journal_style():
        with atomic_path(pdf) as temporary:
            figure.savefig(temporary, format="pdf", metadata={"CreationDate": None})
        with atomic_path(png) as temporary:
            figure.savefig(temporary, format="png", dpi=PNG_DPI, metadata={"Software": None})
    return pdf, png
