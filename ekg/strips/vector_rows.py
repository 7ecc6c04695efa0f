"""Put the polylines of a PDF into rows and give them the names of the words beside them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from scipy.optimize import linear_sum_assignment

from ekg.strips.intake import StripError
from ekg.strips.layout import lead_of
from ekg.strips.pdf_paths import Word


@dataclass(frozen=True)
class Piece:
    """A polyline that may be a trace, or a part of one: x and y in paper millimetres, y down."""

    points: np.ndarray

    @property
    def left(self) -> float:
        """Where it begins."""
        return float(self.points[0, 0])

    @property
    def right(self) -> float:
        """Where it ends."""
        return float(self.points[-1, 0])

    @property
    def middle(self) -> float:
        """The height at which it mostly lies."""
        return float(np.median(self.points[:, 1]))


def rows_of(pieces: list[Piece], unit: float) -> list[list[Piece]]:
    """Group pieces into rows from top to bottom, each from left to right.

    A piece that begins where a row has ended belongs to the row that lies nearest by height.
    """
    rows: list[list[Piece]] = []
    for piece in sorted(pieces, key=lambda one: one.left):
        free = [
            (abs(row[-1].middle - piece.middle), row)
            for row in rows
            if row[-1].right < piece.left + 3 * unit
        ]
        if free and min(free, key=lambda one: one[0])[0] < 14 * unit:
            min(free, key=lambda one: one[0])[1].append(piece)
        else:
            rows.append([piece])
    return sorted(rows, key=lambda row: float(np.mean([piece.middle for piece in row])))


def named_rows(
    rows: list[list[Piece]], words: list[Word], unit: float
) -> list[list[tuple[str, Piece]]]:
    """Give each piece its lead's name; split rows that hold several leads in one line."""
    names = [(lead, word) for word in words if (lead := lead_of(word.text)) is not None]
    if not names:
        raise StripError(
            "the PDF's text contains no lead names", remedy="give an image of the page instead"
        )
    levels = _levels([word.y for _, word in names], 3 * unit)
    middles = np.array([np.mean([piece.middle for piece in row]) for row in rows])
    owner = _level_of_row(np.array(levels), middles, unit)
    named = []
    for number, row in enumerate(rows):
        if number not in owner:
            continue
        level = levels[owner[number]]
        own = sorted(
            (word.x, lead)
            for lead, word in names
            if abs(word.y - level) <= 3 * unit and row[0].left - 15 * unit < word.x < row[-1].right
        )
        parts = _parts(row, own, unit)
        if parts:
            named.append(parts)
    if not named:
        raise StripError("no trace has a lead's name beside it", remedy="give an image instead")
    return named


def _levels(heights: list[float], tolerance: float) -> list[float]:
    """Return the heights at which words stand, from top to bottom."""
    groups: list[list[float]] = []
    for height in sorted(heights):
        if groups and height - groups[-1][-1] <= tolerance:
            groups[-1].append(height)
        else:
            groups.append([height])
    return [float(np.mean(group)) for group in groups]


def _level_of_row(levels: np.ndarray, middles: np.ndarray, unit: float) -> dict[int, int]:
    """Return which line of names belongs to which row: they stand at one distance from it."""
    best: tuple[float, dict[int, int]] = (np.inf, {})
    for distance in np.arange(-30, 30.5, 0.5) * unit:
        cost = np.minimum(np.abs(middles[:, None] + distance - levels[None, :]), 15 * unit)
        pairs = linear_sum_assignment(cost)
        total = float(cost[pairs].sum()) + 0.02 * abs(distance)
        if total < best[0] - 1e-9:
            kept = {
                int(row): int(level)
                for row, level in zip(*pairs, strict=True)
                if cost[row, level] < 15 * unit
            }
            best = (total, kept)
    return best[1]


def _parts(
    row: list[Piece], names: list[tuple[float, str]], unit: float
) -> list[tuple[str, Piece]]:
    """Return the leads of one row."""
    if len(row) == 1 and len(names) > 1:
        whole = row[0]
        edges = np.linspace(whole.left, whole.right, len(names) + 1)
        width = edges[1] - edges[0]
        offsets = np.array([x for x, _ in names]) - edges[:-1]
        if np.ptp(offsets) > 0.15 * width:
            raise StripError(
                "the names in a row of the PDF are not equally spaced",
                remedy="give an image of the page instead",
            )
        x = whole.points[:, 0]
        cut = [whole.points[(x >= a) & (x < b)] for a, b in itertools.pairwise(edges)]
        pieces = [Piece(part) for part in cut]
        return [(lead, piece) for (_, lead), piece in zip(names, pieces, strict=True)]
    left = np.array([piece.left for piece in row])
    places = np.array([x for x, _ in names])
    if not len(places):
        return []
    cost = np.abs(left[:, None] + 3 * unit - places[None, :])
    chosen = linear_sum_assignment(cost)
    return [
        (names[name][1], row[piece])
        for piece, name in zip(*chosen, strict=True)
        if cost[piece, name] < 40 * unit
    ]


def with_rhythm(
    named: list[list[tuple[str, Piece]]], rows: list[list[Piece]], unit: float
) -> list[list[tuple[str, Piece]]]:
    """Name rows without a name that clearly repeat a lead of the named rows (rhythm rows)."""
    if max(len(row) for row in named) == 1:
        return named
    used = {id(piece) for row in named for _, piece in row}
    parts = [(name, piece) for row in named for name, piece in row]
    for row in rows:
        if len(row) != 1 or id(row[0]) in used:
            continue
        fits = sorted((_likeness(row[0], piece, unit), name) for name, piece in parts)
        if len(fits) > 1 and fits[-1][0] > 0.98 and fits[-1][0] - fits[-2][0] > 0.01:
            named.append([(fits[-1][1], row[0])])
    return sorted(named, key=lambda row: float(np.mean([piece.middle for _, piece in row])))


def _likeness(long: Piece, short: Piece, unit: float) -> float:
    """Return the correlation of a piece with the part of a longer one that lies below it."""
    x, y = as_function(short.points)
    places = np.arange(x[0], x[-1], 0.1 * unit)
    values = np.interp(places, x, y)
    wide, high = as_function(long.points)
    best = 0.0
    for late in np.arange(-1.0, 1.05, 0.1) * unit:
        other = np.interp(places + late, wide, high)
        if np.ptp(other) > 0 and np.ptp(values) > 0:
            best = max(best, float(np.corrcoef(values, other)[0, 1]))
    return best


def as_function(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a polyline as a function of x: steps back are flattened, equal x spread a little."""
    x = np.maximum.accumulate(points[:, 0])
    return x + 1e-9 * np.arange(len(x)), points[:, 1]
