"""Read the traces of a picture: grid, flat page, ink, rows, names, traces."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image
from scipy import ndimage

from ekg.strips.arrange import Arrangement, arrange
from ekg.strips.clean import (
    apart,
    cover,
    extent,
    hide_word,
    tick_mask,
    traces_only,
    without_paths,
    without_pulses,
)
from ekg.strips.fit import NODES, fit_drawing
from ekg.strips.flatten import FLAT, FlatPage, flatten, refine
from ekg.strips.grid import darkness, grow
from ekg.strips.ink import Ink, find_ink
from ekg.strips.intake import StripError
from ekg.strips.layout import Layout, describe
from ekg.strips.pulses import Pulse, find_pulses
from ekg.strips.rows import (
    STROKE,
    Row,
    find_rows,
    long_lines,
    pen_width,
    without_specks,
)
from ekg.strips.seed import find_seed
from ekg.strips.shared import taken_away
from ekg.strips.trace import Path, follow, own_ink
from ekg.strips.traced import Scale, Trace, TracedPage
from ekg.strips.words import Word, find_words, missing_boxes, stands_at, usual_place

_WORK = 2000
"""Pixels of the longer side of the picture in which the grid is found."""
_FEWEST = 3.0
"""Pixels a millimetre below which no trace is read."""
_PEN_CONFIDENT = 0.55


@dataclass(frozen=True)
class PictureOptions:
    """What the user has said about the page."""

    layout: Layout | None = None
    speed: float | None = None
    gain: float | None = None


@dataclass
class _Found:
    """What was found in one orientation of the flat page."""

    turns: int
    strength: np.ndarray
    rows: list[Row]
    pen: float
    pulses: list[Pulse]
    words: list[Word]
    left: int
    right: int
    paths: list[Path]
    arrangement: Arrangement | None


def read_picture(rgb: np.ndarray, options: PictureOptions) -> TracedPage:
    """Read a picture of a page.

    Parameters
    ----------
    rgb
        uint8, shape (rows, columns, 3).
    options
        Layout, speed and gain, where the user gives them.

    Raises
    ------
    StripError
        If there is no grid, no trace, or no arrangement of leads that can be told.
    """
    flat, unit, seed_margin = flat_page(rgb)
    if unit < _FEWEST:
        raise StripError(
            f"the picture has {unit:.1f} pixels a millimetre, expected at least {_FEWEST:g}",
            remedy="give the original picture or a sharper scan",
        )
    ink = find_ink(flat)
    found = _best_orientation(ink, options)
    scale, warnings = _scale(found.pulses, options)
    traces, names_source = _traces(found, flat, options.layout is not None)
    if names_source == "layout":
        warnings.append("no lead names could be read: the usual order is assumed; see --layout")
    arrangement = found.arrangement
    assert arrangement is not None
    return TracedPage(
        traces=traces,
        scale=scale,
        layout=describe([list(row) for row in _named_rows(traces)]),
        method="picture",
        length=(found.right - found.left) / FLAT,
        names_source=names_source,
        facts={
            "pixels_per_mm": round(unit, 2),
            "pulse_mm": round(float(np.median([p.height for p in found.pulses])), 2)
            if found.pulses
            else None,
            "turned_degrees": 90 * found.turns,
            "names_seen": round(arrangement.seen, 2),
            "layout_margin": round(arrangement.margin, 2),
            "grid_margin": round(seed_margin, 2),
        },
        warnings=warnings,
    )


def flat_page(rgb: np.ndarray) -> tuple[FlatPage, float, float]:
    """Return the flat page, the picture's pixels a millimetre, and the period's margin."""
    factor = max(1, -(-max(rgb.shape[:2]) // _WORK))
    picture = Image.fromarray(rgb)
    work = np.asarray(picture.reduce(factor)) if factor > 1 else rgb
    most, least = darkness(work, 16)
    seed = find_seed(most)
    if seed is None or seed.score < 4.5:
        raise StripError(
            "no millimetre grid was found", remedy="give a sharper, evenly lit picture"
        )
    lattice, grower = grow(most, seed)
    if (lattice.quality > 0).sum() < 60:
        raise StripError(
            "the grid could not be followed over the page",
            remedy="give a sharper, evenly lit picture",
        )
    nodes, quality = refine(lattice, grower, np.stack([most, least], axis=2))
    unit = grower.unit * factor
    nodes = (nodes + 0.5) * factor - 0.5
    shrink = max(1, int(unit / FLAT))
    source = rgb
    if shrink > 1:
        source = np.asarray(picture.reduce(shrink))
        nodes = (nodes + 0.5) / shrink - 0.5
    flat = flatten(source, nodes, quality)
    flat = replace(
        flat,
        map_x=(flat.map_x + 0.5) * shrink - 0.5,
        map_y=(flat.map_y + 0.5) * shrink - 0.5,
    )
    return flat, unit, seed.margin


def _best_orientation(ink: Ink, options: PictureOptions) -> _Found:
    """Look at the page as it is, then turned, until the names and rows fit."""
    best: _Found | None = None
    for turns in (0, 2, 1, 3):
        found = _look(_turned(ink, turns), turns, options)
        if found is None or found.arrangement is None:
            continue
        if (
            best is None
            or best.arrangement is None
            or (found.arrangement.score > best.arrangement.score + 0.05)
        ):
            best = found
        if best.arrangement is not None and best.arrangement.seen > 0.5:
            break
    if best is None:
        raise StripError("no arrangement of leads was recognised", remedy="give it with --layout")
    return best


def _turned(ink: Ink, turns: int) -> Ink:
    return replace(
        ink,
        strength=np.ascontiguousarray(np.rot90(ink.strength, -turns)),
        trace=np.ascontiguousarray(np.rot90(ink.trace, -turns)),
        sure=np.ascontiguousarray(np.rot90(ink.sure, -turns)),
        text=np.ascontiguousarray(np.rot90(ink.text, -turns)),
        raw=np.ascontiguousarray(np.rot90(ink.raw, -turns)),
    )


def _look(ink: Ink, turns: int, options: PictureOptions) -> _Found | None:
    strength = without_specks(ink.trace)
    sure = without_specks(ink.sure)
    rows = traces_only(find_rows(sure), strength)
    if not rows:
        return None
    pen = pen_width(strength, rows)
    pulses = find_pulses(ink.strength, rows)
    clean = without_pulses(strength, pulses)
    every = without_pulses(ink.strength, pulses)
    left, right = extent(rows, pulses)
    ticks = tick_mask(ink.raw, rows, pen, left, right)
    hidden = ticks.copy()
    clean[ticks] = 0.0
    for x in long_lines(clean, round(rows[0].y - 12 * FLAT), round(rows[-1].y + 12 * FLAT)):
        clean[:, max(0, x - 2) : x + 3] = 0.0
        hidden[:, max(0, x - 2) : x + 3] = True
    covers = [cover(strength, row, left, right) for row in rows]
    rows = [row for row, share in zip(rows, covers, strict=True) if share > 0.6 * max(covers)]
    words = find_words(apart(every, rows, pen), rows[0].y - 25 * FLAT, rows[-1].y + 25 * FLAT)
    words = _names_taken_out(words, rows, left, right, ink, clean, every, hidden)
    paths = []
    taken = taken_away(clean, rows)
    raw = np.where(hidden | ((ink.strength > 0.3) & (clean < 0.05)), 0.0, ink.raw)
    for number, row in enumerate(rows):
        own = own_ink(clean, rows, number, pen, taken[number], hidden, (left, right))
        close = ndimage.maximum_filter((own > 0.3).astype(np.uint8), 5) > 0
        own = np.where(close & ~((clean > 0.3) & (own <= 0.0)), raw, own)
        path = follow(own, hidden, row, left, right, pen)
        known = ~((clean > 0.3) & (own <= 0.0)) & ~hidden
        paths.append(replace(path, line=fit_drawing(own, known, path, pen)))
    text = without_paths(every, paths, pen)
    # Pieces of strokes that were not visited look like an I: those are taken from above only.
    words += [
        word
        for word in find_words(text, rows[0].y - 25 * FLAT, rows[-1].y + 25 * FLAT)
        if max(word.chance(lead) for lead in ("I", "II", "III")) < 0.3
    ]
    arrangement, first = _arranged(rows, paths, left, right, words, options.layout)
    count = 0 if arrangement is None else len(arrangement.names)
    part = slice(first, first + count)
    return _Found(
        turns, clean, rows[part], pen, pulses, words, left, right, paths[part], arrangement
    )


def _names_taken_out(
    words: list[Word],
    rows: list[Row],
    left: int,
    right: int,
    ink: Ink,
    clean: np.ndarray,
    every: np.ndarray,
    hidden: np.ndarray,
) -> list[Word]:
    """Return the words that are names; they and names that touch a trace are hidden."""
    words = [word for word in words if float(word.chances[:-1].max()) > 0.5]
    borders = [left + (right - left) * k / 4 for k in range(4)]
    lines = [row.y for row in rows]
    place = usual_place(words, lines, borders, every)
    if place is None:
        words = [word for word in words if _is_name(word, rows, left, right, ink, every)]
    else:
        words = [word for word in words if stands_at(word, place, lines, borders)]
    boxes = [
        (slice(word.top - 1, word.bottom + 1), slice(word.left - 1, word.right + 1))
        for word in words
    ]
    if place is not None:
        boxes += missing_boxes(words, place, lines, borders, every)
    for box in boxes:
        hide_word(box, clean, every, hidden)
    return words


def _is_name(
    word: Word, rows: list[Row], left: int, right: int, ink: Ink, strength: np.ndarray
) -> bool:
    """Return whether a word is a lead's name: a piece of a QRS looks like an I."""
    if float(word.chances[:-1].max()) <= 0.5:
        return False
    if max(word.chance(lead) for lead in ("I", "II", "III")) < 0.3:
        return True
    box = (slice(word.top, word.bottom), slice(word.left, word.right))
    strokes = strength[box] > STROKE
    if strokes.any() and float(ink.text[box][strokes].mean()) > 0.3:
        return True
    # Where the network of pixels is not sure: names stand where columns begin, off the line.
    borders = [left + (right - left) * k / 4 for k in range(4)]
    if not any(-4 * FLAT < word.left - border < 11 * FLAT for border in borders):
        return False
    middle = (word.left + word.right) // 2
    gaps = [max(row.rough[middle] - word.bottom, word.top - row.rough[middle]) for row in rows]
    return min(gaps) > 1.5 * FLAT


