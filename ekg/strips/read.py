"""Read a file: each of its pages becomes a recording or a refusal."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ekg.errors import EkgError
from ekg.records.record import LEADS
from ekg.strips.intake import SourcePage, StripError, open_pages, render
from ekg.strips.judge import Verdict, judge
from ekg.strips.layout import layout_named, layouts
from ekg.strips.overlay import draw_overlay
from ekg.strips.picture import PictureOptions, read_picture
from ekg.strips.reading import RATE, Reading, places_of, to_record

_OVERLAY_DPI = 150


@dataclass(frozen=True)
class ReadOptions:
    """What the user says about a page; None where the page itself is to tell."""

    layout: str | None = None
    speed: float | None = None
    """mm/s."""
    gain: float | None = None
    """mm/mV."""
    corners: tuple[tuple[float, float], ...] | None = None
    """Four corners of the paper in the image's pixels, clockwise from its upper left."""
    keep_page: bool = False

    def __post_init__(self) -> None:
        for name, value, low, high in (
            ("speed", self.speed, 5, 200),
            ("gain", self.gain, 1, 80),
        ):
            if value is not None and not low <= value <= high:
                raise EkgError(f"{name} is {value:g}, expected {low} to {high}")
        if self.layout is not None and layout_named(self.layout) is None:
            names = ", ".join(layout.name for layout in layouts())
            raise EkgError(f"unknown layout {self.layout!r}, expected one of {names}")
        if self.corners is not None and (
            len(self.corners) != 4
            or any(len(c) != 2 or not all(map(math.isfinite, c)) for c in self.corners)
        ):
            raise EkgError("corners must be four points x,y")


def options_from_json(path: str | Path) -> ReadOptions:
    """Read `layout`, `speed`, `gain` and `corners` from a JSON file."""
    from ekg.files import read_json

    content = read_json(path)
    known = {"layout", "speed", "gain", "corners"}
    if not isinstance(content, dict) or set(content) - known:
        raise EkgError(f"expected a table with {', '.join(sorted(known))}", path=path)
    try:
        corners = content.get("corners")
        return ReadOptions(
            layout=None if content.get("layout") in (None, "auto") else str(content["layout"]),
            speed=None if content.get("speed") is None else float(content["speed"]),
            gain=None if content.get("gain") is None else float(content["gain"]),
            corners=None
            if corners is None
            else tuple((float(point[0]), float(point[1])) for point in corners),
        )
    except (TypeError, ValueError, IndexError, KeyError) as error:
        raise EkgError(f"a value has the wrong type ({error})", path=path) from None
    except EkgError as error:
        raise EkgError(error.problem, path=path, remedy=error.remedy) from None


@dataclass(frozen=True)
class _ReadPage:
    source: SourcePage
    verdict: Verdict
    pixels_per_mm: float
    picture: Image.Image | None
    """Of a page that was read as an image; what the traces' lines refer to."""


def read_pages(
    path: str | Path, options: ReadOptions | None = None, name: str | None = None
) -> list[Reading]:
    """Read all pages of a file.

    Parameters
    ----------
    path
        An image or PDF.
    options
        What the user says about the page.
    name
        Of the record; default: the file's name without its ending.

    Returns
    -------
    list of Reading
        One for each page that shows an EKG; a limb page and a chest page that follow each
        other are one.

    Raises
    ------
    StripError
        If nothing could be read, with the reason.
    """
    path = Path(path)
    options = options or ReadOptions()
    name = record_name(path) if name is None else name
    done: list[_ReadPage] = []
    problems: list[StripError] = []
    for source in open_pages(path):
        try:
            done.append(_read_page(source, options))
        except StripError as error:
            front = f"page {source.number}: " if source.count > 1 else ""
            problems.append(StripError(front + error.problem, path=path, remedy=error.remedy))
    if not done:
        raise problems[0]
    groups = _grouped(done)
    readings = []
    for number, group in enumerate(groups, start=1):
        own = f"{name}-p{number}" if len(groups) > 1 else name
        notes = [error.problem for error in problems] if number == 1 else []
        readings.append(_reading(group, own, path, options, notes))
    return readings


