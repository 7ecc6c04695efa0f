"""Tell an image's arrangement of leads from its rows and the names beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekg.records.record import LEADS
from ekg.strips.flatten import FLAT
from ekg.strips.layout import Layout, layouts
from ekg.strips.names import NAMES
from ekg.strips.rows import Row
from ekg.strips.words import Word

_BEFORE, _AFTER = 9.0, 16.0
"""Millimetres from a column's beginning within which its lead's name begins."""
_ABOVE, _BELOW = 16.0, 14.0
"""Millimetres from a row's line within which the name stands."""
_LEAST = 0.02
"""Chance that is taken where no name is seen."""


@dataclass(frozen=True)
class Arrangement:
    """Which lead each row shows in each column."""

    layout: Layout
    names: tuple[tuple[str, ...], ...]
    """As the layout's, rhythm rows named (`?` where no name was seen)."""
    score: float
    """Mean log-chance of the names."""
    margin: float
    """Difference to the next best arrangement."""
    seen: float
    """Share of the names that were seen."""


def arrange(
    rows: list[Row], left: float, right: float, words: list[Word], wanted: Layout | None
) -> Arrangement | None:
    """Return the arrangement that the names fit best, None where no layout has so many rows."""
    found = []
    for layout in [wanted] if wanted is not None else layouts():
        if len(layout.rows) != len(rows):
            continue
        found.append(_fit(layout, rows, left, right, words))
    if not found:
        return None
    found.sort(key=lambda one: -one.score)
    margin = found[0].score - found[1].score if len(found) > 1 else 9.0
    best = found[0]
    return Arrangement(best.layout, best.names, best.score, margin, best.seen)


def _fit(
    layout: Layout, rows: list[Row], left: float, right: float, words: list[Word]
) -> Arrangement:
    logs, seen, names = [], 0, []
    for row, leads in zip(rows, layout.rows, strict=True):
        width = (right - left) / len(leads)
        own = []
        for column, lead in enumerate(leads):
            near = _near(words, row, rows, left + column * width)
            if lead == "*":
                name, chance = _any_lead(near)
                own.append(name)
                logs.append(0.5 * np.log(max(chance, 5 * _LEAST)))
                continue
            chance = max((word.chance(lead) for word in near), default=0.0)
            against = max((_best_other(word, lead) for word in near), default=0.0)
            seen += chance > 0.5
            own.append(lead)
            logs.append(float(np.log(max(chance, _LEAST if against > 0.6 else 3 * _LEAST))))
        names.append(tuple(own))
    cells = sum(len(leads) for leads in layout.rows if leads != ("*",))
    return Arrangement(layout, tuple(names), float(np.mean(logs)), 0.0, seen / max(cells, 1))


def _near(words: list[Word], row: Row, rows: list[Row], x: float) -> list[Word]:
    """Return the words that may name the lead that begins at `x` in a row."""
    near = []
    for word in words:
        if not x - _BEFORE * FLAT < word.left < x + _AFTER * FLAT:
            continue
        off = word.middle - row.y
        if -_ABOVE * FLAT < off < _BELOW * FLAT:
            near.append(word)
    return near


def _any_lead(near: list[Word]) -> tuple[str, float]:
    best = ("?", 0.0)
    for word in near:
        for lead in LEADS:
            if word.chance(lead) > max(best[1], 0.5):
                best = (lead, word.chance(lead))
    return best


def _best_other(word: Word, lead: str) -> float:
    return max(
        float(chance)
        for name, chance in zip(NAMES, word.chances, strict=True)
        if name not in (lead, "other")
    )
