"""One simulated page, from (seed, name) alone, with everything that is true of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np

from ekg.errors import ConfigError
from ekg.records.record import LEADS
from ekg.seeds import generator_for
from ekg.simulator.simulator import simulate_record
from ekg.strips.simulate import imaging, kinds, layouts, not_ekg, paper, styles
from ekg.strips.simulate.effects import Effect
from ekg.strips.simulate.geometry import PageMap
from ekg.strips.simulate.kinds import KINDS, Kind
from ekg.strips.simulate.layouts import LAYOUTS, Layout
from ekg.strips.simulate.lettering import HELD_OUT_FONTS
from ekg.strips.simulate.plan import FREQUENCY, Plan, plan_page
from ekg.strips.simulate.printing import Layers, compose, print_layers
from ekg.strips.simulate.styles import STYLES, Style

VERSION = 3
"""Raised whenever the same (seed, name) gives another page."""

SHARE_WITHOUT_EKG = 0.1
CLASSES = ("background", "trace", "text", "mark")
"""Of the mask; a mark is a pulse or a separator."""

_Choice = TypeVar("_Choice", Layout, Style, Kind)


@dataclass
class SimulatedPage:
    """An image of a page, and the truth about it."""

    name: str
    kind: str
    subject: str
    """`ekg`, or what the page shows instead."""
    content: bytes
    """The image as a file."""
    suffix: str
    image: np.ndarray
    """The pixels of that file, uint8 (height, width, 3)."""
    plan: Plan
    page_map: PageMap
    layers: Layers
    """Coverage of the clean page by each ink (the pen counts as text)."""
    signal: np.ndarray
    """mV at 500 Hz on the page's time axis, (12, N), NaN where a lead is not printed or seen."""
    effects: list[Effect] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the image."""
        return self.image.shape[1], self.image.shape[0]

    def masks(self) -> np.ndarray:
        """Return the class of each pixel of the image, uint8: a number in `CLASSES`."""
        seen = {
            name: imaging.seen(layer, self.layers.resolution, self.page_map, self.size)
            for name, layer in (
                ("trace", self.layers.trace),
                ("text", self.layers.text),
                ("mark", self.layers.marks),
            )
        }
        mask = np.zeros(seen["trace"].shape, dtype=np.uint8)
        for name in ("mark", "text", "trace"):
            mask[seen[name] >= 128] = CLASSES.index(name)
        return mask

    def facts(self) -> dict[str, Any]:
        """Return the truth in words and numbers, for a JSON file."""
        plan = self.plan
        return {
            "name": self.name,
            "kind": self.kind,
            "subject": self.subject,
            "version": VERSION,
            "layout": plan.layout,
            "style": plan.style,
            "speed_mm_per_s": plan.speed,
            "gain_mm_per_mv": plan.gain,
            "sheet_mm": plan.sheet,
            "page_seconds": plan.page_seconds,
            "pixels_per_mm": self.page_map.pixels_per_mm(),
            "image_size": self.size,
            "pen_mm": plan.pen,
            "grid": {
                "origin_mm": plan.grid.origin,
                "fine": plan.grid.fine,
                "area_mm": plan.grid.area,
                "colour": plan.grid.colour,
            },
            "segments": [
                {
                    "lead": s.lead,
                    "sign": s.sign,
                    "row": s.row,
                    "rhythm": s.rhythm,
                    "start": s.start,
                    "samples": len(s.signal),
                    "left_mm": s.left,
                    "baseline_mm": s.baseline,
                }
                for s in plan.segments
            ],
            "names": [
                {
                    "lead": w.lead,
                    "text": w.text,
                    "box_mm": w.box,
                    "corners_px": self.page_map.to_pixel(_corners(w.box)).round(2).tolist(),
                }
                for w in plan.words
                if w.lead
            ],
            "effects": [{"name": e.name, **e.parameters} for e in self.effects],
        }


def _corners(box: tuple[float, float, float, float]) -> np.ndarray:
    left, top, right, bottom = box
    return np.array([[left, top], [right, top], [right, bottom], [left, bottom]])


def simulate_page(
    name: str,
    seed: int = 44,
    *,
    kind: str | None = None,
    held_out: bool = False,
    signal: np.ndarray | None = None,
    layout: str | None = None,
    style: str | None = None,
    subject: str | None = None,
    finest: float | None = None,
) -> SimulatedPage:
    """Simulate the image of one page.

    Parameters
    ----------
    name
        The page's name: with `seed` it decides everything that is not given.
    seed
        The seed of the whole set.
    kind
        One of `kinds.KINDS`: screen, scan, copy, tilted, photographed, folded, stained, low.
    held_out
        Use the machines and fonts held out for testing, and (every second page) their layouts.
    signal
        mV at 500 Hz, shape (12, N) in the order of `LEADS`; by default a simulated recording.
    layout, style
        Names in `layouts.LAYOUTS` and `styles.STYLES`.
    subject
        `ekg`, or one of `not_ekg.SUBJECTS`; by default 10 % of the pages are no EKG.
    finest
        Pixels a mm at most, where less will do; by default what the kind gives.

    Returns
    -------
    SimulatedPage
        Image, exact map, masks, signal and layout.

    Raises
    ------
    ConfigError
        If a name is unknown, or the signal is shorter than the page.
    """
    chooser = generator_for(seed, f"page/{name}/choices")
    chosen_kind = _one(chooser, KINDS, kind, "kind")
    if finest is not None:
        low, high = chosen_kind.resolution
        chosen_kind = replace(chosen_kind, resolution=(min(low, finest), min(high, finest)))
    if subject is None:
        subject = draw_subject(generator_for(seed, f"page/{name}/subject"))
    elif subject != "ekg" and subject not in not_ekg.SUBJECTS:
        raise ConfigError(
            f"unknown subject {subject!r}", remedy=f"choose ekg, {', '.join(not_ekg.SUBJECTS)}"
        )
    foreign_layout = held_out and chooser.random() < 0.5
    chosen_style = _one(chooser, [s for s in STYLES if s.held_out == held_out], style, "style")
    pool = [one for one in LAYOUTS if one.held_out == foreign_layout]
    chosen_layout = _one(chooser, pool, layout, "layout")
    fonts = HELD_OUT_FONTS if held_out else None
    planner = generator_for(seed, f"page/{name}/plan")
    if subject == "ekg":
        speed, gain = _scale(chooser, chosen_layout)
        if signal is None:
            signal = simulate_record(f"page-{name}", seed, seconds=10.0)[0]
            if chooser.random() < 0.04:  # an electrode that has come off
                signal[int(chooser.integers(12))] = 0.0
        _check_signal(signal, chosen_layout, speed)
        plan = plan_page(
            planner, signal, chosen_layout, chosen_style, speed=speed, gain=gain, fonts=fonts
        )
    else:
        plan = not_ekg.plan_subject(planner, subject, chosen_style)
    return _imaged(name, seed, plan, chosen_kind, subject)


def draw_subject(generator: np.random.Generator) -> str:
    """Return what a page shows: mostly an EKG."""
    other = str(generator.choice(not_ekg.SUBJECTS))
    return other if generator.random() < SHARE_WITHOUT_EKG else "ekg"


def _one(
    generator: np.random.Generator, pool: Sequence[_Choice], wanted: str | None, what: str
) -> _Choice:
    """Return the thing of a name, or draw one from a pool by its weight."""
    weights = np.array([one.weight for one in pool])
    drawn = pool[int(generator.choice(len(pool), p=weights / weights.sum()))]
    if wanted is None:
        return drawn
    tables: dict[str, dict[str, Any]] = {
        "kind": kinds.BY_NAME,
        "style": styles.BY_NAME,
        "layout": layouts.BY_NAME,
    }
    everything = tables[what]
    if wanted not in everything:
        raise ConfigError(f"unknown {what} {wanted!r}", remedy=f"choose {', '.join(everything)}")
    found: _Choice = everything[wanted]
    return found


def _scale(generator: np.random.Generator, layout: Layout) -> tuple[float, float]:
    """Return speed (mm/s) and gain (mm/mV): mostly 25 and 10."""
    speeds, gains = generator.random(), generator.random()
    long_columns = layout.seconds >= 5
    speed = 50.0 if long_columns and speeds < 0.15 else 25.0
    gain = 5.0 if gains < 0.05 else 20.0 if gains > 0.97 else 10.0
    return speed, gain


def _check_signal(signal: np.ndarray, layout: Layout, speed: float) -> None:
    needed = round(layout.page_seconds * 25.0 / speed * FREQUENCY)
    if signal.ndim != 2 or signal.shape[0] != len(LEADS) or signal.shape[1] < needed:
        raise ConfigError(
            f"signal of shape {signal.shape} cannot fill the layout {layout.name}",
            remedy=f"give (12, {needed}) samples or more, at {FREQUENCY} Hz",
        )
    if not np.isfinite(signal).all():
        raise ConfigError("the signal has samples that are not numbers")


def _imaged(name: str, seed: int, plan: Plan, kind: Kind, subject: str) -> SimulatedPage:
    generator = generator_for(seed, f"page/{name}/image")
    view = imaging.draw_view(generator, plan, kind)
    layers = print_layers(plan, view.page_resolution)
    effects: list[Effect] = list(view.effects)
    pen = None
    if generator.random() < kind.pen:
        lines = paper.pen_lines(generator, plan.sheet, int(generator.integers(1, 5)))
        pen = paper.pen_layer(lines, plan.sheet, view.page_resolution)
        effects.append(Effect("pen", {"lines": len(lines)}))
    sheet = imaging.sheet_in_colour(generator, plan, layers, kind, view, pen, effects)
    if subject == "animal":
        sheet = not_ekg.fur(generator, (sheet.shape[1], sheet.shape[0]))
    image = imaging.photographed(generator, sheet, view, kind, effects)
    content, suffix, page_map = imaging.as_file(generator, image, view.page_map, kind, effects)
    if pen is not None:
        layers.text = np.maximum(layers.text, pen)
    made = SimulatedPage(
        name,
        kind.name,
        subject,
        content,
        suffix,
        imaging.pixels_of(content),
        plan,
        page_map,
        layers,
        np.empty((0, 0)),
        effects,
    )
    made.signal = _truth(made)
    return made


def _truth(page: SimulatedPage) -> np.ndarray:
    """Return what is printed and seen, by lead, on the page's time axis."""
    plan = page.plan
    signal = np.full((len(LEADS), round(plan.page_seconds * FREQUENCY)), np.nan)
    covered = next((e.field for e in page.effects if e.name == "fingers"), None)
    # Rhythm rows last: where a lead is printed twice, its long row counts.
    for segment in sorted(plan.segments, key=lambda s: s.rhythm):
        count = len(segment.signal)
        x = segment.left + np.arange(count) / FREQUENCY * plan.speed
        y = segment.baseline - segment.sign * segment.signal * plan.gain
        pixels = page.page_map.to_pixel(np.column_stack([x, y]))
        inside = ((pixels >= 0) & (pixels <= page.size)).all(axis=1)
        if covered is not None:
            places = pixels / page.size * covered.shape[::-1]
            j, i = np.clip(places.astype(int), 0, np.array(covered.shape[::-1]) - 1).T
            inside &= covered[i, j] < 0.5
        row = signal[LEADS.index(segment.lead), segment.start : segment.start + count]
        row[inside] = segment.signal[inside]
    return signal


def clean_image(plan: Plan, resolution: float) -> np.ndarray:
    """Return the clean page in colour, uint8 (height, width, 3): ink on paper, no effects."""
    page = compose(print_layers(plan, resolution), plan)
    return (np.clip(page, 0, 1) * 255).round().astype(np.uint8)