def read_strip(path: str | Path, *, page: int | None = None, **options: Any) -> Reading:
    """Read a printed EKG: a photograph, scan, screen image or PDF.

    Parameters
    ----------
    path
        The file.
    page
        Which EKG of a file that holds several, from 1.
    **options
        `layout` ("3x4+1", ...), `speed` (mm/s), `gain` (mm/mV), `corners` of the paper and
        `keep_page` (leave the page's other text in the overlay).

    Returns
    -------
    Reading
        With `record` (a `Record`), `report` (dict) and `overlay` (image).

    Raises
    ------
    StripError
        If the file cannot be read as an EKG, with the reason and what to do.
    """
    readings = read_pages(path, ReadOptions(**options))
    if page is None and len(readings) > 1:
        raise StripError(
            f"contains {len(readings)} EKGs", path=path, remedy="choose one with page=1, 2, ..."
        )
    number = 1 if page is None else page
    if not 1 <= number <= len(readings):
        raise StripError(f"contains {len(readings)} EKGs, not {number}", path=path)
    return readings[number - 1]


def record_name(path: Path) -> str:
    """Return the record's name: the file's, with `_` for what WFDB forbids."""
    name = "".join(c if c.isascii() and (c.isalnum() or c in "-_") else "_" for c in path.stem)
    return name or "_"


def _read_page(source: SourcePage, options: ReadOptions) -> _ReadPage:
    if source.pdf is not None:
        from ekg.strips.vector import VectorOptions, read_vector

        scale = _OVERLAY_DPI / 25.4
        page = read_vector(source.pdf, VectorOptions(options.speed, options.gain), scale)
        if page is not None:
            return _ReadPage(source, judge(page), scale, None)
    rgb = source.pixels()
    if options.corners is not None:
        rgb = _rectified(rgb, np.array(options.corners) / source.shrink)
    layout = None if options.layout is None else layout_named(options.layout)
    found = read_picture(rgb, PictureOptions(layout, options.speed, options.gain))
    pixels = found.facts["pixels_per_mm"]
    assert isinstance(pixels, float)
    return _ReadPage(source, judge(found), pixels, Image.fromarray(rgb))


