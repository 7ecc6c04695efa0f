"""Which lead stands where: lead names, the usual arrangements and how a page is told from them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ekg.records.record import LEADS

LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
CABRERA = ("aVL", "I", "-aVR", "II", "aVF", "III")

_NAMES = {name.lower(): name for name in (*LEADS, "-aVR")} | {
    f"c{number}": f"V{number}" for number in range(1, 7)
}
_OTHERS = re.compile(r"v([1-6]r|[789]r?)|[xyz]")


@dataclass(frozen=True)
class Layout:
    """Names of the leads by row and column, rhythm rows below."""

    name: str
    rows: tuple[tuple[str, ...], ...]

    @property
    def columns(self) -> int:
        """Number of columns of the rows that are no rhythm rows."""
        return len(self.rows[0])


def lead_of(text: str) -> str | None:
    """Return the lead that a word names; `?` for a lead that is not of the twelve, else None."""
    word = re.sub(r"[\s ]+", "", text).strip(".:").replace("−", "-").lower()
    word = re.sub(r"^(lead|abl\.?)(?=.)", "", word)
    if word in _NAMES:
        return _NAMES[word]
    return "?" if _OTHERS.fullmatch(word) else None


def _grid(names: tuple[str, ...], rows: int) -> tuple[tuple[str, ...], ...]:
    return tuple(names[row::rows] for row in range(rows))


def layouts() -> list[Layout]:
    """Return the usual arrangements, rhythm rows not named (`*` stands for any lead)."""
    found = []
    for order, label in ((LIMB, ""), (CABRERA, "-cabrera")):
        names = (*order, *CHEST)
        for rhythm in range(4):
            plus = f"+{rhythm}" if rhythm else ""
            found.append(Layout(f"3x4{plus}{label}", _grid(names, 3) + (("*",),) * rhythm))
        for rhythm in range(2):
            plus = f"+{rhythm}" if rhythm else ""
            found.append(Layout(f"6x2{plus}{label}", _grid(names, 6) + (("*",),) * rhythm))
        found.append(Layout(f"12x1{label}", _grid(names, 12)))
        found.append(Layout(f"6x1-limb{label}", _grid(order, 6)))
    found.append(Layout("6x1-chest", _grid(CHEST, 6)))
    return found


def layout_named(name: str) -> Layout | None:
    """Return the arrangement that `--layout` names."""
    return next((layout for layout in layouts() if layout.name == name), None)


def describe(rows: list[list[str]]) -> str:
    """Return the name of the arrangement that has these names, `RxC` for any other.

    Rhythm rows are those at the bottom that hold one lead where the others hold several.
    """
    for layout in layouts():
        if len(layout.rows) == len(rows) and all(
            (wanted == ("*",) and len(row) == 1) or list(wanted) == row
            for wanted, row in zip(layout.rows, rows, strict=True)
        ):
            return layout.name
    widest = max((len(row) for row in rows), default=0)
    full = sum(len(row) == widest for row in rows)
    plus = f"+{len(rows) - full}" if len(rows) > full else ""
    return f"{full}x{widest}{plus}"
