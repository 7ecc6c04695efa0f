"""Ten ways in which machines print a page, three of them held out for testing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Range = tuple[float, float]
Colour = tuple[float, float, float]

PINK: Colour = (0.95, 0.72, 0.74)
RED: Colour = (0.86, 0.36, 0.34)
ORANGE: Colour = (0.95, 0.62, 0.30)
GREEN: Colour = (0.45, 0.72, 0.52)
BLUE_GREY: Colour = (0.62, 0.68, 0.80)
GREY: Colour = (0.72, 0.72, 0.72)
BROWN: Colour = (0.70, 0.52, 0.42)
LILAC: Colour = (0.72, 0.58, 0.76)
BLACK: Colour = (0.05, 0.05, 0.06)


@dataclass(frozen=True)
class Style:
    """How a machine prints. Ranges are drawn from for every page; lengths are in mm."""

    name: str
    sheet: tuple[float, float] = (297.0, 210.0)
    grid_colours: tuple[Colour, ...] = (PINK,)
    fine: tuple[Literal["solid", "dotted", "points", "absent"], ...] = ("solid",)
    """Lines of 1 mm: `dotted` lines, `points` inside each box of 5 mm, or none."""
    fine_width: Range = (0.08, 0.15)
    bold_width: Range = (0.14, 0.28)
    fine_strength: Range = (0.45, 0.8)
    """Ink of the 1-mm lines in parts of that of the 5-mm lines."""
    whole_sheet: bool = False
    """Whether the grid reaches the edge of the sheet, as on paper printed beforehand."""
    pen: Range = (0.18, 0.32)
    pen_colours: tuple[Colour, ...] = (BLACK,)
    points_a_second: tuple[float, ...] = (500.0,)
    """Points of the drawn line a second of recording."""
    dots_per_mm: float = 0.0
    """Heights are rounded to the dots of a thermal head; 0: not."""
    fonts: tuple[str, ...] = ("DejaVuSans",)
    name_height: Range = (2.2, 3.2)
    name_place: tuple[Literal["above", "below", "on", "left"], ...] = ("above",)
    pulse: tuple[Literal["left", "right", "both", "once", "between", "none"], ...] = ("left",)
    pulse_seconds: float = 0.2
    separators: tuple[Literal["none", "tick", "bar", "dotted", "marks", "gap", "cross"], ...] = (
        "none",
    )
    row_height: Range = (22.0, 36.0)
    header: tuple[Literal["none", "lines", "columns", "box"], ...] = ("lines",)
    column_jitter: float = 0.0
    """Columns switch up to this many seconds apart on different rows."""
    weight: float = 1.0
    held_out: bool = False


STYLES: tuple[Style, ...] = (
    Style(
        "laser-pink",
        (279.4, 215.9),
        (PINK,),
        ("solid",),
        pen=(0.16, 0.28),
        fonts=("STIXGeneral", "DejaVuSans", "cmr10"),
        name_place=("below",),
        separators=("none", "gap"),
        pulse=("left",),
        header=("columns", "none"),
        row_height=(20.0, 30.0),
        weight=1.5,
    ),
    Style(
        "thermal-red",
        (297.0, 210.0),
        (RED, PINK, BROWN),
        ("solid", "dotted"),
        whole_sheet=True,
        pen=(0.2, 0.4),
        dots_per_mm=8.0,
        points_a_second=(250.0, 500.0),
        fonts=("plotter", "dots", "STIXGeneralBol", "DejaVuSans-Bold"),
        name_place=("above", "on", "below"),
        pulse=("left", "both", "between"),
        separators=("dotted", "bar", "marks"),
        header=("lines", "none"),
        row_height=(24.0, 40.0),
        column_jitter=0.08,
        weight=2.0,
    ),
    Style(
        "orange-points",
        (279.4, 215.9),
        (ORANGE,),
        ("points", "dotted"),
        pen=(0.22, 0.4),
        bold_width=(0.15, 0.3),
        fonts=("DejaVuSans-Bold", "cmss10"),
        name_place=("above",),
        pulse=("none", "left"),
        separators=("gap", "none"),
        header=("columns",),
        row_height=(22.0, 32.0),
    ),
    Style(
        "black-ticks",
        (279.4, 215.9),
        (BROWN, RED, GREY),
        ("absent", "solid"),
        pen=(0.2, 0.35),
        fine_strength=(0.3, 0.5),
        fonts=("DejaVuSans",),
        name_place=("below",),
        pulse=("left", "none"),
        separators=("tick",),
        header=("columns",),
        row_height=(30.0, 40.0),
        bold_width=(0.2, 0.4),
        weight=1.5,
    ),
    Style(
        "wide-strip",
        (300.0, 110.0),
        (RED, ORANGE, LILAC),
        ("solid",),
        whole_sheet=True,
        pen=(0.15, 0.3),
        dots_per_mm=8.0,
        points_a_second=(200.0, 400.0),
        fonts=("plotter", "DejaVuSansMono"),
        name_place=("above", "on"),
        pulse=("left", "once", "none"),
        separators=("marks", "bar", "none"),
        header=("none", "lines"),
        row_height=(16.0, 26.0),
        column_jitter=0.05,
    ),
    Style(
        "green-chart",
        (297.0, 210.0),
        (GREEN, BLUE_GREY),
        ("solid", "absent"),
        pen=(0.2, 0.35),
        pen_colours=(BLACK, (0.08, 0.10, 0.30)),
        fonts=("cmss10", "DejaVuSans-Oblique"),
        name_place=("left", "above"),
        pulse=("right", "left"),
        separators=("none", "gap"),
        header=("box", "lines"),
        row_height=(24.0, 36.0),
    ),
    Style(
        "grey-laser",
        (297.0, 210.0),
        (GREY, BLUE_GREY),
        ("solid", "dotted"),
        pen=(0.14, 0.26),
        fonts=("DejaVuSerif", "STIXGeneral", "cmr10"),
        name_place=("above", "left"),
        pulse=("right", "both"),
        separators=("bar", "none"),
        header=("box", "columns"),
        row_height=(20.0, 34.0),
        points_a_second=(1000.0, 500.0),
    ),
    Style(
        "thermal-old",
        (290.0, 205.0),
        (BROWN, ORANGE, PINK),
        ("solid",),
        whole_sheet=True,
        pen=(0.3, 0.55),
        dots_per_mm=6.0,
        points_a_second=(200.0,),
        fonts=("cmtt10", "round"),
        name_place=("on", "below"),
        pulse=("left", "between"),
        separators=("cross", "marks"),
        header=("none", "lines"),
        row_height=(24.0, 38.0),
        column_jitter=0.1,
        held_out=True,
    ),
    Style(
        "viewer-blue",
        (297.0, 210.0),
        (RED, BLUE_GREY),
        ("solid", "points"),
        pen=(0.18, 0.3),
        pen_colours=(BLACK, (0.05, 0.05, 0.35)),
        fonts=("DejaVuSansMono-Bold",),
        name_place=("above", "left"),
        pulse=("none", "right"),
        separators=("bar", "gap"),
        header=("lines",),
        row_height=(26.0, 38.0),
        held_out=True,
    ),
    Style(
        "ward-green",
        (279.4, 215.9),
        (GREEN, LILAC),
        ("dotted", "solid"),
        pen=(0.16, 0.34),
        fonts=("DejaVuSerif-Bold",),
        name_place=("below", "above"),
        pulse=("both", "once"),
        separators=("dotted", "tick"),
        header=("columns", "none"),
        row_height=(20.0, 34.0),
        held_out=True,
    ),
)

BY_NAME = {style.name: style for style in STYLES}
