"""Images of lead names and of what is none, as a reader cuts them out of a flattened page."""

from __future__ import annotations

import numpy as np

from ekg.seeds import generator_for
from ekg.strips.names import NAMES, prepared
from ekg.strips.simulate import words
from ekg.strips.simulate.drawing import Canvas, crossed, dotted, stripes
from ekg.strips.simulate.lettering import FONTS, HELD_OUT_FONTS, lettering
from ekg.strips.simulate.paper import pen_lines
from ekg.strips.simulate.photography import defocus
from ekg.strips.simulate.plan import printed_name

RESOLUTION = 6.0
_SHARE_OF_NAMES = 0.6
_FORMS = ("plain", "upper", "lead", "german", "colon", "dot")
_STAYS = ("I", "II", "III")
"""Names that read the same upside down."""


def name_sample(
    name: str, seed: int, *, held_out: bool = False, prefix: str = "name"
) -> tuple[np.ndarray, int]:
    """Return one input of the network (2, 24, 64) and its class.

    Parameters
    ----------
    name, seed
        They decide everything.
    held_out
        Use the fonts held out for testing.
    """
    generator = generator_for(seed, f"{prefix}/{name}")
    fonts = HELD_OUT_FONTS if held_out else FONTS
    label = "other"
    if generator.random() < _SHARE_OF_NAMES:
        label = NAMES[int(generator.integers(len(NAMES) - 1))]
        text = printed_name(
            label, str(generator.choice(_FORMS, p=[0.78, 0.1, 0.04, 0.03, 0.03, 0.02]))
        )
    else:
        text = _other_text(generator)
    height = generator.uniform(1.7, 4.0)
    # Slant and weight beyond what the few fonts have: machines have hundreds.
    slant = generator.normal(0, 0.12) if generator.random() < 0.6 else 0.0
    font, stretch = str(generator.choice(fonts)), generator.uniform(0.65, 1.25)
    letters = lettering(text, font, height, stretch, float(np.clip(slant, -0.1, 0.35)))
    left, top, right, bottom = letters.box
    sheet = (right - left + 12.0, bottom - top + 12.0)
    canvas = Canvas(*sheet, RESOLUTION)
    if text:
        bolder = generator.uniform(0, 0.11) * height if generator.random() < 0.5 else 0.0
        canvas.letters(letters, 6.0 - left, 6.0 - top, generator.normal(0, 2.5), bolder)
    else:
        sheet, box = _scribble(generator, canvas, sheet)
    ink = canvas.coverage().astype(np.float32) / 255
    if not text:
        bounds = box
    else:
        rows, columns = np.nonzero(ink > 0.3)
        if not len(rows):
            return prepared(np.zeros((4, 4))), NAMES.index("other")
        bounds = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
    ink = _degraded(generator, ink, canvas, sheet)
    jitter = generator.integers(-1, 3, 4)
    left_px, top_px = max(bounds[0] - jitter[0], 0), max(bounds[1] - jitter[1], 0)
    crop = ink[top_px : bounds[3] + jitter[2], left_px : bounds[2] + jitter[3]]
    quarter = int(generator.choice(4, p=[0.85, 0.05, 0.05, 0.05]))
    if quarter:
        crop = np.rot90(crop, quarter)
        if not (quarter == 2 and label in _STAYS):
            label = "other"
    return prepared(crop), NAMES.index(label)


def _other_text(generator: np.random.Generator) -> str:
    """Return text that names no lead; empty for something that is no text at all."""
    kind = int(generator.integers(6))
    if kind == 0:
        return ""
    if kind == 1:
        return str(int(generator.integers(0, 10 ** int(generator.integers(1, 5)))))
    if kind == 2:  # a piece of a name, or two names in one
        whole = NAMES[int(generator.integers(len(NAMES) - 1))]
        other = NAMES[int(generator.integers(len(NAMES) - 1))]
        pieces = ("aV", "V", "a", "R", "L", "F", "VR", "VL", f"{whole} {other}", "V7", "V8", "V9")
        return str(generator.choice(pieces))
    if kind == 3:
        footer = words.footer(generator, 25.0, 10.0)
        return str(generator.choice(footer))
    if kind == 4:
        lines = [*words.fields(generator), *words.measurements(generator)]
        return str(generator.choice([w for line in lines for w in line.split()]))
    letters = [chr(code) for code in generator.integers(ord("A"), ord("Z") + 1, 3)]
    text = "".join(letters[: int(generator.integers(1, 4))])
    return text if text not in NAMES and text != "I" else f"{text}X"


