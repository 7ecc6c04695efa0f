"""Where the electrodes sit: now and then in a wrong place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ekg.simulator.leads import ELECTRODES

_SWAPS: tuple[tuple[str, str], ...] = (
    ("RA", "LA"),
    ("LA", "LL"),
    ("V1", "V2"),
    ("V2", "V3"),
    ("V4", "V5"),
    ("V5", "V6"),
)
_SWAP_CHANCE = 0.015
_RAISED_CHANCE = 0.07


@dataclass(frozen=True)
class Placement:
    """How the electrodes of one recording are placed.

    Parameters
    ----------
    swapped
        Two of `ELECTRODES` whose cables are exchanged, or None.
    raised
        How far V1 and V2 sit too high, in intercostal spaces.
    """

    swapped: tuple[str, str] | None = None
    raised: float = 0.0

    def field(self, field: np.ndarray) -> np.ndarray:
        """Return the lead vectors, shape (8, 3), with V1 and V2 where they really are.

        From higher up the heart's vectors look more downward: each space turns the lead vector
        up (y falls) and takes some of its strength.
        """
        if not self.raised:
            return field
        moved = field.copy()
        chest = moved[2:4]
        length = np.linalg.norm(chest, axis=1)
        chest *= 1 - 0.12 * self.raised
        chest[:, 1] -= 0.28 * self.raised * length
        return moved

    def order(self) -> np.ndarray:
        """Return which true electrode each cable of `ELECTRODES` is connected to, shape (9,)."""
        order = np.arange(len(ELECTRODES))
        if self.swapped:
            first, second = (ELECTRODES.index(name) for name in self.swapped)
            order[[first, second]] = order[[second, first]]
        return order


def draw_placement(generator: np.random.Generator) -> Placement:
    """Draw a placement; cables are swapped in about 0.4 to 4 % of recordings (Rudiger 2007)."""
    swap, raised = generator.random(2)
    pair = _SWAPS[int(generator.integers(len(_SWAPS)))]
    height = float(generator.uniform(0.5, 2.0))
    return Placement(
        swapped=pair if swap < _SWAP_CHANCE else None,
        raised=height if raised < _RAISED_CHANCE else 0.0,
    )
