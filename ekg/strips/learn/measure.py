"""How well the two networks do on words and pages that no training has seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ekg.strips.learn.name_data import stacked
from ekg.strips.learn.segment_samples import squares
from ekg.strips.names import NAMES
from ekg.strips.segment import CLASSES, network_inputs
from ekg.strips.session import open_session

_TEST_SEED = 1001
"""Training has its own seeds, so no word and no page is in both."""


def measure_names(path: Path, words: int = 2000) -> dict[str, float]:
    """Return the share of words that are named right.

    `known_fonts` and `new_fonts` count lead names and other words alike; `wrong_name` is the share
    of all words of new fonts that are given a name with a probability of 0.9 or more, wrongly.
    """
    session, result = open_session(path), {}
    for kind, held_out in (("known_fonts", False), ("new_fonts", True)):
        ink, size, label = stacked(
            [str(number) for number in range(words)], _TEST_SEED, held_out=held_out
        )
        inputs = np.empty((words, 2, *ink.shape[1:]), dtype=np.float32)
        inputs[:, 0], inputs[:, 1] = ink / np.float32(255), size[:, None, None]
        (logits,) = session.run(None, {"ink": inputs})
        chosen = logits.argmax(axis=1)
        result[kind] = float((chosen == label).mean())
    sure = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)).max(axis=1) >= 0.9
    named = chosen != NAMES.index("other")
    result["wrong_name"] = float((sure & named & (chosen != label)).mean())
    return result


def measure_segment(path: Path, pages: int = 16, count: int = 4) -> dict[str, float]:
    """Return how well pixels of pages of held-out machines are classified.

    For each class `precision`, `recall` and their harmonic mean `f1`, of pixels at least half
    covered against pixels whose class is the most probable one.
    """
    session = open_session(path)
    right = np.zeros(len(CLASSES))
    found, wanted = np.zeros(len(CLASSES)), np.zeros(len(CLASSES))
    for number in range(pages):
        parts, corners = squares(f"H{number:03d}", _TEST_SEED, count, held_out=True)
        for part, corner in zip(parts, corners, strict=True):
            inputs = network_inputs(part[:2], (float(corner[0]), float(corner[1])))
            (logits,) = session.run(None, {"page": inputs[None]})
            chosen, seen = logits[0].argmax(axis=0), part[5] > 200
            truth = np.full(chosen.shape, CLASSES.index("background"))
            for name in ("mark", "text", "trace"):
                truth[part[2 + CLASSES.index(name)] >= 128] = CLASSES.index(name)
            for one in range(len(CLASSES)):
                right[one] += (seen & (chosen == one) & (truth == one)).sum()
                found[one] += (seen & (chosen == one)).sum()
                wanted[one] += (seen & (truth == one)).sum()
    result = {}
    for one, name in enumerate(CLASSES[:3]):
        precision, recall = right[one] / max(found[one], 1), right[one] / max(wanted[one], 1)
        result[f"{name}_precision"], result[f"{name}_recall"] = float(precision), float(recall)
        result[f"{name}_f1"] = float(2 * precision * recall / max(precision + recall, 1e-9))
    return result
