"""Follow a row's pen stroke: a path that is paid for each pixel of ink it visits, then envelopes.

The shortest dark path cuts the tips of QRS; a path that earns by visiting ink runs up each
spike and down again. What belongs to other rows, to words and to dirt is taken away before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT
from ekg.strips.rows import STROKE, Row

_ZERO = 0.30
"""Strength at which visiting a pixel neither costs nor earns."""
_EMPTY = 2.5
"""How much more an empty pixel costs than a full one earns."""
_BAND = round(42 * FLAT)
"""Pixels above and below a row's line that its waves may reach: 4.2 mV at 10 mm/mV."""
_STEP = 0.01
_LONGEST_HIDDEN = 9
"""Columns over which a line is continued under a bar."""
_CELL = 5 * FLAT
_LINE = 2
"""Pixels on either side of an upright 5-mm line in which something of it may be left."""
_LEFT_OVER = 0.4
"""Strength that left-overs of an upright line may have."""
_HIDDEN = -0.03
"""Worth of a pixel under a bar or a word: what is there is not known."""


@dataclass
class Path:
    """The stroke of one row, by column of the flat page from `left`."""

    left: int
    y: np.ndarray
    """Pixels, sub-pixel, downward; NaN where there is no ink."""
    low: np.ndarray
    """Uppermost and lowermost pixel visited in each column."""
    high: np.ndarray
    confidence: np.ndarray
    line: np.ndarray | None = None
    """The fitted line, every half column from `left`."""


def own_ink(
    strength: np.ndarray,
    rows: list[Row],
    number: int,
    pen: float,
    taken: np.ndarray,
    hidden: np.ndarray,
    ends: tuple[int, int],
) -> np.ndarray:
    """Return the ink of one row: what hangs together with its line, without the other rows'.

    `taken` are strokes that touch its line but are a neighbour's; `hidden` is what words and
    bars lie on, under which strokes go on; `ends` the columns between
    which the page has traces.
    """
    row = rows[number]
    top = max(0, round(row.y) - _BAND)
    bottom = min(strength.shape[0], round(row.y) + _BAND + 1)
    part = np.where(taken[top:bottom], 0.0, strength[top:bottom])
    reach = max(1, round(0.5 * pen + 1))
    x = np.arange(strength.shape[1])
    keep = np.zeros(part.shape, bool)
    _mark(keep, row.rough - top, x, reach + 1)
    for other, line in enumerate(rows):
        if other != number:
            gone = np.zeros(part.shape, bool)
            _mark(gone, line.rough - top, x, reach)
            part[gone & ~keep] = 0.0
    lines = np.abs((x + 0.5 * _CELL) % _CELL - 0.5 * _CELL) <= _LINE
    left_over = np.clip((part - _LEFT_OVER) / (1 - _LEFT_OVER), 0.0, 1.0)
    part = np.where(lines[None, :] & ~keep, left_over, part)
    through = (part > _ZERO) | hidden[top:bottom]
    labels, count = ndimage.label(through, np.ones((3, 3)))
    if count == 0:
        return strength * 0
    own = np.zeros(count + 1, bool)
    inside = (x >= ends[0]) & (x <= ends[1])
    for step in range(-reach, reach + 1):
        at = np.clip(row.rough - top + step, 0, part.shape[0] - 1)
        own[labels[at[inside], x[inside]]] = True
    own[0] = False
    foreign = np.zeros(count + 1, bool)
    for other, line in enumerate(rows):
        if other != number:
            for step in range(-reach - 2, reach + 3):
                y = line.rough - top + step
                there = (y >= 0) & (y < part.shape[0])
                foreign[labels[y[there], x[there]]] = True
    own = _with_broken_strokes(labels, own, foreign)
    part[~own[labels] & (part > _ZERO)] = 0.0
    result = np.zeros_like(strength)
    result[top:bottom] = part
    return result


def _mark(mask: np.ndarray, line: np.ndarray, x: np.ndarray, reach: int) -> None:
    for step in range(-reach, reach + 1):
        y = line + step
        good = (y >= 0) & (y < mask.shape[0])
        mask[y[good], x[good]] = True


