"""One HTML page, complete in itself: the report that a reader opens first."""

from __future__ import annotations

import base64
import hashlib
import io
from dataclasses import asdict
from importlib import resources
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from ekg.errors import EkgError
from ekg.files import write_text
from ekg.markdown import render
from ekg.paper.counts import class_counts
from ekg.paper.notebooks import is_extra, notebook_names
from ekg.paper.output import PARTS_FOLDER, Item, read_part
from ekg.paper.run_files import RunFiles
from ekg.paper.scores import fold_metrics
from ekg.paper.style import PNG_DPI
from ekg.paper.summary import doubts, what_data, what_result, what_was_done

REPORT_FILE = "report.html"
PAGE_WIDTH = 928
"""Of the text, in CSS pixels."""
LONG_TABLE = 25
"""Rows; a longer table is folded up."""
LINES = ((1.5, 64), (1.5, 32), (1.5, 16))
"""Pixels for each CSS pixel, and colours, of a figure of lines or greys: the first small enough."""
SHADES = ((1.25, 64), (1.0, 32))
"""The same of a figure with shades of colours that is too large as lines."""
LARGEST_FIGURE = 320_000
"""Characters of an embedded figure; about thirty figures then stay below 2 MB."""
NOT_CLINICAL = "Research only. Not for clinical use."


def write_report(run: RunFiles, output: Path) -> Path:
    """Write `report.html` from the notebooks' lists of figures and tables."""
    paths = {name: output / PARTS_FOLDER / f"{name}.json" for name in notebook_names()}
    parts = {name: read_part(path) for name, path in paths.items() if path.exists()}
    if not parts:
        raise EkgError(
            "no notebook has been executed for this folder",
            path=output,
            remedy="run `python -m ekg paper` without --report first",
        )
    papers = [i for name, (_, items) in parts.items() if not is_extra(name) for i in items]
    sections = [("paper", "The paper's figures and tables", papers)] if papers else []
    sections += [(name, *part) for name, part in parts.items() if is_extra(name)]
    shown = [
        {"stem": stem, "heading": heading, "items": _side_by_side(output, items)}
        for stem, heading, items in sections
    ]
    metrics = {
        fold: found for fold in ("test", "val") if (found := fold_metrics(run, fold)) is not None
    }
    css, policy = _style(shown)
    report = output / REPORT_FILE
    page = render(
        "ekg.paper",
        "report.html.j2",
        title=f"EKG images: {run.name} on {run.dataset_title}",
        not_clinical=NOT_CLINICAL,
        css=css,
        policy=policy,
        summary={
            "What was done": what_was_done(run),
            "On what data": [what_data(run, class_counts(run))],
            "With what result": what_result(metrics)
            or ["No result yet: the run was not evaluated."],
        },
        doubts=doubts(run, metrics),
        sections=shown,
        long_table=LONG_TABLE,
        made_by="python -m ekg paper --run "
        + ("published" if run.is_published else run.folder.name),
    )
    write_text(report, page)
    return report


def _side_by_side(output: Path, items: list[Item]) -> list[dict[str, Any]]:
    """Return what the template shows; neighbouring figures one column wide are one row."""
    found: list[dict[str, Any]] = []
    for item in items:
        one = asdict(item)
        if item.kind == "figure":
            one |= _embedded(output / "figures" / f"{item.name}.png")
        elif item.kind == "table":
            one["rows"] = item.body.count("<tr>") - 1
        if item.kind != "figure" or one["width"] >= PAGE_WIDTH / 2:
            found.append(one)
        elif found and found[-1]["kind"] == "row":
            found[-1]["figures"].append(one)
        else:
            found.append({"kind": "row", "figures": [one]})
    return found


def _embedded(png: Path) -> dict[str, Any]:
    """Return a figure for the page: its width, and a smaller PNG of few colours.

    It is shown a third larger than in print, in CSS pixels. The file beside the page has all of
    its pixels and colours.
    """
    if not png.exists():
        raise EkgError("figure is missing", path=png, remedy="execute the notebooks again")
    with Image.open(png) as image:
        full = image.convert("RGB")
    width = round(full.width / PNG_DPI * 96 * 4 / 3)
    # Median cut keeps the faint grid of an EKG; among shades of a colour it loses black letters,
    # which an octree keeps.
    tries = [(*quality, Image.Quantize.MEDIANCUT) for quality in LINES]
    red, green, _ = full.split()
    if ImageChops.difference(red, green).getbbox():
        tries[1:] = [(*quality, Image.Quantize.FASTOCTREE) for quality in SHADES]
    for density, colours, method in tries:
        size = round(density * width), round(density * width * full.height / full.width)
        small = full.resize(size, Image.Resampling.LANCZOS)
        stream = io.BytesIO()
        small.quantize(colours, method, dither=Image.Dither.NONE).save(stream, "PNG", optimize=True)
        encoded = base64.b64encode(stream.getvalue()).decode("ascii")
        if len(encoded) <= LARGEST_FIGURE:
            break
    return {"width": width, "png": encoded}


def _style(sections: list[dict[str, Any]]) -> tuple[str, str]:
    """Return the page's style, and the policy that forbids everything but it and the images."""
    css = resources.files("ekg.paper").joinpath("templates/report.css").read_text("utf-8")
    flat = [one for s in sections for item in s["items"] for one in item.get("figures", [item])]
    for width in sorted({one["width"] for one in flat if one["kind"] == "figure"}):
        css += f".w{width} {{ max-width: {width}px; }}\n"
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii")
    return css, f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'"
