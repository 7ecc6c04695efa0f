"""Which findings and length a record has, from the seed and its name alone."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from ekg.errors import ConfigError
from ekg.records.diagnoses import BY_ABBREVIATION, CLASSES, ECTOPY
from ekg.seeds import generator_for

BLOCK = 100
"""Records S0001-S0100, S0101-S0200, ... each hold the whole mix once."""

_ROUNDS = 13
_EXTRA: tuple[str, ...] = ("PAC",) * 3 + ("PVC",) * 3 + ("several",) * 3

SEVERAL: tuple[tuple[str, ...], ...] = (
    ("RBBB", "AF"),
    ("RBBB", "I-AVB"),
    ("LBBB", "AF"),
    ("LBBB", "I-AVB"),
    ("RBBB", "PAC"),
    ("RBBB", "PVC"),
    ("STD", "AF"),
    ("STD", "PVC"),
    ("AF", "PVC"),
    ("I-AVB", "PAC"),
)
"""Combinations that multi-label records have."""


def record_name(number: int) -> str:
    """Return the name of record `number`, counted from 1: S0001, ..., S9999, S10000."""
    return f"S{number:04d}"


def diagnoses_of(
    name: str, seed: int = 44, classes: Sequence[str] | None = None
) -> tuple[str, ...]:
    """Return the diagnoses of the record of that name."""
    choice = check_classes(classes)
    number = re.search(r"(\d+)$", name)
    place = int(number.group(1)) - 1 if number else 0
    prefix = name[: number.start()] if number else name
    block, within = divmod(place, BLOCK)
    generator = generator_for(seed, f"simulate/mix/{prefix}/{block}")
    if choice is None:
        kinds = _block(generator)
    else:
        rounds = [generator.permutation(len(choice)) for _ in range(-(-BLOCK // len(choice)))]
        kinds = [choice[i] for i in np.concatenate(rounds)]
    kind = kinds[within]
    if kind == "several":
        own = generator_for(seed, f"simulate/several/{name}")
        return SEVERAL[int(own.integers(len(SEVERAL)))]
    return (kind,)


def check_classes(classes: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the classes in the table's order; refuse unknown ones."""
    if not classes:
        return None
    known = (*CLASSES, *ECTOPY)
    unknown = [name for name in classes if name not in BY_ABBREVIATION]
    if unknown:
        raise ConfigError(
            f"option --classes: {', '.join(unknown)} cannot be simulated",
            remedy=f"choose from {', '.join(known)}",
        )
    return tuple(name for name in known if name in classes)


def _block(generator: np.random.Generator) -> list[str]:
    kinds = [CLASSES[i] for _ in range(_ROUNDS) for i in generator.permutation(len(CLASSES))]
    for extra in generator.permutation(np.array(_EXTRA)):
        kinds.insert(int(generator.integers(len(kinds) + 1)), str(extra))
    return kinds


def seconds_of(generator: np.random.Generator) -> float:
    """Draw a recording's length in seconds: mostly 10, 6 to 60, as in CPSC 2018."""
    kind = generator.random()
    if kind < 0.50:
        return 10.0
    if kind < 0.54:
        return float(generator.integers(3000, 5000)) / 500
    if kind < 0.90:
        return float(generator.integers(5000, 9000)) / 500
    return float(np.exp(generator.uniform(np.log(18), np.log(60))))
