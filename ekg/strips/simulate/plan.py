"""What is printed on a page and where, in millimetres: the truth before any ink."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from ekg.records.record import LEADS
from ekg.strips.simulate import words
from ekg.strips.simulate.layouts import Layout
from ekg.strips.simulate.lettering import Lettering, lettering
from ekg.strips.simulate.styles import Style

_Thing = TypeVar("_Thing")

FREQUENCY = 500
"""Hz, of the truth."""


@dataclass(frozen=True)
class Segment:
    """A part of one lead, drawn as one line."""

    lead: str
    """One of `LEADS`."""
    sign: int
    """-1 where aVR is printed as -aVR."""
    row: int
    rhythm: bool
    start: int
    """First sample on the page's time axis (500 Hz from the left end of the rows)."""
    signal: np.ndarray
    """mV at 500 Hz as drawn, before the sign."""
    left: float
    """x of the first sample, mm."""
    baseline: float
    """y of 0 mV, mm."""
    points: np.ndarray
    """The line drawn, mm, shape (N, 2)."""


@dataclass(frozen=True)
class Words:
    """A text on the page."""

    text: str
    letters: Lettering
    x: float
    y: float
    lead: str | None = None
    """The lead that it names, with `-aVR` for the turned one."""
    angle: float = 0.0

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Left, top, right, bottom of the ink, mm (of a text that is not turned)."""
        a, b, c, d = self.letters.box
        return a + self.x, b + self.y, c + self.x, d + self.y


@dataclass(frozen=True)
class Grid:
    """The lines of EKG paper; (0, 0) of `origin` is the crossing of two bold lines."""

    area: tuple[float, float, float, float]
    origin: tuple[float, float]
    fine: str
    fine_width: float
    bold_width: float
    fine_strength: float
    colour: tuple[float, float, float]
    paper: tuple[float, float, float]
    heavy_width: float = 0.0
    """Of a still bolder line every 25 mm; 0: none."""
    border_width: float = 0.0
    """Of a line around the area; 0: none."""


@dataclass
class Plan:
    """Everything on a page."""

    sheet: tuple[float, float]
    style: str
    layout: str
    speed: float
    gain: float
    pen: float
    pen_colour: tuple[float, float, float]
    grid: Grid
    page_seconds: float = 0.0
    segments: list[Segment] = field(default_factory=list)
    words: list[Words] = field(default_factory=list)
    pulses: list[np.ndarray] = field(default_factory=list)
    separators: list[tuple[np.ndarray, float]] = field(default_factory=list)
    """Lines and their widths, mm."""
    frames: list[np.ndarray] = field(default_factory=list)
    """Lines that are neither: boxes and tables, drawn with the pen of the text."""


def plan_page(
    generator: np.random.Generator,
    signal: np.ndarray,
    layout: Layout,
    style: Style,
    *,
    speed: float = 25.0,
    gain: float = 10.0,
    fonts: tuple[str, ...] | None = None,
) -> Plan:
    """Place a recording on a page.

    Parameters
    ----------
    generator
        Decides what style and layout leave open.
    signal
        mV at 500 Hz, leads in the order of `LEADS`, at least as long as a row.
    layout, style
        Arrangement and machine.
    speed, gain
        mm/s and mm/mV.
    fonts
        Instead of the style's own.
    """
    seconds = layout.seconds * 25.0 / speed
    rows = layout.rows + len(layout.rhythm[0])
    top = generator.uniform(30, 48) if style.header != ("none",) else generator.uniform(8, 20)
    row_height = generator.uniform(*style.row_height)
    row_height = max(min(row_height, (style.sheet[1] - top - 12) / rows), 13.0)
    left = generator.uniform(14, 22)
    sheet = (
        max(style.sheet[0], left + seconds * len(layout.columns) * speed + 12),
        max(style.sheet[1], top + rows * row_height + 10),
    )
    grid = page_grid(generator, style, sheet, top)
    plan = Plan(
        sheet,
        style.name,
        layout.name,
        speed,
        gain,
        generator.uniform(*style.pen),
        _pick(generator, style.pen_colours),
        grid,
        seconds * len(layout.columns),
    )
    baselines = top + row_height * (np.arange(rows) + 0.5) + generator.normal(0, 0.8, rows)
    font = _pick(generator, fonts or style.fonts)
    _traces(generator, plan, signal, layout, style, seconds, left, baselines)
    _names(generator, plan, style, font, row_height)
    _pulses(generator, plan, style, left, baselines)
    _separators(generator, plan, layout, style, baselines, row_height)
    _texts(generator, plan, style, font, top)
    return plan


def _pick(generator: np.random.Generator, choices: Sequence[_Thing]) -> _Thing:
    return choices[int(generator.integers(len(choices)))]


def page_grid(
    generator: np.random.Generator, style: Style, sheet: tuple[float, float], top: float
) -> Grid:
    """Choose the grid of a sheet whose traces begin at `top` mm."""
    edge = generator.uniform(3, 8, 4)
    area = (edge[0], top - edge[1], sheet[0] - edge[2], sheet[1] - edge[3])
    if style.whole_sheet:
        area = (-1.0, -1.0, sheet[0] + 1, sheet[1] + 1)
    elif generator.random() < 0.5:
        area = (edge[0], edge[1], sheet[0] - edge[2], sheet[1] - edge[3])
    origin = (area[0], area[1]) if generator.random() < 0.5 else tuple(generator.uniform(0, 5, 2))
    colour = np.array(_pick(generator, style.grid_colours))
    # Inks differ: paler or stronger, and a little in hue.
    pale = generator.uniform(-0.25, 0.35)
    colour = colour + (1 - colour) * pale if pale > 0 else colour * (1 + pale)
    colour = np.clip(colour + generator.normal(0, 0.02, 3), 0, 1)
    paper = 1 - np.abs(generator.normal(0, 0.015, 3)) - generator.uniform(0, 0.03)
    if generator.random() < 0.3:
        paper = paper - 0.12 * (1 - colour) * generator.uniform(0.2, 1)
    heavy = generator.uniform(1.3, 2.2) if generator.random() < 0.12 else 0.0
    border = generator.uniform(1.0, 2.0) if generator.random() < 0.15 else 0.0
    bold = generator.uniform(*style.bold_width)
    return Grid(
        area,
        (float(origin[0]), float(origin[1])),
        _pick(generator, style.fine),
        generator.uniform(*style.fine_width),
        bold,
        generator.uniform(*style.fine_strength),
        tuple(colour),
        tuple(np.clip(paper, 0, 1)),
        heavy * bold,
        border * bold,
    )


def _traces(
    generator: np.random.Generator,
    plan: Plan,
    signal: np.ndarray,
    layout: Layout,
    style: Style,
    seconds: float,
    left: float,
    baselines: np.ndarray,
) -> None:
    together = generator.random() < 0.1  # all columns show the same seconds
    gap = generator.uniform(0.5, 2.0) if "gap" in style.separators else 0.0
    pen_rate = _pick(generator, style.points_a_second)
    whole = round(plan.page_seconds * FREQUENCY)
    for row in range(layout.rows):
        switches = np.arange(1, len(layout.columns)) * seconds
        switches = switches + generator.uniform(-1, 1, len(switches)) * style.column_jitter
        edges = np.round(np.concatenate([[0], switches, [plan.page_seconds]]) * FREQUENCY)
        for column, leads in enumerate(layout.columns):
            first, last = int(edges[column]), int(edges[column + 1])
            if gap and column:
                first += round(gap / plan.speed * FREQUENCY)
            source = first - int(edges[column]) if together else first
            _segment(
                plan,
                style,
                signal,
                leads[row],
                row,
                False,
                first,
                last,
                source,
                left,
                baselines[row],
                pen_rate,
            )
    rhythm = layout.rhythm[int(generator.integers(len(layout.rhythm)))]
    for number, lead in enumerate(rhythm):
        row = layout.rows + number
        _segment(plan, style, signal, lead, row, True, 0, whole, 0, left, baselines[row], pen_rate)


def _segment(
    plan: Plan,
    style: Style,
    signal: np.ndarray,
    printed: str,
    row: int,
    rhythm: bool,
    first: int,
    last: int,
    source: int,
    left: float,
    baseline: float,
    pen_rate: float,
) -> None:
    sign = -1 if printed.startswith("-") else 1
    lead = printed.lstrip("-")
    values = signal[LEADS.index(lead), source : source + last - first] * sign
    times = np.arange(len(values)) / FREQUENCY
    points = np.arange(0, times[-1] + 1e-9, 1 / pen_rate)
    heights = np.interp(points, times, values) * plan.gain
    y = baseline - heights
    if style.dots_per_mm:
        y = np.round(y * style.dots_per_mm) / style.dots_per_mm
    # What leaves the sheet is held at its edge, as a machine's head does.
    y = np.clip(y, 0.5, plan.sheet[1] - 0.5)
    x0 = left + first / FREQUENCY * plan.speed
    line = np.column_stack([x0 + points * plan.speed, y])
    drawn = (baseline - np.interp(times, points, y)) / plan.gain
    plan.segments.append(Segment(lead, sign, row, rhythm, first, sign * drawn, x0, baseline, line))


def _names(
    generator: np.random.Generator, plan: Plan, style: Style, font: str, row_height: float
) -> None:
    height = min(generator.uniform(*style.name_height), row_height * 0.2)
    stretch = generator.uniform(0.75, 1.1)
    place = _pick(generator, style.name_place)
    form = generator.choice(
        ["plain", "upper", "lead", "german", "colon"], p=[0.8, 0.1, 0.04, 0.03, 0.03]
    )
    rise, sink = generator.uniform(4.5, 9.0), generator.uniform(5.0, 8.0)
    inset = generator.uniform(0.3, 2.5)
    for segment in plan.segments:
        name = "-aVR" if segment.sign < 0 else segment.lead
        letters = lettering(printed_name(name, str(form)), font, height, stretch)
        x, y = segment.left + inset, segment.baseline - min(rise, row_height * 0.4)
        if place == "below":
            y = segment.baseline + min(sink, row_height * 0.45)
        elif place == "on":
            y = segment.baseline + height * generator.uniform(0.2, 1.2)
        elif place == "left" and segment.start == 0:
            x, y = segment.left - letters.box[2] - inset, segment.baseline + height / 2
        plan.words.append(Words(printed_name(name, str(form)), letters, x, y, name))


def printed_name(name: str, form: str) -> str:
    """Return a lead's name as one of the conventions writes it."""
    if form == "upper":
        return name.upper()
    if form == "lead" and name in ("I", "II", "III"):
        return f"D{name}"
    if form == "german" and name.startswith("V"):
        return f"C{name[1]}"
    return f"{name}:" if form == "colon" else f"{name}." if form == "dot" else name