def _arranged(
    rows: list[Row],
    paths: list[Path],
    left: int,
    right: int,
    words: list[Word],
    wanted: Layout | None,
) -> tuple[Arrangement | None, int]:
    """Return the best arrangement and the row it begins at: outer rows may be frames or text."""
    best: tuple[float, Arrangement | None, int] = (-np.inf, None, 0)
    waves = [float(np.ptp(np.nanquantile(path.y, (0.01, 0.99)))) / FLAT for path in paths]
    for first in range(min(3, len(rows))):
        for last in range(len(rows), max(first, len(rows) - 3), -1):
            found = arrange(rows[first:last], left, right, words, wanted)
            if found is None:
                continue
            lost = [*waves[:first], *waves[last:]]
            score = found.score - 0.25 * sum(wave > 1.5 for wave in lost)
            if score > best[0]:
                best = (score, found, first)
    return best[1], best[2]


def _scale(pulses: list[Pulse], options: PictureOptions) -> tuple[Scale, list[str]]:
    warnings = []
    gain, gain_source = 10.0, "assumed"
    if pulses:
        height = float(np.median([pulse.height for pulse in pulses]))
        gain, gain_source = min((5.0, 10.0, 20.0), key=lambda one: abs(height - one)), "pulse"
        # A rectangle of another height is a wide QRS.
        if abs(height - gain) > 0.15 + 0.03 * gain or (len(pulses) == 1 and gain != 10.0):
            gain, gain_source = 10.0, "assumed"
    if options.gain is not None:
        gain, gain_source = options.gain, "given"
    speed, speed_source = 25.0, "assumed"
    if options.speed is not None:
        speed, speed_source = options.speed, "given"
    if gain_source == "assumed":
        warnings.append("gain assumed to be 10 mm/mV: no pulse was found; see --gain")
    if speed_source == "assumed":
        warnings.append("speed assumed to be 25 mm/s; see --speed")
    return Scale(speed, gain, speed_source, gain_source), warnings


