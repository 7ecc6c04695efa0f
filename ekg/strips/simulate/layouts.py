"""Sixteen arrangements of leads on a page, and which of them are held out for testing."""

from __future__ import annotations

from dataclasses import dataclass

_LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
_CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
_CABRERA = ("aVL", "I", "-aVR", "II", "aVF", "III")


@dataclass(frozen=True)
class Layout:
    """Which lead is printed where.

    Rows and columns are those of the short segments; rhythm rows come below them and run over
    the whole width.
    """

    name: str
    columns: tuple[tuple[str, ...], ...]
    """Leads from top to bottom, one tuple a column; `-aVR` is aVR with its sign changed."""
    rhythm: tuple[tuple[str, ...], ...] = ((),)
    """The choices of rhythm leads, from top to bottom."""
    seconds: float = 2.5
    """Length of one column."""
    weight: float = 1.0
    """How often it is drawn."""
    held_out: bool = False
    """Whether only test pages have it."""

    @property
    def rows(self) -> int:
        """Rows of short segments."""
        return len(self.columns[0])

    @property
    def page_seconds(self) -> float:
        """Length of a row."""
        return self.seconds * len(self.columns)


def _blocks(leads: tuple[str, ...], size: int) -> tuple[tuple[str, ...], ...]:
    return tuple(leads[i : i + size] for i in range(0, len(leads), size))


_STANDARD, _FRONTAL = (*_LIMB, *_CHEST), (*_CABRERA, *_CHEST)
_ONE = (("II",), ("II",), ("II",), ("V1",), ("V5",))
_TWO = (("II", "V1"), ("V1", "II"), ("II", "V5"))
_THREE = (("V1", "II", "V5"), ("II", "V1", "V5"))

LAYOUTS: tuple[Layout, ...] = (
    Layout("3x4", _blocks(_STANDARD, 3), weight=3.0),
    Layout("3x4+1", _blocks(_STANDARD, 3), _ONE, weight=6.0),
    Layout("3x4+2", _blocks(_STANDARD, 3), _TWO, held_out=True),
    Layout("3x4+3", _blocks(_STANDARD, 3), _THREE, weight=2.0),
    Layout("6x2", _blocks(_STANDARD, 6), seconds=5.0, weight=2.0),
    Layout("6x2+1", _blocks(_STANDARD, 6), _ONE, seconds=5.0, held_out=True),
    Layout("12x1", _blocks(_STANDARD, 12), seconds=10.0, weight=2.0),
    Layout("6x1-limb", (_LIMB,), seconds=10.0),
    Layout("6x1-chest", (_CHEST,), seconds=10.0),
    Layout("cabrera-3x4", _blocks(_FRONTAL, 3)),
    Layout("cabrera-3x4+1", _blocks(_FRONTAL, 3), _ONE, held_out=True),
    Layout("cabrera-3x4+3", _blocks(_FRONTAL, 3), _THREE, weight=0.5),
    Layout("cabrera-6x2", _blocks(_FRONTAL, 6), seconds=5.0),
    Layout("cabrera-6x2+1", _blocks(_FRONTAL, 6), _ONE, seconds=5.0, weight=0.5),
    Layout("cabrera-12x1", _blocks(_FRONTAL, 12), seconds=10.0, held_out=True),
    Layout("cabrera-6x1-limb", (_CABRERA,), seconds=10.0, weight=0.5),
)

BY_NAME = {layout.name: layout for layout in LAYOUTS}
