"""Squares of flattened pages with the exact coverage by trace, text and marks."""

from __future__ import annotations

import numpy as np

from ekg.seeds import generator_for
from ekg.strips.segment import RESOLUTION, grey_and_chroma
from ekg.strips.simulate import SimulatedPage, simulate_page
from ekg.strips.simulate.effects import stretched
from ekg.strips.simulate.printing import print_layers
from ekg.strips.simulate.warping import flat_nodes, flat_size, through_mesh, to_flat

SIDE = 256
"""Pixels of a square."""
CHANNELS = ("grey", "chroma", "trace", "text", "mark", "seen")
FINEST = 7.0
"""Pixels a mm of a training page, at most: what is finer is lost when it is flattened."""
MARGIN = 12.0
"""mm around the sheet: a reader's flat page shows some of the desk too."""
_STEP = 18
_PHASE_ERROR, _LOCAL_ERROR = 0.03, 0.04
"""mm: errors of the grid that a reader makes, over the page and from place to place."""


def flattened(page: SimulatedPage, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Flatten a page as a reader does, with a small error of its grid.

    Returns
    -------
    flat : ndarray
        uint8 of shape (H, W, 3), 6 pixels a mm: the sheet and `MARGIN` mm around it.
    layers : ndarray
        uint8 of shape (4, H, W): coverage by trace, text and marks where the flattened image
        shows them, and 255 where the image shows something.
    """
    sheet = page.plan.sheet
    size = flat_size(sheet, RESOLUTION, MARGIN)
    nodes = flat_nodes(size, _STEP)
    shape = nodes.shape[1::-1]
    shift = np.stack(
        [
            _LOCAL_ERROR * stretched(generator.standard_normal((4, 5)), shape)
            + generator.normal(0, _PHASE_ERROR)
            for _ in range(2)
        ],
        axis=-1,
    )
    image = np.concatenate([page.image, _visible(page)[:, :, None]], axis=2)
    flat = to_flat(image, page.page_map, sheet, RESOLUTION, shift, _STEP, MARGIN)
    clean = print_layers(page.plan, RESOLUTION)
    places = nodes / RESOLUTION - MARGIN + shift
    inks = np.stack([clean.trace, clean.text, clean.marks], axis=-1)
    layers = through_mesh(inks, places * RESOLUTION, _STEP, size)
    if any(effect.name == "pen" for effect in page.effects):
        written = through_mesh(page.layers.text, places * page.layers.resolution, _STEP, size)
        layers = np.stack([layers[:, :, 0], written, layers[:, :, 2]], axis=-1)
    layers = np.concatenate([layers, flat[:, :, 3:]], axis=2).transpose(2, 0, 1)
    return np.ascontiguousarray(flat[:, :, :3]), layers


def _visible(page: SimulatedPage) -> np.ndarray:
    """Return 255 where an image shows the page and no finger."""
    visible = np.full(page.image.shape[:2], 255, dtype=np.uint8)
    for effect in page.effects:
        if effect.name == "fingers" and effect.field is not None:
            visible[stretched(effect.field, page.size) > 0.3] = 0
    return visible


def squares(
    name: str, seed: int, count: int, *, held_out: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Cut squares from one page.

    Returns
    -------
    squares : ndarray
        uint8 of shape (count, 6, 256, 256): `CHANNELS`.
    corners : ndarray
        float32 of shape (count, 2): mm from a crossing of bold lines to each square's corner.
    """
    page = simulate_page(name, seed, held_out=held_out, finest=FINEST)
    generator = generator_for(seed, f"page/{name}/squares")
    flat, layers = flattened(page, generator)
    whole = np.concatenate([grey_and_chroma(flat), layers])
    out = np.empty((count, len(CHANNELS), SIDE, SIDE), dtype=np.uint8)
    corners = np.empty((count, 2), dtype=np.float32)
    height, width = whole.shape[1:]
    for number in range(count):
        for _ in range(20):
            top = int(generator.integers(0, height - SIDE + 1))
            left = int(generator.integers(0, width - SIDE + 1))
            part = whole[:, top : top + SIDE, left : left + SIDE]
            # Most squares hold ink, all of them show the page.
            inked = (part[2:5] > 128).any(axis=0).mean()
            wanted = 0.01 if number < 0.85 * count and page.subject == "ekg" else -1.0
            if inked > wanted and part[5].mean() > 150:
                break
        out[number] = part
        corners[number] = np.array([left, top]) / RESOLUTION - MARGIN - page.plan.grid.origin
    return out, corners
