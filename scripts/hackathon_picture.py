"""Draw the hackathon's picture of a record, as drawn and as the network sees it, side by side.

    python scripts/hackathon_picture.py docs/img/hackathon_picture.png [RECORD]

Without a record (a WFDB header) a simulated one is drawn.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from ekg.files import atomic_path
from ekg.hackathon.images import SECONDS, HackathonPainter
from ekg.records.record import read_record
from ekg.simulator import simulate_record

_RATE = 1000


def main(target: str, record: str | None = None) -> None:
    """Write the two images beside each other."""
    if record is None:
        signal = simulate_record(
            "hackathon", 44, ("LBBB",), sampling_frequency=_RATE, seconds=SECONDS
        )[0]
    else:
        signal = read_record(record, _RATE).signal[:, : round(SECONDS * _RATE)]
    painter = HackathonPainter(_RATE)
    large, small = painter.draw_large(signal), painter.draw(signal)
    sheet = np.full((large.shape[0], large.shape[1] + 20 + small.shape[1], 3), 255, np.uint8)
    sheet[:, : large.shape[1]] = large
    sheet[: small.shape[0], -small.shape[1] :] = small
    with atomic_path(Path(target)) as temporary:
        Image.fromarray(sheet).quantize(256).save(temporary, format="PNG", optimize=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
