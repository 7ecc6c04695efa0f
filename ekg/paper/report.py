"""One HTML page, complete in itself: the report that a reader opens first."""

from __future__ import annotations

import base64
import hashlib
import html
import re
from pathlib import Path

from PIL import Image

from ekg.errors import EkgError
from ekg.files import write_text
from ekg.paper.counts import class_counts
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
NOT_CLINICAL = "Research only. Not for clinical use."

_CSS = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; color: #1a1a1a;
       background: #fff; max-width: 58rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.6rem; line-height: 1.25; margin: 0 0 .5rem; }
h2 { font-size: 1.3rem; margin: 2.5rem 0 .75rem; padding-top: .75rem;
     border-top: 1px solid #ccc; }
h3 { font-size: 1rem; margin: 1.1rem 0 .2rem; }
.warning { display: inline-block; border: 2px solid #D55E00; padding: .15rem .6rem;
           font-weight: 600; }
.summary { background: #f4f6f8; border-left: 4px solid #0072B2; padding: .4rem 1.2rem .9rem;
           margin: 1.2rem 0; }
.summary p { margin: .3rem 0; }
.summary li { margin: .25rem 0; }
nav { margin: 1rem 0; } nav a { margin-right: 1.2rem; } a { color: #0059a0; }
figure { margin: 1.5rem 0 2rem; }
.row { display: flex; flex-wrap: wrap; gap: 0 2rem; align-items: flex-start; }
.row figure { margin-bottom: 1rem; }
.table { margin: 1.5rem 0 2rem; }
.caption { margin: .4rem 0; }
figure img { max-width: 100%; height: auto; display: block; }
figcaption, .caption { font-size: .9rem; color: #333; margin-top: .5rem; }
.file { color: #666; font-size: .8rem; }
.note { border-left: 4px solid #999; background: #f6f6f6; padding: .4rem .8rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .85rem; }
th:first-child, td:first-child { white-space: nowrap; }
th, td { padding: .25rem .6rem; border-bottom: 1px solid #ddd; text-align: left;
         vertical-align: top; }
thead th { border-bottom: 2px solid #555; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th.number { white-space: normal; vertical-align: bottom; }
@media print { nav { display: none; } figure, .scroll { break-inside: avoid; } }
"""


def write_report(run: RunFiles, output: Path) -> Path:
    """Write `report.html` from the notebooks' lists of figures and tables."""
    parts = sorted((output / PARTS_FOLDER).glob("*.json"))
    if not parts:
        raise EkgError(
            "no notebook has been executed for this folder",
            path=output,
            remedy="run `python -m ekg paper` without --report first",
        )
    sections = [(path.stem, *read_part(path)) for path in parts]
    title = f"EKG images: {run.name} on {run.dataset_title}"
    page = [
        "<!DOCTYPE html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{html.escape(title)}</title>",
        "{style}",
        "</head><body>",
        f"<h1>{html.escape(title)}</h1>",
        f'<p class="warning">{NOT_CLINICAL}</p>',
        *_summary(run),
        "<nav>Contents: "
        + " ".join(f'<a href="#{s}">{html.escape(heading)}</a>' for s, heading, _ in sections)
        + "</nav>",
    ]
    for stem, heading, items in sections:
        page.append(f'<section id="{stem}"><h2>{html.escape(heading)}</h2>')
        page += _items(output, items)
        page.append("</section>")
    page.append(_foot(run))
    page.append("</body></html>")
    page[page.index("{style}")] = _style(page)
    report = output / REPORT_FILE
    write_text(report, "\n".join(page) + "\n")
    return report


def _style(page: list[str]) -> str:
    """Return the page's style, and the policy that forbids everything but it and the images."""
    widths = sorted({int(width) for width in re.findall(r'<figure class="w(\d+)">', "".join(page))})
    css = _CSS + "".join(f".w{width} {{ max-width: {width}px; }}\n" for width in widths)
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode("ascii")
    policy = f"default-src 'none'; img-src data:; style-src 'sha256-{digest}'; base-uri 'none'"
    return f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n<style>{css}</style>'


def _summary(run: RunFiles) -> list[str]:
    figures = {
        fold: found for fold in ("test", "val") if (found := fold_metrics(run, fold)) is not None
    }
    results = what_result(figures) or ["No result yet: the run was not evaluated."]
    lines = ['<div class="summary">', "<h3>What was done</h3>"]
    lines += [f"<p>{html.escape(text)}</p>" for text in what_was_done(run)]
    lines += ["<h3>On what data</h3>", f"<p>{html.escape(what_data(run, class_counts(run)))}</p>"]
    lines.append("<h3>With what result</h3>")
    lines += [f"<p>{html.escape(text)}</p>" for text in results]
    lines += ["<h3>With what doubt</h3>", "<ul>"]
    lines += [f"<li>{html.escape(text)}</li>" for text in doubts(run, figures)]
    return [*lines, "</ul>", "</div>"]


def _items(output: Path, items: list[Item]) -> list[str]:
    """Return the items in order; figures one column wide are side by side."""
    lines: list[str] = []
    row: list[str] = []
    for item in [*items, None]:
        narrow = item is not None and item.kind == "figure" and _is_narrow(output, item)
        if item is not None and narrow:
            row.append(_figure(output, item))
            continue
        if row:
            lines.append(f'<div class="row">{"".join(row)}</div>')
            row = []
        if item is not None:
            lines.append(_figure(output, item) if item.kind == "figure" else _text_item(item))
    return lines


def _text_item(item: Item) -> str:
    text = html.escape(item.text)
    if item.kind == "note":
        return f'<p class="note">{text}</p>'
    rows = item.body.count("<tr>") - 1
    body = f'<div class="scroll">{item.body}</div>'
    if rows > LONG_TABLE:
        body = f"<details><summary>show all {rows} rows</summary>{body}</details>"
    return (
        f'<div class="table"><p class="caption"><strong>{html.escape(item.title)}.</strong></p>'
        f'{body}<p class="caption">{text} '
        f'<span class="file">tables/{item.name}.csv</span></p></div>'
    )


def _figure(output: Path, item: Item) -> str:
    png = output / "figures" / f"{item.name}.png"
    data = base64.b64encode(png.read_bytes()).decode("ascii")
    title = html.escape(item.title)
    return (
        f'<figure class="w{_shown_width(png)}"><img alt="{title}" '
        f'width="{_shown_width(png)}" src="data:image/png;base64,{data}"><figcaption>'
        f"<strong>{title}.</strong> {html.escape(item.text)} "
        f'<span class="file">figures/{item.name}.pdf</span></figcaption></figure>'
    )


def _is_narrow(output: Path, item: Item) -> bool:
    png = output / "figures" / f"{item.name}.png"
    if not png.exists():
        raise EkgError("figure is missing", path=png, remedy="execute the notebooks again")
    return _shown_width(png) < PAGE_WIDTH / 2


def _shown_width(png: Path) -> int:
    """Return the width in CSS pixels: a third larger than in print, for reading on a screen."""
    with Image.open(png) as image:
        return round(image.width / PNG_DPI * 96 * 4 / 3)


def _foot(run: RunFiles) -> str:
    made = "python -m ekg paper --run " + ("published" if run.is_published else run.folder.name)
    return (
        f"<h2>How this page was made</h2><p>From saved results alone, with <code>"
        f"{html.escape(made)}</code>. Every figure is beside this page as PDF and PNG, every "
        f"table as CSV and Markdown; the executed notebooks hold the code. {NOT_CLINICAL}</p>"
    )