def _pulses(
    generator: np.random.Generator, plan: Plan, style: Style, left: float, baselines: np.ndarray
) -> None:
    place = _pick(generator, style.pulse)
    width, height = style.pulse_seconds * plan.speed, plan.gain
    foot = generator.uniform(0.5, 2.5) if generator.random() < 0.7 else 0.0
    right = left + plan.page_seconds * plan.speed
    where: list[tuple[float, float]] = []
    if place in ("left", "both"):
        where += [(left - width - 2 * foot - generator.uniform(0.3, 3), y) for y in baselines]
    if place in ("right", "both"):
        where += [(right + generator.uniform(0.3, 1.5), y) for y in baselines]
    if place == "once":
        where.append((left - width - 2 * foot - 1, float(baselines[-1])))
    if place == "between" and len(baselines) > 1:
        middle = (baselines[:-1] + baselines[1:]) / 2
        where += [(left - width - 2 * foot - 1, float(y)) for y in middle]
    for x, y in where:
        shape = [(0, 0), (foot, 0), (foot, height), (foot + width, height), (foot + width, 0)]
        if generator.random() < 0.8:
            shape.append((2 * foot + width, 0))
        plan.pulses.append(np.array([(x + a, y - b) for a, b in shape]))


def _separators(
    generator: np.random.Generator,
    plan: Plan,
    layout: Layout,
    style: Style,
    baselines: np.ndarray,
    row_height: float,
) -> None:
    kind = _pick(generator, style.separators)
    if kind in ("none", "gap"):
        return
    bold = generator.uniform(0.4, 0.9)
    reach = generator.uniform(0.25, 0.5) * row_height
    for segment in plan.segments:
        if segment.rhythm or (segment.start == 0 and kind != "tick"):
            continue
        if segment.start == 0 and generator.random() < 0.5:
            continue
        x, y = segment.left, segment.baseline
        if kind == "tick":
            plan.separators.append((np.array([[x, y - 4], [x, y + 4]]), bold))
        elif kind == "bar":
            plan.separators.append((np.array([[x, y - reach], [x, y + reach]]), plan.pen))
        elif kind == "dotted":
            for dot in np.arange(y - row_height / 2, y + row_height / 2, 1.0):
                plan.separators.append((np.array([[x, dot], [x, dot + 0.35]]), plan.pen))
        elif kind == "marks":
            for a, b in ((-reach, -reach + 2), (reach - 2, reach)):
                plan.separators.append((np.array([[x, y + a], [x, y + b]]), plan.pen))
        elif kind == "cross":
            plan.separators.append((np.array([[x, y - 2.5], [x, y + 2.5]]), plan.pen))
            plan.separators.append((np.array([[x - 1, y - 2.5], [x + 1, y - 2.5]]), plan.pen))


