"""The simulator's ranges and their sources as Markdown tables, and marked blocks in a page."""

from __future__ import annotations

from pathlib import Path

from ekg.errors import EkgError
from ekg.files import write_text
from ekg.simulator.ranges import NOISE, RANGES
from ekg.simulator.sources import SOURCES


def ranges_table() -> str:
    """Return every range of the simulator with its unit and source."""
    lines = [
        "| parameter | lowest | highest | drawn from | unit | source |",
        "|---|---|---|---|---|---|",
    ]
    for name, given in RANGES.items():
        law = "uniform" if given.sd is None else f"normal, mean {given.mean:g}, SD {given.sd:g}"
        lines.append(
            f"| {name} | {given.low:g} | {given.high:g} | {law} | {given.unit} | {given.source} |"
        )
    for name, noise in NOISE.items():
        law = f"log-normal, median {noise.median:g}, SD of log {noise.spread:g}"
        lines.append(
            f"| noise.{name} | {noise.low:g} | {noise.high:g} | {law} | {noise.unit} | "
            f"{noise.source} |"
        )
    return "\n".join(lines) + "\n"


def sources_list() -> str:
    """Return the list of publications that the ranges and the code name."""
    return "".join(f"* **{key}**: {title}.\n" for key, title in sorted(SOURCES.items()))


def block_of(page: Path, mark: str) -> str:
    """Return what stands between a page's two marks `<!-- mark: begin -->` and `end`.

    Raises
    ------
    EkgError
        If the page or a mark is missing.
    """
    return _parts(page, mark)[1]


def replace_block(page: Path, mark: str, content: str) -> None:
    """Put `content` between a page's two marks."""
    before, _, after = _parts(page, mark)
    write_text(page, before + content + after)


def _parts(page: Path, mark: str) -> tuple[str, str, str]:
    begin, end = f"<!-- {mark}: begin -->\n", f"<!-- {mark}: end -->"
    try:
        text = page.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise EkgError("no such page", path=page) from None
    if text.count(begin) != 1 or text.count(end) != 1:
        raise EkgError(f"the marks {begin.strip()} and {end} must stand there once", path=page)
    before, rest = text.split(begin)
    block, after = rest.split(end)
    return before + begin, block, end + after
