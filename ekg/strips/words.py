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