def _traces(found: _Found, flat: FlatPage, given: bool) -> tuple[list[Trace], str]:
    arrangement = found.arrangement
    assert arrangement is not None
    traces = []
    width = found.right - found.left
    columns = max(len(row) for row in arrangement.names)
    for number, (names, path) in enumerate(zip(arrangement.names, found.paths, strict=True)):
        edges = np.rint(np.linspace(0, width, len(names) + 1)).astype(int)
        places = np.arange(NODES * width + 1) / NODES
        assert path.line is not None
        inked = np.interp(places, np.arange(width + 1), np.isfinite(path.y).astype(float)) > 0.4
        line = np.where(inked, path.line, np.nan)
        for column, lead in enumerate(names):
            last = column == len(names) - 1
            part = slice(edges[column], edges[column + 1] + last)
            nodes = slice(NODES * edges[column], NODES * edges[column + 1] + last)
            x, y = places[nodes], line[nodes]
            if not np.isfinite(y).any():
                continue
            traces.append(
                Trace(
                    lead=lead,
                    x=x / FLAT,
                    y=-(y - float(np.nanmedian(y))) / FLAT,
                    confidence=float(
                        np.mean(
                            np.isfinite(path.y[part]) & (path.confidence[part] > _PEN_CONFIDENT)
                        )
                    ),
                    row=number,
                    column=column,
                    rhythm=len(names) == 1 and columns > 1,
                    line=_on_picture(x + found.left, y, flat, found.turns),
                )
            )
    traces = _with_known_rhythm(traces)
    return traces, "picture" if arrangement.seen >= 0.5 else "given" if given else "layout"