def _texts(generator: np.random.Generator, plan: Plan, style: Style, font: str, top: float) -> None:
    kind = _pick(generator, style.header)
    height = generator.uniform(1.7, 2.6)
    other = font if generator.random() < 0.5 else _pick(generator, style.fonts)

    def write(text: str, x: float, y: float, size: float = height) -> None:
        plan.words.append(Words(text, lettering(text, other, size, 0.85), x, y))

    blocks = [words.fields(generator), words.measurements(generator), words.statements(generator)]
    blocks[0].append(words.date(generator))
    if kind in ("columns", "box"):
        lines = max(int((top - 6) / (height * 1.7)), 1)
        for number, block in enumerate(blocks):
            x = plan.sheet[0] * (0.05 + 0.33 * number)
            for line, text in enumerate(block[:lines]):
                write(text, x, 6 + (line + 0.7) * height * 1.7)
        if kind == "box":
            right, bottom = plan.sheet[0] - 8, top - 3
            box = np.array([[8, 4], [right, 4], [right, bottom], [8, bottom], [8, 4]])
            plan.frames.append(box)
            for x in (plan.sheet[0] * 0.36, plan.sheet[0] * 0.69):
                plan.frames.append(np.array([[x, 4], [x, bottom]]))
    elif kind == "lines":
        for line, text in enumerate([*blocks[0][:2], words.date(generator), *blocks[2]][:4]):
            write(text, 10 + generator.uniform(0, 4), 6 + (line + 0.7) * height * 1.7)
    if generator.random() < 0.85:
        x = generator.uniform(8, 60)
        for text in words.footer(generator, plan.speed, plan.gain):
            write(text, x, plan.sheet[1] - generator.uniform(2.5, 4))
            x += generator.uniform(30, 60)
