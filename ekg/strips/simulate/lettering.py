"""Text as outlines or strokes in millimetres: fonts that matplotlib ships, and three drawn here."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.path import Path as Outline
from matplotlib.textpath import TextPath

_CAPITAL = 0.72  # height of a capital letter in units of the font's size, about the same for all

FONTS: tuple[str, ...] = (
    "DejaVuSans",
    "DejaVuSans-Bold",
    "DejaVuSans-Oblique",
    "DejaVuSansMono",
    "DejaVuSerif",
    "STIXGeneral",
    "STIXGeneralBol",
    "cmss10",
    "cmr10",
    "plotter",
    "dots",
)
HELD_OUT_FONTS: tuple[str, ...] = ("DejaVuSansMono-Bold", "DejaVuSerif-Bold", "cmtt10", "round")
"""Fonts of test pages only."""

# One stroke is a run of points "xy" on a grid of 4 x 6 units; strokes are parted by a comma.
_GLYPHS = {
    "A": "00 26 40,12 32",
    "B": "00 06 36 45 44 33 03,33 42 41 30 00",
    "C": "45 36 16 05 01 10 30 41",
    "D": "00 06 26 44 42 20 00",
    "E": "46 06 00 40,03 33",
    "F": "46 06 00,03 33",
    "G": "45 36 16 05 01 10 30 41 43 23",
    "H": "00 06,40 46,03 43",
    "I": "20 26",
    "J": "46 41 30 10 01",
    "K": "00 06,46 03 40",
    "L": "06 00 40",
    "M": "00 06 23 46 40",
    "N": "00 06 40 46",
    "O": "10 01 05 16 36 45 41 30 10",
    "P": "00 06 36 45 44 33 03",
    "Q": "10 01 05 16 36 45 41 30 10,22 40",
    "R": "00 06 36 45 44 33 03,23 40",
    "S": "45 36 16 05 04 13 33 42 41 30 10 01",
    "T": "20 26,06 46",
    "U": "06 01 10 30 41 46",
    "V": "06 20 46",
    "W": "06 10 24 30 46",
    "X": "00 46,06 40",
    "Y": "06 23 46,23 20",
    "Z": "06 46 00 40",
    "0": "10 01 05 16 36 45 41 30 10",
    "1": "15 26 20",
    "2": "05 16 36 45 44 00 40",
    "3": "05 16 36 45 44 33 23,33 42 41 30 10 01",
    "4": "30 36 02 42",
    "5": "46 06 04 34 43 41 30 10 01",
    "6": "36 16 04 01 10 30 41 42 33 13 02",
    "7": "06 46 10",
    "8": "13 04 05 16 36 45 44 33 13 02 01 10 30 41 42 33",
    "9": "10 30 42 45 36 16 05 04 13 33 44",
    "a": "33 14 03 01 10 20 32,34 31 40",
    "m": "00 04,03 14 23 20,23 34 43 40",
    "s": "33 14 03 12 31 20 00",
    "v": "04 20 44",
    "z": "04 44 00 40",
    "/": "00 46",
    "-": "13 33",
    ".": "20 21",
    ":": "21 22,24 25",
    ",": "10 21",
    "(": "36 25 21 30",
    ")": "16 25 21 10",
    "%": "00 46,05 15,31 41",
    "+": "11 31,20 22",
}


@dataclass(frozen=True)
class Lettering:
    """Text ready to draw, with the origin at the left end of its base line, y downwards, mm."""

    outline: Outline | None
    """Filled area, for fonts of outlines."""
    strokes: tuple[np.ndarray, ...]
    """Lines of shape (N, 2), for fonts of strokes."""
    width: float
    """Width of a stroke."""
    box: tuple[float, float, float, float]
    """Left, top, right, bottom of the ink."""


def lettering(
    text: str, font: str, height: float, stretch: float = 1.0, slant: float = 0.0
) -> Lettering:
    """Return `text` with capitals `height` mm tall.

    `stretch` is a factor on its width, `slant` leans it to the right by so much of its height.
    """
    if font in ("plotter", "round", "dots"):
        return _stroked(text, font, height, stretch, slant)
    vertices, codes = _outline(text, font)
    scaled = vertices * np.array([height / _CAPITAL * stretch, -height / _CAPITAL])
    if not len(scaled):
        return Lettering(None, (), 0.0, (0.0, 0.0, 0.0, 0.0))
    scaled[:, 0] -= slant * scaled[:, 1]
    (left, top), (right, bottom) = scaled.min(axis=0), scaled.max(axis=0)
    return Lettering(Outline(scaled, codes), (), 0.0, (left, top, right, bottom))


@functools.lru_cache(maxsize=4096)
def _outline(text: str, font: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the outline of a text for a font of size 1."""
    if not text.strip():
        return np.zeros((0, 2)), np.zeros(0, dtype=np.uint8)
    path = Path(matplotlib.get_data_path()) / "fonts" / "ttf" / f"{font}.ttf"
    made = TextPath((0, 0), text, size=100, prop=FontProperties(fname=str(path)), usetex=False)
    return np.asarray(made.vertices) / 100.0, np.asarray(made.codes)


def _stroked(text: str, font: str, height: float, stretch: float, slant: float) -> Lettering:
    unit = height / 6.0
    across = unit * stretch
    pitch, strokes, x = 6.0, [], 0.0
    for character in text:
        glyph = _GLYPHS.get(character) or _GLYPHS.get(character.upper(), "")
        narrow = character in "I1.,:()"
        shift = x - (1.0 if narrow else 0.0)
        for run in glyph.split(",") if glyph else []:
            points = np.array([[int(c) for c in pair] for pair in run.split()], dtype=float)
            if font == "round":
                points = _rounded(points)
            strokes.append((points + np.array([shift, 0.0])) * [across, -unit])
        x += 4.0 if narrow else pitch
    if font == "dots":
        strokes = [dot for stroke in strokes for dot in _dotted(stroke, unit)]
    if not strokes:
        return Lettering(None, (), 0.0, (0.0, 0.0, 0.0, 0.0))
    for stroke in strokes:
        stroke[:, 0] -= slant * stroke[:, 1]
    width = {"plotter": 0.9, "round": 0.7, "dots": 0.95}[font] * unit
    every = np.concatenate(strokes)
    (left, top), (right, bottom) = every.min(axis=0) - width / 2, every.max(axis=0) + width / 2
    return Lettering(None, tuple(strokes), width, (left, top, right, bottom))


def _rounded(points: np.ndarray) -> np.ndarray:
    """Cut the corners of a line three times."""
    for _ in range(3 if len(points) > 2 else 0):
        first, second = points[:-1], points[1:]
        inner = np.stack([0.75 * first + 0.25 * second, 0.25 * first + 0.75 * second], axis=1)
        points = np.concatenate([points[:1], inner.reshape(-1, 2), points[-1:]])
    return points


def _dotted(stroke: np.ndarray, unit: float) -> list[np.ndarray]:
    """Return the dots of a needle printer along a stroke."""
    lengths = np.hypot(*np.diff(stroke, axis=0).T)
    where = np.concatenate([[0.0], np.cumsum(lengths)])
    places = np.arange(0.0, where[-1] + 1e-9, unit)
    x, y = np.interp(places, where, stroke[:, 0]), np.interp(places, where, stroke[:, 1])
    return [np.array([[a, b], [a + unit * 0.05, b]]) for a, b in zip(x, y, strict=True)]
