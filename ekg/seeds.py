"""Random numbers from a stated seed and a thing's own name."""

from __future__ import annotations

import hashlib

import numpy as np


def generator_for(seed: int, name: str) -> np.random.Generator:
    """Return the random generator of one named thing.

    It depends on the seed and the name alone: not on order, worker count or what else there is.
    """
    digest = hashlib.sha256(f"{seed}/{name}".encode()).digest()
    return np.random.Generator(np.random.PCG64(int.from_bytes(digest[:16], "little")))
