"""Pages that are no EKG: tables, prose, animals, blank sheets, EKG paper without a trace, plots."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from ekg.strips.simulate import words
from ekg.strips.simulate.effects import smooth
from ekg.strips.simulate.lettering import FONTS, lettering
from ekg.strips.simulate.plan import Grid, Plan, Words, page_grid
from ekg.strips.simulate.styles import Style

SUBJECTS = ("table", "prose", "animal", "blank", "paper", "plot")


def plan_subject(generator: np.random.Generator, subject: str, style: Style) -> Plan:
    """Plan a page with nothing to read; `animal` is a blank page that `fur` is put on."""
    sheet = style.sheet
    grid = page_grid(generator, style, sheet, 20.0)
    if subject != "paper":
        grid = replace(
            grid,
            area=(0.0, 0.0, 0.0, 0.0),
            bold_width=0.0,
            fine="absent",
            heavy_width=0.0,
            border_width=0.0,
        )
    plan = Plan(sheet, style.name, "none", 25.0, 10.0, 0.25, (0.1, 0.1, 0.1), _white(grid, subject))
    if subject == "table":
        _table(generator, plan)
    elif subject == "prose":
        _prose(generator, plan)
    elif subject == "plot":
        _plot(generator, plan)
    return plan


def _white(grid: Grid, subject: str) -> Grid:
    return grid if subject == "paper" else replace(grid, paper=(0.98, 0.98, 0.97))


def _write(plan: Plan, text: str, font: str, size: float, x: float, y: float) -> None:
    plan.words.append(Words(text, lettering(text, font, size), x, y))


def _table(generator: np.random.Generator, plan: Plan) -> None:
    font = str(generator.choice(FONTS))
    rows, columns = int(generator.integers(8, 28)), int(generator.integers(3, 9))
    left, top = 12.0, 18.0
    width, height = (plan.sheet[0] - 24) / columns, (plan.sheet[1] - 30) / rows
    for row in range(rows + 1):
        y = top + row * height
        plan.frames.append(np.array([[left, y], [left + columns * width, y]]))
    for column in range(columns + 1 if generator.random() < 0.7 else 0):
        x = left + column * width
        plan.frames.append(np.array([[x, top], [x, top + rows * height]]))
    for row in range(rows):
        for column in range(columns):
            text = str(int(generator.integers(0, 9999)))
            if row == 0 or column == 0:
                text = words.prose(generator, 1)
            y = top + (row + 0.65) * height
            _write(plan, text, font, min(2.4, height * 0.4), left + column * width + 1.5, y)


def _prose(generator: np.random.Generator, plan: Plan) -> None:
    font = str(generator.choice(FONTS))
    size = generator.uniform(1.6, 2.6)
    y = 20.0
    while y < plan.sheet[1] - 15:
        count = int(generator.integers(3, 15))
        if generator.random() < 0.85:
            _write(plan, words.prose(generator, count), font, size, 18.0, y)
        y += size * 2.1


def _plot(generator: np.random.Generator, plan: Plan) -> None:
    """Draw a chart with axes, ticks and a few curves."""
    right, bottom = plan.sheet[0] - 25, plan.sheet[1] - 25
    plan.frames.append(np.array([[25, 20], [25, bottom], [right, bottom]]))
    for place in np.linspace(25, right, 9):
        plan.frames.append(np.array([[place, bottom], [place, bottom + 2]]))
        _write(plan, str(int(place)), "DejaVuSans", 2.2, place - 2, bottom + 6)
    x = np.linspace(25, right, 400)
    for _ in range(int(generator.integers(1, 5))):
        noise = np.cumsum(generator.normal(0, 1.2, 400))
        y = (20 + bottom) / 2 + noise - noise.mean() + generator.normal(0, 15)
        plan.frames.append(np.column_stack([x, np.clip(y, 22, bottom)]))


def fur(generator: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return something like a cat on a sofa, uint8 (height, width, 3)."""
    width, height = max(size[0] // 2, 8), max(size[1] // 2, 8)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x, y = x / height, y / height
    cx, cy, r = 0.5 * width / height + generator.normal(0, 0.1), 0.55, generator.uniform(0.2, 0.35)
    head = (x - cx) ** 2 + ((y - cy) * 1.1) ** 2 < r**2
    for side in (-1, 1):
        ear = np.abs(x - cx - side * 0.65 * r) < (y - cy + 1.5 * r) * 0.45
        head |= ear & (y < cy - 0.3 * r)
    body = ((x - cx) / 1.5) ** 2 + (y - cy - 1.5 * r) ** 2 < (1.2 * r) ** 2
    stripes = np.sin(40 * x + 6 * smooth(generator, (width, height), 5))
    coat = generator.uniform([0.2, 0.15, 0.1], [0.9, 0.7, 0.6])
    sofa = generator.uniform(0.1, 0.8, 3)
    hair = 0.15 * smooth(generator, (width, height), width // 4) + 0.12 * stripes
    ground = 0.1 * smooth(generator, (width, height), 12)
    picture = np.where(
        (head | body)[:, :, None], coat * (1 + hair[:, :, None]), sofa * (1 + ground[:, :, None])
    )
    for side in (-1, 1):
        eye = (x - cx - side * 0.4 * r) ** 2 + (y - cy + 0.15 * r) ** 2 < (0.13 * r) ** 2
        picture[eye] = (0.6, 0.7, 0.2)
    small = Image.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    return np.asarray(small.resize(size, Image.Resampling.BILINEAR))