def _with_broken_strokes(labels: np.ndarray, own: np.ndarray, foreign: np.ndarray) -> np.ndarray:
    """Add steep pieces that continue what is the row's own across a gap of at most 1 mm."""
    boxes = ndimage.find_objects(labels)
    gap = round(1.2 * FLAT)
    own = own.copy()
    for _ in range(3):
        added = False
        mine = own[labels]
        for number, box in enumerate(boxes, start=1):
            if own[number] or foreign[number] or box is None:
                continue
            height = box[0].stop - box[0].start
            width = box[1].stop - box[1].start
            if height < 0.8 * FLAT or width > 2.5 * FLAT or height < 1.5 * width:
                continue
            rows = slice(max(0, box[0].start - gap), box[0].stop + gap)
            columns = slice(max(0, box[1].start - 2), box[1].stop + 2)
            if mine[rows, columns].any():
                own[number] = added = True
        if not added:
            break
    return own


def follow(
    ink: np.ndarray, hidden: np.ndarray, row: Row, left: int, right: int, pen: float
) -> Path:
    """Follow a row's own ink from column `left` to column `right`.

    Parameters
    ----------
    ink
        Its own strokes, nothing where `hidden`.
    hidden
        What bars and words lie on.
    row, left, right, pen
        The row, its first and last column, and the pen's width.
    """
    top = max(0, round(row.y) - _BAND)
    bottom = min(ink.shape[0], round(row.y) + _BAND + 1)
    part = ink[top:bottom, left : right + 1]
    covered = hidden[top:bottom, left : right + 1]
    used = np.flatnonzero((part > _ZERO).any(axis=1))
    if len(used):
        low, high = max(0, used[0] - 3), min(part.shape[0], used[-1] + 4)
        part, covered, top = part[low:high], covered[low:high], top + low
    ends = _visits(part, covered)
    start = np.concatenate([ends[:1], ends[:-1]])
    low, high = np.minimum(start, ends), np.maximum(start, ends)
    low, high = _runs(part, low, high)
    y = _centres(part, low, high, pen)
    confidence = _confidence(part, low, high)
    y, confidence = _under_bars(y, confidence, covered, low, high)
    return Path(left, y + top, low + top, high + top, confidence)


