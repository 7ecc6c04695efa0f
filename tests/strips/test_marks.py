"""Pulses, bars and strokes that two rows share, on drawn ink."""

from __future__ import annotations

import numpy as np

from ekg.strips.clean import tick_mask
from ekg.strips.flatten import FLAT
from ekg.strips.pulses import find_pulses
from ekg.strips.rows import Row
from ekg.strips.shared import taken_away

WIDTH, HEIGHT = 1000, 500
PULSE_FOOT = 240


def _page(*heights: int) -> tuple[np.ndarray, list[Row]]:
    ink = np.zeros((HEIGHT, WIDTH), dtype=np.float32)
    rows = []
    for y in heights:
        ink[y - 1 : y + 1, 60:950] = 1.0
        rows.append(Row(y, 60, 949, np.full(WIDTH, y)))
    return ink, rows


def _draw_pulse(ink: np.ndarray, left: int, foot: int, height_mm: float) -> None:
    top = foot - round(height_mm * FLAT)
    ink[top : foot + 1, left : left + 2] = 1.0
    ink[top : foot + 1, left + 30 : left + 32] = 1.0
    ink[top : top + 2, left : left + 32] = 1.0


def test_a_pulse_that_stands_between_two_rows_is_found_with_its_whole_height() -> None:
    for height in (5.0, 10.0):
        ink, rows = _page(150, 350)
        _draw_pulse(ink, 20, PULSE_FOOT, height)
        found = find_pulses(ink, rows)
        assert found
        assert all(abs(pulse.height - height) < 0.5 for pulse in found)
        assert all(abs(pulse.foot - PULSE_FOOT) <= 4 for pulse in found)


def test_a_row_without_a_pulse_has_none() -> None:
    ink, rows = _page(150, 350)
    assert find_pulses(ink, rows) == []


def test_bars_are_masked_where_they_stand_and_what_runs_beside_them_is_not() -> None:
    ink, rows = _page(150, 350)
    borders = [round(60 + 889 * k / 4) for k in (1, 2, 3)]
    for border in borders:
        for row in rows:
            ink[row.y - 24 : row.y + 24, border : border + 5] = 1.0
    ink[100:150, borders[0] + 9 : borders[0] + 11] = 1.0
    mask = tick_mask(ink, rows, 2.0, 60, 949)
    for border in borders:
        assert all(mask[row.y - 20, border : border + 5].all() for row in rows)
    assert not mask[100:150, borders[0] + 9 : borders[0] + 11].any()


def test_a_stroke_between_two_lines_belongs_to_the_row_at_its_wider_end() -> None:
    for upper_owns in (True, False):
        ink, rows = _page(100, 300)
        for y in range(100, 301):
            share = (y - 100) / 200 if upper_owns else (300 - y) / 200
            spread = round(8 * (1 - share))
            ink[y, 500 - spread : 502 - spread] = 1.0
            ink[y, 500 + spread : 502 + spread] = 1.0
        above, below = taken_away(ink, rows)
        assert below[200].any() == upper_owns
        assert above[200].any() == (not upper_owns)