_FITS = 0.6
"""Correlation from which a rhythm row may be the lead that it is said to be; `judge` decides."""


def _with_known_rhythm(traces: list[Trace]) -> list[Trace]:
    """Name the rhythm rows that fit a lead above them; leave out those that fit none."""
    kept = [trace for trace in traces if not trace.rhythm]
    for row in (trace for trace in traces if trace.rhythm):
        fits = sorted(
            ((likeness(row, trace), trace.lead) for trace in kept if not trace.rhythm),
            reverse=True,
        )
        own = [fit for fit, lead in fits if lead == row.lead]
        if row.lead != "?" and (not own or own[0] > _FITS):
            kept.append(row)
        elif len(fits) > 1 and fits[0][0] > 0.97 and fits[0][0] - fits[1][0] > 0.01:
            # Seen amiss or not at all: ten seconds of the same beats say more than one word.
            kept.append(replace(row, lead=fits[0][1]))
    return sorted(kept, key=lambda trace: (trace.row, trace.column))


def likeness(long: Trace, short: Trace) -> float:
    """Return the correlation of a trace with the same stretch of a longer one."""
    known = np.isfinite(short.y)
    whole = np.isfinite(long.y)
    if known.sum() < 100 or whole.sum() < 100:
        return 0.0
    best = 0.0
    for late in np.arange(-1.5, 1.55, 0.1):
        other = np.interp(short.x[known] + late, long.x[whole], long.y[whole])
        if np.ptp(other) > 0 and np.ptp(short.y[known]) > 0:
            best = max(best, float(np.corrcoef(short.y[known], other)[0, 1]))
    return best


def _on_picture(x: np.ndarray, y: np.ndarray, flat: FlatPage, turns: int) -> np.ndarray:
    """Return where points of the turned flat page lie in the picture."""
    rows, columns = flat.map_x.shape
    known = np.isfinite(y)
    line = np.full((len(x), 2), np.nan)
    px, py = x[known].astype(float), y[known]
    if turns == 1:
        px, py = py, rows - 1 - px
    elif turns == 2:
        px, py = columns - 1 - px, rows - 1 - py
    elif turns == 3:
        px, py = columns - 1 - py, px
    left = np.clip(px.astype(int), 0, columns - 2)
    top = np.clip(py.astype(int), 0, rows - 2)
    dx, dy = px - left, py - top
    for axis, plane in enumerate((flat.map_x, flat.map_y)):
        upper = plane[top, left] * (1 - dx) + plane[top, left + 1] * dx
        lower = plane[top + 1, left] * (1 - dx) + plane[top + 1, left + 1] * dx
        line[known, axis] = upper * (1 - dy) + lower * dy
    return line


def _named_rows(traces: list[Trace]) -> list[list[str]]:
    rows: dict[int, list[str]] = {}
    for trace in traces:
        rows.setdefault(trace.row, []).append(trace.lead)
    return [rows[number] for number in sorted(rows)]
