"""Plain random mutation, for platforms without the coverage-guided engine."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

from campaigns.fuzzing.case import Target

_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)


def inputs(target: Target, seed: int, extra: list[bytes]) -> Iterator[bytes]:
    """Yield the sound inputs, then one to six random changes of one of them, without end."""
    generator = random.Random(f"{seed}/{target.name}")
    pool = target.seeds() + extra
    yield from pool
    while True:
        data = bytearray(generator.choice(pool))
        for _ in range(generator.randint(1, 6)):
            _change(data, generator, target, pool)
        yield bytes(data[: target.longest])


def _change(data: bytearray, generator: random.Random, target: Target, pool: list[bytes]) -> None:
    place = generator.randrange(len(data) + 1)
    length = min(generator.choice((1, 2, 4, 8, 32, 200)), len(data) - place)
    match generator.randrange(8):
        case 0 if place < len(data):
            data[place] ^= 1 << generator.randrange(8)
        case 1:
            data[place : place + length] = generator.randbytes(length)
        case 2:
            del data[place : place + length]
        case 3:
            data[place:place] = data[place : place + length] * generator.randint(1, 20)
        case 4:
            form = generator.choice(("<H", ">H", "<I", ">I"))
            number = generator.choice(_NUMBERS) & (0xFFFF if form[1] == "H" else 0xFFFFFFFF)
            value = struct.pack(form, number)
            data[place : place + len(value)] = value
        case 5 if target.tokens:
            token = generator.choice(target.tokens)
            data[place : place + generator.choice((0, len(token)))] = token
        case 6:
            other = generator.choice(pool)
            data[place:] = other[generator.randrange(len(other) + 1) :]
        case _:
            del data[place:]
