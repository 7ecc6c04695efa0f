"""Draw a sheet of simulated pages: one of each kind, some of held-out machines, one no EKG.

    python scripts/strips_sheet.py [--out docs/img/simulated_pages.jpg] [--seed 44]

Above, whole pages; below, a part of each at its own resolution.
"""

from __future__ import annotations

import argparse
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from ekg.files import atomic_open
from ekg.progress import Progress
from ekg.strips.simulate import SimulatedPage, simulate_page
from ekg.strips.simulate.kinds import KINDS

ROOT = Path(__file__).resolve().parent.parent
_PAGE, _DETAIL = (380, 270), (380, 200)


def pages(seed: int) -> list[SimulatedPage]:
    """Return the pages shown: each kind twice, every second one of a held-out machine."""
    made = []
    with Progress(2 * len(KINDS), "simulating", "page") as progress:
        for number in range(2):
            for kind in KINDS:
                name = f"sheet-{kind.name}-{number}"
                made.append(
                    simulate_page(name, seed, kind=kind.name, held_out=number == 1, subject="ekg")
                )
                progress.update()
    return made


def detail(page: SimulatedPage) -> Image.Image:
    """Return a part of the image around a trace in the middle of the page."""
    segment = page.plan.segments[len(page.plan.segments) // 2]
    point = segment.points[len(segment.points) // 3][None]
    x, y = page.page_map.to_pixel(point)[0]
    left = int(np.clip(x - _DETAIL[0] / 2, 0, max(page.size[0] - _DETAIL[0], 0)))
    top = int(np.clip(y - _DETAIL[1] / 2, 0, max(page.size[1] - _DETAIL[1], 0)))
    part = page.image[top : top + _DETAIL[1], left : left + _DETAIL[0]]
    return Image.fromarray(part)


def sheet(made: list[SimulatedPage], columns: int = 4) -> Image.Image:
    """Return all pages and their parts on one image."""
    rows = -(-len(made) // columns)
    cell = _PAGE[0] + 8, _PAGE[1] + _DETAIL[1] + 12
    image = Image.new("RGB", (columns * cell[0], rows * cell[1]), "white")
    for number, page in enumerate(made):
        x, y = number % columns * cell[0], number // columns * cell[1]
        small = Image.fromarray(page.image)
        small.thumbnail(_PAGE, Image.Resampling.LANCZOS)
        image.paste(small, (x + (_PAGE[0] - small.width) // 2, y + _PAGE[1] - small.height))
        image.paste(detail(page), (x, y + _PAGE[1] + 4))
    return image


def main() -> None:
    """Draw the sheet, as a JPEG of less than 400 kB."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "docs/img/simulated_pages.jpg")
    parser.add_argument("--seed", type=int, default=44)
    arguments = parser.parse_args()
    image = sheet(pages(arguments.seed))
    for quality in range(85, 20, -5):
        stream = io.BytesIO()
        image.save(stream, "JPEG", quality=quality)
        if stream.tell() < 390_000:
            break
    with atomic_open(arguments.out, "wb") as target:
        target.write(stream.getvalue())
    print(f"{arguments.out}: {stream.tell() / 1000:.0f} kB, quality {quality}")


if __name__ == "__main__":
    main()
