"""What happens to the sheet itself: fading, stains, pen, folds' shading, patchy ink."""

from __future__ import annotations

import numpy as np

from ekg.strips.simulate.drawing import Canvas
from ekg.strips.simulate.effects import Effect, coarse_grid, smooth, stretched
from ekg.strips.simulate.geometry import Relief


def fading(generator: np.random.Generator, size: tuple[int, int], least: float) -> Effect:
    """Fade the ink: evenly, and more in some places, down to `least` of its strength."""
    field = smooth(generator, (max(size[0] // 8, 2), max(size[1] // 8, 2)), 4)
    even = generator.uniform(least, 1.0)
    strength = np.clip(even + 0.15 * generator.uniform(0, 1) * field, least, 1.0)
    return Effect("fading", {"least": round(float(strength.min()), 3)}, strength)


def patchy_ink(generator: np.random.Generator, size: tuple[int, int], share: float) -> np.ndarray:
    """Return the strength of ink that a rough sheet takes unevenly, float32 (height, width)."""
    grain = generator.random((size[1] // 2 + 1, size[0] // 2 + 1), dtype=np.float32)
    rough = np.where(grain < share, generator.uniform(0.2, 0.7), 1.0)
    return stretched(rough, size)


def stains(generator: np.random.Generator, size: tuple[int, int], count: int) -> Effect:
    """Spill coffee and grease: rings and blots, as a factor on the light for each colour."""
    x, y = coarse_grid(size)
    x = x * (size[0] / size[1])
    field = np.ones((*x.shape, 3), dtype=np.float32)
    places = []
    for _ in range(count):
        cx, cy = generator.uniform(0, size[0] / size[1]), generator.uniform(0, 1)
        radius, tint = (
            generator.uniform(0.05, 0.28),
            generator.uniform([0.0, 0.1, 0.25], [0.2, 0.35, 0.6]),
        )
        wobble = 1 + 0.08 * smooth(generator, x.shape[::-1], 6)
        r = np.hypot(x - cx, y - cy) / radius * wobble
        amount = np.clip((1 - r) * 12, 0, 1) * generator.uniform(0.2, 0.7)
        if generator.random() < 0.5:  # the rim of a cup
            amount = np.exp(-(((r - 1) / generator.uniform(0.03, 0.1)) ** 2))
        field *= 1 - amount[:, :, None] * tint.astype(np.float32)
        places.append([round(float(v), 3) for v in (cx * size[1] / size[0], cy, radius)])
    return Effect("stains", {"places": places}, field)


def pen_lines(
    generator: np.random.Generator, sheet: tuple[float, float], count: int
) -> list[tuple[np.ndarray, float]]:
    """Return lines of handwriting, rings and underlines: points in mm and width."""
    lines = []
    for _ in range(count):
        at = generator.uniform(0.05, 0.85, 2) * sheet
        width = generator.uniform(0.25, 0.7)
        kind = generator.choice(["words", "ring", "line", "tick"], p=[0.6, 0.15, 0.15, 0.1])
        if kind == "ring":
            angle = np.linspace(0, 2 * np.pi * generator.uniform(0.9, 1.15), 60)
            reach = generator.uniform(4, 18, 2)
            points = at + np.column_stack([np.cos(angle), np.sin(angle)]) * reach
        elif kind == "line":
            length = generator.uniform(10, 70)
            x = np.linspace(0, length, 20)
            points = at + np.column_stack([x, 0.3 * np.cumsum(generator.normal(0, 0.3, 20))])
        elif kind == "tick":
            points = at + np.array([[0, 0], [2, 4], [9, -7]]) * generator.uniform(0.6, 1.5)
        else:
            points = at + _scrawl(generator)
        lines.append((points, width))
    return lines


def _scrawl(generator: np.random.Generator) -> np.ndarray:
    """Return a run of loops that looks like a written word or two."""
    count = int(generator.integers(8, 40)) * 12
    t = np.arange(count) / 12
    size = generator.uniform(1.2, 3.5)
    beat = 2 * np.pi * (t + 0.25 * np.sin(t * generator.uniform(0.5, 1.5)))
    knots = np.arange(int(t[-1]) + 2)
    tall = 1 + 0.9 * np.interp(t, knots, generator.random(len(knots)) ** 3)
    x = size * (0.85 * t + 0.45 * np.cos(beat + generator.uniform(0, 6)))
    y = size * (0.8 * tall * np.sin(beat) + 0.15 * np.sin(0.5 * beat))
    slope = generator.normal(0, 0.08)
    return np.column_stack([x, y + slope * x])


def pen_layer(
    lines: list[tuple[np.ndarray, float]], sheet: tuple[float, float], resolution: float
) -> np.ndarray:
    """Return the coverage by the pen, uint8."""
    canvas = Canvas(*sheet, resolution)
    for points, width in lines:
        canvas.line(points, width)
    return canvas.coverage()


def shading(generator: np.random.Generator, relief: Relief, sheet: tuple[float, float]) -> Effect:
    """Light the folds from one side: a factor on the light over the sheet, a pixel a mm."""
    across, down = relief.slopes()
    light = generator.uniform(0, 2 * np.pi)
    strength = generator.uniform(0.25, 0.9)
    margin = round(relief.margin / relief.step)
    field = 1 + strength * (np.cos(light) * across + np.sin(light) * down)
    inside = field[margin : margin + round(sheet[1]) + 1, margin : margin + round(sheet[0]) + 1]
    return Effect(
        "shading", {"light": round(float(np.rad2deg(light)), 1)}, np.clip(inside, 0.4, 1.25)
    )