def _scribble(
    generator: np.random.Generator, canvas: Canvas, sheet: tuple[float, float]
) -> tuple[tuple[float, float], tuple[int, int, int, int]]:
    """Draw a piece of a trace, a pulse, a tick or handwriting; return sheet and its box."""
    width, height = sheet
    kind = int(generator.integers(4))
    x = np.linspace(-1, width + 1, 120)
    if kind == 0:
        y = height / 2 + np.cumsum(generator.normal(0, 0.12, 120))
        at = generator.uniform(2, width - 2)
        y = y - generator.normal(0, 6) * np.exp(-(((x - at) / 0.6) ** 2))
        canvas.line(np.column_stack([x, y]), generator.uniform(0.15, 0.5))
    elif kind == 1:
        a = width / 2
        canvas.line(np.array([[a, 1], [a, height - 1]]), generator.uniform(0.2, 0.9))
    elif kind == 2:
        shape = np.array([[1, 9], [3, 9], [3, 2], [8, 2], [8, 9], [10, 9]]) * [
            width / 11,
            height / 11,
        ]
        canvas.line(shape, generator.uniform(0.15, 0.5))
    else:
        for points, pen in pen_lines(generator, (width, height), 1):
            canvas.line(points - points.mean(axis=0) + np.array(sheet) / 2, pen)
    part = generator.uniform([0.1, 0.1], [0.4, 0.4])
    low = (part * [canvas.columns, canvas.rows]).astype(int)
    return sheet, (
        int(low[0]),
        int(low[1]),
        canvas.columns - int(low[0]),
        canvas.rows - int(low[1]),
    )


def _degraded(
    generator: np.random.Generator, ink: np.ndarray, canvas: Canvas, sheet: tuple[float, float]
) -> np.ndarray:
    """Add what a flattened page has besides: a trace, the grid's rest, blur, noise, fading."""
    rows, columns = ink.shape
    if generator.random() < 0.2:
        x = np.linspace(-1, sheet[0] + 1, 60)
        y = sheet[1] * generator.uniform(0, 1) + np.cumsum(generator.normal(0, 0.15, 60))
        canvas.line(np.column_stack([x, y]), generator.uniform(0.15, 0.4))
        ink = np.maximum(ink, canvas.coverage().astype(np.float32) / 255)
    ink = ink * generator.uniform(0.45, 1.0)
    if generator.random() < 0.7:
        period = 1.0 if generator.random() < 0.5 else 5.0
        first = generator.uniform(0, period, 2)
        width = generator.uniform(0.1, 0.3)
        across = stripes(list(np.arange(first[0], sheet[0], period)), width, columns, RESOLUTION)
        down = stripes(list(np.arange(first[1], sheet[1], period)), width, rows, RESOLUTION)
        lines = crossed(across, down)
        if generator.random() < 0.3:
            lines = dotted(across, down, np.roll(across, 2), np.roll(down, 2))
        ink = np.maximum(ink, lines * generator.uniform(0, 0.45))
    if generator.random() < 0.6:
        blurred = defocus((ink * 255).astype(np.uint8), generator.uniform(0.3, 1.1))
        ink = blurred.astype(np.float32) / 255
    ink = ink + generator.uniform(0, 0.08) * generator.standard_normal(ink.shape, dtype=np.float32)
    if generator.random() < 0.15:  # a copy in black and white
        ink = (ink > generator.uniform(0.25, 0.5)).astype(np.float32)
    floor = generator.uniform(0, 0.12)
    return np.clip((ink - floor) / (1 - floor), 0, 1)
