"""Read the traces of a vector PDF: long polylines by row, named by the words beside them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pypdfium2 as pdfium

from ekg.strips.intake import StripError
from ekg.strips.layout import describe
from ekg.strips.pdf_paths import Line, PdfContent, Word, read_content
from ekg.strips.traced import Scale, Trace, TracedPage
from ekg.strips.vector_rows import Piece, as_function, named_rows, rows_of, with_rhythm

_SHORTEST_TRACE = 15.0
"""Millimetres."""
_FEWEST_POINTS = 20
_SPEED = re.compile(r"(?<![\d.,])(\d{1,3}(?:[.,]\d+)?)\s*mm\s*/\s*s", re.IGNORECASE)
_GAIN = re.compile(r"(?<![\d.,])(\d{1,2}(?:[.,]\d+)?)\s*mm\s*/\s*mv", re.IGNORECASE)
_SPEEDS = (5.0, 6.25, 10.0, 12.5, 25.0, 50.0, 100.0)
_GAINS = (2.5, 5.0, 10.0, 20.0, 40.0)


@dataclass(frozen=True)
class VectorOptions:
    """What the user has said about the page."""

    speed: float | None = None
    gain: float | None = None


def read_vector(
    page: pdfium.PdfPage, options: VectorOptions, pixels_per_mm: float
) -> TracedPage | None:
    """Read a page whose traces are polylines.

    Parameters
    ----------
    page
        The page of the PDF.
    options
        Speed and gain, where the user gives them.
    pixels_per_mm
        Of the image of the page that the overlay is drawn on.

    Returns
    -------
    TracedPage or None
        None where the page contains no polyline that looks like a trace (a scan in a PDF).

    Raises
    ------
    StripError
        If the traces are there but their names or scale cannot be told.
    """
    content = read_content(page)
    turns = _turns(content.lines)
    if turns is None:
        return None
    content = _turned(content, turns)
    pieces = [Piece(line.points) for line in content.lines if _is_trace(line)]
    unit = _paper_millimetre(content.lines)
    pulses = [height / unit for line in content.lines if (height := _pulse_height(line))]
    stripped = []
    for piece in pieces:
        points, height = _without_pulse(piece.points, unit)
        stripped.append(Piece(points))
        if height:
            pulses.append(height)
    scale, warnings = _scale(content.words, pulses, options)
    rows = rows_of(stripped, unit)
    named = with_rhythm(named_rows(rows, content.words, unit), rows, unit)
    left = min(piece.left for row in named for _, piece in row)
    right = max(piece.right for row in named for _, piece in row)
    traces = []
    counted = [[name for name, _ in row] for row in named]
    widest = max(len(row) for row in counted)
    for row_number, row in enumerate(named):
        for column, (name, piece) in enumerate(row):
            x, y = as_function(piece.points)
            back = _turn_back(piece.points, turns, content.width, content.height)
            traces.append(
                Trace(
                    lead=name,
                    x=(x - left) / unit,
                    y=-(y - np.median(y)) / unit,
                    confidence=1.0,
                    row=row_number,
                    column=column,
                    rhythm=len(row) == 1 and widest > 1,
                    line=back * pixels_per_mm,
                )
            )
    return TracedPage(
        traces=traces,
        scale=scale,
        layout=describe(counted),
        method="vector PDF",
        length=(right - left) / unit,
        names_source="page text",
        facts={
            "paper_mm": round(unit, 4),
            "pulse_mm": round(float(np.median(pulses)), 3) if pulses else None,
            "turned_degrees": 90 * turns,
        },
        warnings=warnings,
    )


def _is_trace(line: Line) -> bool:
    points = line.points
    if len(points) < _FEWEST_POINTS or points[-1, 0] - points[0, 0] < _SHORTEST_TRACE:
        return False
    steps = np.diff(points[:, 0])
    forward = steps[steps > 0].sum()
    return float(-steps[steps < 0].sum()) < 0.01 * float(forward)


def _turns(lines: list[Line]) -> int | None:
    """Return by how many quarter turns (clockwise) the page must be turned to be read.

    Machines draw traces from left to right: the direction of drawing says how the page lies.
    """
    lengths = np.zeros(4)
    for line in lines:
        for turns in range(4):
            points = line.points if turns == 0 else _quarter_turns(line.points, turns, 0.0, 0.0)
            if _is_trace(Line(points, line.style)):
                lengths[turns] += points[-1, 0] - points[0, 0]
    return int(np.argmax(lengths)) if lengths.any() else None


def _quarter_turns(points: np.ndarray, turns: int, width: float, height: float) -> np.ndarray:
    for _ in range(turns % 4):
        points = np.stack([height - points[:, 1], points[:, 0]], axis=1)
        width, height = height, width
    return points


def _turned(content: PdfContent, turns: int) -> PdfContent:
    if turns == 0:
        return content
    size = (content.width, content.height)
    lines = [Line(_quarter_turns(line.points, turns, *size), line.style) for line in content.lines]
    words = []
    for word in content.words:
        ((x, y),) = _quarter_turns(np.array([[word.x, word.y]]), turns, *size)
        words.append(Word(word.text, float(x), float(y)))
    width, height = size if turns % 2 == 0 else size[::-1]
    return PdfContent(lines, words, width, height)


def _turn_back(points: np.ndarray, turns: int, width: float, height: float) -> np.ndarray:
    return _quarter_turns(points, (4 - turns) % 4, width, height)


def _paper_millimetre(lines: list[Line]) -> float:
    """Return how many millimetres of the PDF one millimetre of the EKG's paper is.

    From the spacing of the grid's lines where they are drawn as lines (a page that was fitted
    to another size when it was saved), else 1.
    """
    spacings = []
    for axis in (0, 1):
        places = [
            float(line.points[0, axis])
            for line in lines
            if len(line.points) == 2
            and abs(line.points[1, axis] - line.points[0, axis]) < 0.01
            and abs(line.points[1, 1 - axis] - line.points[0, 1 - axis]) > 20
        ]
        gaps = np.diff(np.unique(np.round(places, 2)))
        gaps = gaps[gaps > 0.3]
        if len(gaps) < 10:
            return 1.0
        usual = float(np.median(gaps))
        near = gaps[np.abs(gaps - usual) < 0.1 * usual]
        if len(near) < 0.6 * len(gaps):
            return 1.0
        # The mean of the whole run: single places are rounded to hundredths.
        spacings.append(float(near.mean()))
    if abs(spacings[0] - spacings[1]) > 0.02 * spacings[0]:
        return 1.0
    spacing = float(np.mean(spacings))
    nominal = min((1.0, 5.0), key=lambda size: abs(np.log(spacing / size)))
    unit = spacing / nominal
    # A rounded unit (300 or 600 dots per inch) is the nominal one.
    return 1.0 if abs(unit - 1) < 0.004 else unit if 0.4 < unit < 2.0 else 1.0


def _pulse_height(line: Line) -> float | None:
    """Return the height of a polyline that is a calibration pulse, in millimetres."""
    points = line.points
    if not 4 <= len(points) <= 12:
        return None
    steps = np.abs(np.diff(points, axis=0))
    if (np.minimum(steps[:, 0], steps[:, 1]) > 0.1).any():
        return None
    width, height = np.ptp(points, axis=0)
    ends_low = abs(points[0, 1] - points[-1, 1]) < 0.2 and points[0, 1] > points[:, 1].min() + 1
    return float(height) if ends_low and 2 < width < 20 and 2 < height < 45 else None


def _without_pulse(points: np.ndarray, unit: float) -> tuple[np.ndarray, float | None]:
    """Cut a calibration pulse off the beginning of a trace; return its height in paper mm."""
    x, y = points[:, 0], points[:, 1]
    near = x < x[0] + 16 * unit
    steps = np.diff(y[near])
    jumps = np.flatnonzero(np.abs(steps) > 2.0 * unit)
    jumps = jumps[np.diff(x[near])[jumps] < 0.3 * unit]
    for first in jumps:
        for second in jumps[jumps > first]:
            top = slice(first + 1, second + 1)
            width = (x[second] - x[first]) / unit
            height = -steps[first] / unit
            if (
                np.ptp(y[top]) < 0.05 * unit
                and 2.0 < width < 12
                and height > 0
                and abs(steps[first] + steps[second]) < 0.05 * abs(steps[first]) + 0.1 * unit
            ):
                return points[second + 1 :], float(height)
    return points, None


def _scale(
    words: list[Word], pulses: list[float], options: VectorOptions
) -> tuple[Scale, list[str]]:
    text = "\n".join(word.text.replace("\xa0", " ") for word in words)
    speeds = {float(value.replace(",", ".")) for value in _SPEED.findall(text)}
    gains = {float(value.replace(",", ".")) for value in _GAIN.findall(text)}
    warnings = []
    pulse = _nearest(float(np.median(pulses)), _GAINS, 0.08) if pulses else None
    if options.speed is not None:
        speed, speed_source = options.speed, "given"
    elif len(speeds) == 1 and _nearest(min(speeds), _SPEEDS, 0.01):
        speed, speed_source = min(speeds), "page text"
    else:
        speed, speed_source = 25.0, "assumed"
        warnings.append("speed assumed to be 25 mm/s: not stated on the page; see --speed")
    if options.gain is not None:
        gain, gain_source = options.gain, "given"
    elif len(gains) == 1 and _nearest(min(gains), _GAINS, 0.01):
        gain, gain_source = min(gains), "page text"
        if pulse is not None and abs(pulse / gain - 1) > 0.08:
            raise StripError(
                f"the page says {gain:g} mm/mV and shows a pulse of {pulse:g} mm",
                remedy="give the gain with --gain",
            )
    elif pulse is not None:
        gain, gain_source = pulse, "pulse"
    elif len(gains) > 1:
        raise StripError(
            "the page names several gains and shows no pulse", remedy="give it with --gain"
        )
    else:
        gain, gain_source = 10.0, "assumed"
        warnings.append("gain assumed to be 10 mm/mV: not stated on the page; see --gain")
    return Scale(speed, gain, speed_source, gain_source), warnings


def _nearest(value: float, usual: tuple[float, ...], tolerance: float) -> float | None:
    best = min(usual, key=lambda one: abs(value / one - 1))
    return best if abs(value / best - 1) <= tolerance else None