def _rectified(rgb: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """Return the part of an image between four corners as a rectangle."""
    height, width = rgb.shape[:2]
    if (corners < -0.5).any() or (corners > (width + 0.5, height + 0.5)).any():
        raise StripError(
            f"a corner is outside the image of {width} x {height} pixels",
            remedy="give corners in the image's own pixels",
        )
    sides = np.hypot(*(np.roll(corners, -1, axis=0) - corners).T)
    wide, high = round(max(sides[0], sides[2])), round(max(sides[1], sides[3]))
    if min(wide, high) < 100:
        raise StripError("the corners lie too close together", remedy="give the paper's corners")
    target = np.array([(0, 0), (wide, 0), (wide, high), (0, high)], dtype=float)
    system, right = [], []
    for (x, y), (u, v) in zip(target, corners, strict=True):
        system += [
            [x, y, 1, 0, 0, 0, -u * x, -u * y],
            [0, 0, 0, x, y, 1, -v * x, -v * y],
        ]
        right += [u, v]
    try:
        coefficients = np.linalg.solve(np.array(system), np.array(right))
    except np.linalg.LinAlgError:
        raise StripError("the corners span no page", remedy="give the paper's corners") from None
    picture = Image.fromarray(rgb).transform(
        (wide, high),
        Image.Transform.PERSPECTIVE,
        tuple(float(one) for one in coefficients),
        Image.Resampling.BILINEAR,
    )
    return np.asarray(picture)


def _grouped(pages: list[_ReadPage]) -> list[list[_ReadPage]]:
    """Put a page with some leads and the next page with the others together."""
    groups: list[list[_ReadPage]] = []
    for page in pages:
        own = _lead_names(page)
        if groups:
            last = set().union(*(_lead_names(one) for one in groups[-1]))
            if not own & last and len(own | last) <= 12 and groups[-1][-1].source.count > 1:
                groups[-1].append(page)
                continue
        groups.append([page])
    return groups


def _lead_names(page: _ReadPage) -> set[str]:
    return {trace.lead.removeprefix("-") for trace in page.verdict.page.traces}


def _reading(
    group: list[_ReadPage], name: str, path: Path, options: ReadOptions, notes: list[str]
) -> Reading:
    records = [to_record(page.verdict.page, name, path) for page in group]
    record = records[0]
    starts = [0]
    for other in records[1:]:
        signal, start = _appended(record.signal, other.signal)
        starts.append(start)
        header = replace(record.header, n_samples=signal.shape[1])
        record = replace(record, header=header, signal=signal)
    overlays: list[Image.Image] = []
    places = np.full((*record.signal.shape, 2), np.nan)
    for page, start in zip(group, starts, strict=True):
        picture = _picture(page)
        top = sum(overlay.height for overlay in overlays)
        own = places_of(page.verdict.page) + np.array([0, top])
        shown = np.isfinite(own[..., 0]).any(axis=1)
        places[shown, start : start + own.shape[1]] = own[shown]
        overlays.append(
            draw_overlay(
                picture, page.verdict.page, page.pixels_per_mm, keep_page=options.keep_page
            )
        )
    report = _report(group, record.signal, starts, path, notes)
    return Reading(record=record, report=report, overlay=_stacked(overlays), places=places)


def _picture(page: _ReadPage) -> Image.Image:
    if page.picture is not None:
        return page.picture
    assert page.source.pdf is not None
    return render(page.source.pdf, _OVERLAY_DPI)


def _stacked(pictures: list[Image.Image]) -> Image.Image:
    if len(pictures) == 1:
        return pictures[0]
    width = max(picture.width for picture in pictures)
    whole = Image.new("RGB", (width, sum(picture.height for picture in pictures)), "white")
    top = 0
    for picture in pictures:
        whole.paste(picture, (0, top))
        top += picture.height
    return whole


def _appended(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, int]:
    """Join the signals of two pages; return also where the second begins.

    Pages whose beats fall together show the same seconds; others follow each other.
    """
    start = 0 if _simultaneous(first, second) else first.shape[1]
    length = max(first.shape[1], start + second.shape[1])
    joined = np.full((len(LEADS), length), np.nan)
    joined[:, : first.shape[1]] = first
    for row in range(len(LEADS)):
        if np.isfinite(second[row]).any():
            joined[row, start : start + second.shape[1]] = second[row]
    return joined, start


def _simultaneous(first: np.ndarray, second: np.ndarray) -> bool:
    count = min(first.shape[1], second.shape[1])
    if abs(first.shape[1] - second.shape[1]) > 0.02 * count:
        return False
    one, two = (_activity(signal[:, :count]) for signal in (first, second))
    return float(np.corrcoef(one, two)[0, 1]) > 0.7


def _activity(signal: np.ndarray) -> np.ndarray:
    """Return how fast the leads change, smoothed over 60 ms: high where there are QRS."""
    steps = np.abs(np.diff(np.nan_to_num(signal), axis=1)).sum(axis=0)
    return np.convolve(np.minimum(steps, 0.5), np.ones(30) / 30, mode="same")


def _report(
    group: list[_ReadPage], signal: np.ndarray, starts: list[int], path: Path, notes: list[str]
) -> dict[str, Any]:
    leads: dict[str, Any] = {}
    for lead, row in zip(LEADS, signal, strict=True):
        known = np.flatnonzero(np.isfinite(row))
        if len(known):
            leads[lead] = {"from": known[0] / RATE, "to": (known[-1] + 1) / RATE}
    pages = []
    for page, start in zip(group, starts, strict=True):
        found = page.verdict.page
        for trace in found.traces:
            lead = trace.lead.removeprefix("-")
            if lead in leads:
                leads[lead]["confidence"] = round(trace.confidence, 3)
        pages.append(
            {
                "page": page.source.number,
                "begins": start / RATE,
                "method": found.method,
                "layout": found.layout,
                "names_from": found.names_source,
                "speed_mm_per_s": found.scale.speed,
                "speed_from": found.scale.speed_source,
                "gain_mm_per_mv": found.scale.gain,
                "gain_from": found.scale.gain_source,
                "facts": found.facts,
                "checks": page.verdict.checks,
                "refused_leads": page.verdict.refused,
            }
        )
    refused = any(page.verdict.refused for page in group)
    warnings = [text for page in group for text in page.verdict.page.warnings]
    return {
        "file": path.name,
        "outcome": "read in part" if refused else "read",
        "leads": leads,
        "pages": pages,
        "warnings": [*warnings, *notes],
        "note": "Not for clinical use. Check the overlay against the page.",
    }


def report_text(report: dict[str, Any]) -> str:
    """Return a report as JSON."""
    return json.dumps(report, indent=2)
