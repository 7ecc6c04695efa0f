"""Find the lead names on a flat page: pieces of ink of a word's size, told by a small network."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from ekg.strips.flatten import FLAT
from ekg.strips.names import NAMES, classify_names
from ekg.strips.rows import STROKE

_LETTER = (0.9, 6.0)
"""Millimetres: least and largest height of a letter."""
_WIDEST = 11.0
_GAP = 1.1
_MOST = 400


@dataclass(frozen=True)
class Word:
    """A piece of ink that may be a lead's name; pixels of the flat page."""

    left: int
    right: int
    top: int
    bottom: int
    chances: np.ndarray
    """Probability of each of `NAMES`."""

    @property
    def middle(self) -> float:
        """Height of its middle."""
        return 0.5 * (self.top + self.bottom)

    def chance(self, lead: str) -> float:
        """Return the probability that it names a lead."""
        return float(self.chances[NAMES.index(lead)])


def find_words(strength: np.ndarray, top: float, bottom: float) -> list[Word]:
    """Return the words between two heights that are probably lead names.

    Parameters
    ----------
    strength
        Ink without the traces.
    top, bottom
        Pixels.
    """
    first, last = max(0, round(top)), min(strength.shape[0], round(bottom))
    part = strength[first:last]
    labels, _ = ndimage.label(part > STROKE, np.ones((3, 3)))
    boxes = []
    for box in ndimage.find_objects(labels):
        height, width = box[0].stop - box[0].start, box[1].stop - box[1].start
        if _LETTER[0] * FLAT <= height <= _LETTER[1] * FLAT and width <= _WIDEST * FLAT:
            boxes.append((box[1].start, box[1].stop, box[0].start, box[0].stop))
    groups = _words(boxes)[:_MOST]
    crops = [part[max(0, t - 1) : b + 1, max(0, x - 1) : r + 1] for x, r, t, b in groups]
    if not crops:
        return []
    chances = classify_names(crops)
    other = NAMES.index("other")
    return [
        Word(x, r, first + t, first + b, chance)
        for (x, r, t, b), chance in zip(groups, chances, strict=True)
        if chance[other] < 0.9
    ]


def _words(boxes: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    """Join letters that stand beside each other."""
    words: list[tuple[int, int, int, int]] = []
    for box in sorted(boxes):
        for index, word in enumerate(words):
            overlap = min(word[3], box[3]) - max(word[2], box[2])
            least = min(word[3] - word[2], box[3] - box[2])
            gap = box[0] - word[1]
            joined_width = max(word[1], box[1]) - word[0]
            if overlap > 0.5 * least and gap < _GAP * FLAT and joined_width < _WIDEST * FLAT:
                words[index] = (
                    min(word[0], box[0]),
                    max(word[1], box[1]),
                    min(word[2], box[2]),
                    max(word[3], box[3]),
                )
                break
        else:
            words.append(box)
    return words


_LIKE = 1.6
"""Millimetres by which names may lie off their usual place beside the row's line."""


@dataclass(frozen=True)
class NamePlace:
    """Where on a page names stand: from a column's beginning and a row's line, in pixels."""

    right: float
    down: float
    height: float
    width: float
    density: float
    """Share of a name's box that is ink."""


def usual_place(
    words: list[Word], lines: list[float], borders: list[float], strength: np.ndarray
) -> NamePlace | None:
    """Return where most names stand; None where fewer than four agree.

    Parameters
    ----------
    words
        That are probably names.
    lines
        Height of each row.
    borders
        Where columns may begin.
    strength
        Ink.
    """
    offsets = [
        (word.left - border, word.middle - line, number)
        for number, word in enumerate(words)
        for border in borders
        for line in lines
        if -9 * FLAT < word.left - border < 16 * FLAT and abs(word.middle - line) < 16 * FLAT
    ]
    best: list[tuple[float, float, int]] = []
    for one in offsets:
        near = [other for other in offsets if _close(one, other)]
        if len({other[2] for other in near}) > len({other[2] for other in best}):
            best = near
    members = sorted({one[2] for one in best})
    if len(members) < 4:
        return None
    right, down = np.median(np.array([one[:2] for one in best]), axis=0)
    boxes = [
        (slice(words[n].top, words[n].bottom), slice(words[n].left, words[n].right))
        for n in members
    ]
    return NamePlace(
        right=float(right),
        down=float(down),
        height=float(np.median([words[n].bottom - words[n].top for n in members])),
        width=float(max(words[n].right - words[n].left for n in members)),
        density=float(np.median([(strength[box] > STROKE).mean() for box in boxes])),
    )


def _close(one: tuple[float, float, int], other: tuple[float, float, int]) -> bool:
    return abs(one[0] - other[0]) < _LIKE * FLAT and abs(one[1] - other[1]) < _LIKE * FLAT


def stands_at(word: Word, place: NamePlace, lines: list[float], borders: list[float]) -> bool:
    """Return whether a word stands where the page's names stand."""
    return any(
        _close((word.left - border, word.middle - line, 0), (place.right, place.down, 0))
        for border in borders
        for line in lines
    )


_WORDY = 0.6
"""Share of the usual name's ink that must be where a name should stand and was not found."""


def missing_boxes(
    words: list[Word],
    place: NamePlace,
    lines: list[float],
    borders: list[float],
    strength: np.ndarray,
) -> list[tuple[slice, slice]]:
    """Return where names should stand, none was found and as much ink is: a trace touches them."""
    boxes = []
    for line in lines:
        for border in borders:
            x, y = border + place.right, line + place.down
            if any(_close((w.left - x, w.middle - y, 0), (0.0, 0.0, 0)) for w in words):
                continue
            top, left = round(y - 0.5 * place.height) - 1, round(x) - 1
            rows = slice(max(0, top), top + round(place.height) + 2)
            two_letters = slice(max(0, left), left + round(1.6 * place.height) + 2)
            third = slice(two_letters.stop, left + round(place.width) + 2)
            if _filled(strength[rows, two_letters]) > _WORDY * place.density:
                wide = _filled(strength[rows, third]) > _WORDY * place.density
                end = third.stop if wide else two_letters.stop
                boxes.append((rows, slice(two_letters.start, end)))
    return boxes


def _filled(part: np.ndarray) -> float:
    return float((part > STROKE).mean()) if part.size else 0.0
