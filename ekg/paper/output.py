"""What a notebook starts with and leaves behind: its run, figures, tables, a list of them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ekg.errors import EkgError
from ekg.files import read_json, write_json, write_text
from ekg.paper.run_files import PROJECT, RunFiles, absolute, open_run
from ekg.paper.style import save_figure
from ekg.paper.tables import html_of, markdown_of

PARTS_FOLDER = "parts"


@dataclass(frozen=True)
class Item:
    """One thing to be shown: a figure, a table or a line of text."""

    kind: str  # `figure`, `table` or `note`
    name: str  # file name without its suffix; empty for a note
    title: str  # what it is and of which data
    text: str  # the caption, or the note itself
    body: str = ""  # A table's rows in HTML, for the report


def display_item(item: Item, content: Path | str | None) -> None:
    """Show an item in the notebook that runs this, if one does: image or table, then caption."""
    from IPython.core.getipython import get_ipython
    from IPython.display import Image, Markdown, display

    if get_ipython() is None:
        return
    show: Any = display  # IPython's functions have no types
    if isinstance(content, Path):
        show(Image(filename=str(content), width=_width_of(content) // 2))
    elif content is not None:
        show(Markdown(content))
    heading = f"**{item.title}.** " if item.title else ""
    show(Markdown(f"{heading}{item.text}"))


def _width_of(png: Path) -> int:
    from PIL import Image

    with Image.open(png) as image:
        return int(image.width)


class Output:
    """Collect one notebook's figures and tables in the output folder of a run.

    `finish` writes `parts/<topic>.json`, the list that the report is made from. What an earlier
    run of the same notebook left is removed at the start, so that nothing stale stays behind.
    """

    def __init__(self, folder: str | Path, topic: str, heading: str):
        self.folder, self.topic, self.heading = Path(folder), topic, heading
        self.items: list[Item] = []
        self._part = self.folder / PARTS_FOLDER / f"{topic}.json"
        for item in read_part(self._part)[1] if self._part.exists() else []:
            for path in self._files(item):
                path.unlink(missing_ok=True)
        self._part.unlink(missing_ok=True)

    def _files(self, item: Item) -> list[Path]:
        kinds = {"figure": ("figures", ("pdf", "png")), "table": ("tables", ("csv", "md"))}
        place, suffixes = kinds.get(item.kind, ("", ()))
        return [self.folder / place / f"{item.name}.{suffix}" for suffix in suffixes]

    def figure(self, name: str, figure: Figure, title: str, caption: str = "") -> None:
        """Save a figure as PDF and PNG, and display it."""
        _, png = save_figure(figure, self.folder / "figures", name)
        self._add(Item("figure", name, title, caption), png)

    def table(self, name: str, table: pd.DataFrame, title: str, caption: str = "") -> None:
        """Save a table as CSV (all digits) and Markdown (rounded, with title), and display it."""
        csv, markdown = self._files(Item("table", name, title, caption))
        write_text(csv, table.to_csv(index=False, lineterminator="\n"))
        body = markdown_of(table)
        write_text(markdown, f"**{title}**\n\n{body}\n" + (f"\n{caption}\n" if caption else ""))
        self._add(Item("table", name, title, caption, html_of(table)), body)

    def note(self, text: str) -> None:
        """Say in one line why something is not shown."""
        self._add(Item("note", "", "", " ".join(text.split())), None)

    def _add(self, item: Item, content: Path | str | None) -> None:
        if item.name and any((item.kind, item.name) == (i.kind, i.name) for i in self.items):
            raise EkgError(f"two {item.kind}s are called {item.name}", path=self.folder)
        self.items.append(item)
        display_item(item, content)

    def finish(self) -> None:
        """Write the list of what was made, for the report."""
        write_json(
            self._part,
            {"heading": self.heading, "items": [asdict(item) for item in self.items]},
        )


def read_part(path: str | Path) -> tuple[str, list[Item]]:
    """Read the list that one notebook left."""
    content = read_json(path)
    try:
        return str(content["heading"]), [Item(**item) for item in content["items"]]
    except (KeyError, TypeError) as error:
        raise EkgError(
            f"is not a list of figures ({json.dumps(str(error))})",
            path=path,
            remedy="remove it and draw the figures again",
        ) from None


def default_output(run: RunFiles) -> Path:
    """Return `paper/output/<run>`."""
    name = "published" if run.is_published else run.folder.name
    return PROJECT / "paper" / "output" / name


def open_topic(
    topic: str, heading: str, run: str, images: str, output: str, dataset_title: str
) -> tuple[RunFiles, Output]:
    """Return the run's files and the notebook's output."""
    files = open_run(run, images, dataset_title)
    folder = absolute(output) if output else default_output(files)
    return files, Output(folder, topic, heading)
