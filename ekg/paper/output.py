"""What a notebook leaves behind: figures, tables, and a list of them for the report."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from ekg.errors import EkgError
from ekg.files import read_json, write_json, write_text
from ekg.paper.style import save_figure
from ekg.paper.tables import markdown_of

PARTS_FOLDER = "parts"


@dataclass(frozen=True)
class Item:
    """One thing to be shown: a figure, a table or a line of text.

    Parameters
    ----------
    kind
        `figure`, `table` or `note`.
    name
        File name without its suffix; empty for a note.
    title
        What it is and of which data.
    text
        The caption, or the note itself.
    """

    kind: str
    name: str
    title: str
    text: str


class Shown:
    """An item that a notebook displays: the picture or table, then its caption."""

    def __init__(self, item: Item, content: Path | str | None):
        self.item, self.content = item, content

    def _ipython_display_(self) -> None:
        from IPython.display import Image, Markdown, display

        show: Any = display  # IPython's functions have no types
        if isinstance(self.content, Path):
            show(Image(filename=str(self.content), width=1000))
        elif self.content is not None:
            show(Markdown(self.content))
        heading = f"**{self.item.title}** " if self.item.title else ""
        show(Markdown(f"{heading}{self.item.text}"))


class Output:
    """Collect one notebook's figures and tables in the output folder of a run.

    Parameters
    ----------
    folder
        The output folder (`paper/output/<run>`); made when missing.
    topic
        The notebook's name (`3_results`).
    heading
        Its heading in the report.

    Notes
    -----
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

    def figure(self, name: str, figure: Figure, title: str, caption: str = "") -> Shown:
        """Save a figure as PDF and PNG; the last line of a cell displays it."""
        _, png = save_figure(figure, self.folder / "figures", name)
        return self._add(Item("figure", name, title, caption), png)

    def table(self, name: str, table: pd.DataFrame, title: str, caption: str = "") -> Shown:
        """Save a table as CSV (all digits) and Markdown (rounded, with title and caption)."""
        csv, markdown = self._files(Item("table", name, title, caption))
        write_text(csv, table.to_csv(index=False, lineterminator="\n"))
        body = markdown_of(table)
        write_text(markdown, f"**{title}**\n\n{body}\n" + (f"\n{caption}\n" if caption else ""))
        return self._add(Item("table", name, title, caption), body)

    def note(self, text: str) -> Shown:
        """Say in one line why something is not shown."""
        return self._add(Item("note", "", "", " ".join(text.split())), None)

    def _add(self, item: Item, content: Path | str | None) -> Shown:
        if item.name and any(item.name == other.name for other in self.items):
            raise EkgError(f"two figures or tables are called {item.name}", path=self.folder)
        self.items.append(item)
        return Shown(item, content)

    def finish(self) -> None:
        """Write the list of what was made, for the report."""
        write_json(
            self._part,
            {"heading": self.heading, "items": [asdict(item) for item in self.items]},
        )


def read_part(path: str | Path) -> tuple[str, list[Item]]:
    """Read the list that one notebook left.

    Returns
    -------
    tuple
        Its heading and its items in the order they were made.

    Raises
    ------
    EkgError
        If the file is not such a list.
    """
    content = read_json(path)
    try:
        return str(content["heading"]), [Item(**item) for item in content["items"]]
    except (KeyError, TypeError) as error:
        raise EkgError(
            f"not the list of a notebook's figures ({json.dumps(str(error))})",
            path=path,
            remedy="remove it and draw the figures again",
        ) from None