def _under_bars(
    y: np.ndarray, confidence: np.ndarray, covered: np.ndarray, low: np.ndarray, high: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Continue the line straight under what hides it for a few columns."""
    x = np.arange(len(y))
    hidden = covered[low, x] & covered[high, x]
    known = np.isfinite(y) & ~hidden
    if known.sum() < 2 or not hidden.any():
        return y, confidence
    ends = np.searchsorted(x[known], x)
    before = x[known][np.clip(ends - 1, 0, known.sum() - 1)]
    after = x[known][np.clip(ends, 0, known.sum() - 1)]
    short = hidden & (after - before <= _LONGEST_HIDDEN)
    straight = np.interp(x, x[known], y[known])
    return np.where(short, straight, np.where(hidden, np.nan, y)), np.where(short, 1.0, confidence)


def _visits(part: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Return where the best path leaves each column.

    In a column the path moves from where it came in to where it leaves, and visits all pixels
    between; the sums over each column make both directions one running maximum.
    """
    height, width = part.shape
    worth = np.where(part > _ZERO, part - _ZERO, _EMPTY * (part - _ZERO)).astype(np.float32)
    worth[covered] = _HIDDEN
    worth -= _STEP
    total = np.cumsum(worth, axis=0)
    before = np.vstack([np.zeros((1, width), np.float32), total[:-1]])
    score = np.empty((width, height), dtype=np.float32)
    score[0] = worth[:, 0]
    for x in range(1, width):
        last = score[x - 1]
        down = np.maximum.accumulate(last - before[:, x]) + total[:, x]
        up = np.maximum.accumulate((last + total[:, x])[::-1])[::-1] - before[:, x]
        score[x] = np.maximum(down, up)
    ends = np.empty(width, dtype=int)
    ends[-1] = int(np.argmax(score[-1]))
    for x in range(width - 1, 0, -1):
        y = ends[x]
        gain = np.empty(height, dtype=np.float32)
        gain[: y + 1] = total[y, x] - before[: y + 1, x]
        gain[y + 1 :] = total[y + 1 :, x] - before[y, x]
        ends[x - 1] = int(np.argmax(score[x - 1] + gain))
    return ends


def _runs(part: np.ndarray, low: np.ndarray, high: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Widen each column's visit to the whole run of ink it lies in."""
    strong = part > STROKE
    height, width = part.shape
    y = np.arange(height)[:, None]
    # Of each pixel: the last empty pixel above it and the first below it.
    above = np.maximum.accumulate(np.where(strong, -1, y), axis=0)
    below = np.minimum.accumulate(np.where(strong, height, y)[::-1], axis=0)[::-1]
    x = np.arange(width)
    new_low = np.where(strong[low, x], above[low, x] + 1, low)
    new_high = np.where(strong[high, x], below[high, x] - 1, high)
    # Only by about a pen: another leg may lie in the same column.
    return np.maximum(new_low, low - 4), np.minimum(new_high, high + 4)


def _centres(part: np.ndarray, low: np.ndarray, high: np.ndarray, pen: float) -> np.ndarray:
    """Return the pen's middle in each column.

    Level parts: the ink's centre of mass. Elsewhere from the envelopes: the upper edge is the
    line widened by the pen, so the edge narrowed by the pen is the line, but for notches
    narrower than the pen; the lower edge keeps those and loses narrow tips instead. Where the
    two differ the one that leaves the line between its surroundings is right.
    """
    height, width = part.shape
    x = np.arange(width)
    weights = np.where(part > 0.12, part, 0.0)
    sums = np.concatenate([np.zeros((1, width)), np.cumsum(weights, axis=0)])
    moments = np.concatenate(
        [np.zeros((1, width)), np.cumsum(weights * np.arange(height)[:, None], axis=0)]
    )
    first, last = np.maximum(low - 1, 0), np.minimum(high + 2, height)
    mass = sums[last, x] - sums[first, x]
    inked = mass > 0.3
    centre = np.where(
        inked, (moments[last, x] - moments[first, x]) / np.maximum(mass, 1e-6), np.nan
    )
    upper, lower = _edge(part, low, -1), _edge(part, high, 1)
    level = lower - upper <= max(3.0, 1.7 * pen)
    from_upper = _narrowed(upper, pen / 2)
    from_lower = -_narrowed(-lower, pen / 2)
    agreed = inked & (level | (np.abs(from_upper - from_lower) < 0.7))
    if agreed.sum() < 2:
        return centre
    middle = np.where(level, centre, 0.5 * (from_upper + from_lower))
    between = np.interp(x, x[agreed], middle[agreed])
    higher = np.abs(from_upper - between) >= np.abs(from_lower - between)
    chosen = np.where(higher, from_upper, from_lower)
    return np.where(inked, np.where(agreed, middle, chosen), np.nan)


def _edge(part: np.ndarray, at: np.ndarray, side: int) -> np.ndarray:
    """Return the edge of the ink, to a fraction of a pixel, above (-1) or below (1) a run."""
    height, width = part.shape
    x = np.arange(width)
    inner = part[at, x]
    outer = np.where((at + side >= 0) & (at + side < height), part[(at + side) % height, x], 0.0)
    half = 0.5 * np.maximum(inner, 0.6)
    share = np.clip((inner - half) / np.maximum(inner - outer, 1e-3), -0.5, 1.0)
    return at + side * share


def _narrowed(edge: np.ndarray, radius: float) -> np.ndarray:
    """Return an upper edge moved in by a round pen: the line, but for narrow notches."""
    fine = 4
    places = np.arange((len(edge) - 1) * fine + 1) / fine
    dense = np.interp(places, np.arange(len(edge)), edge)
    result = np.full(len(dense), -np.inf)
    for step in range(-int(radius * fine), int(radius * fine) + 1):
        depth = np.sqrt(max(radius**2 - (step / fine) ** 2, 0.0))
        index = np.clip(np.arange(len(dense)) + step, 0, len(dense) - 1)
        result = np.maximum(result, dense[index] + depth)
    return result[::fine]


def _confidence(part: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return how much of each column's visit is ink."""
    sums = np.concatenate([np.zeros((1, part.shape[1])), np.cumsum(part > _ZERO, axis=0)])
    x = np.arange(part.shape[1])
    return (sums[high + 1, x] - sums[low, x]) / np.maximum(high - low + 1, 1)
