from __future__ import annotations

import html.parser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ekg.errors import EkgError
from ekg.files import write_text
from ekg.paper.figures.confusion import confusion_figure
from ekg.paper.output import Output, read_part
from ekg.paper.report import LARGEST_FIGURE, write_report
from ekg.paper.run_files import open_run


class Page(html.parser.HTMLParser):
    """Collect where a page points and what it shows."""

    def __init__(self) -> None:
        super().__init__()
        self.targets: list[str] = []
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.targets += [value or "" for name, value in attrs if name in ("src", "href")]

    def handle_data(self, data: str) -> None:
        self.text += data


def small_output(folder: Path) -> Output:
    out = Output(folder, "extra_results", "Results <b>")
    figure = confusion_figure([[2, 1], [0, 3]], ["A", "B"], "title", normalised=True)
    out.figure("matrix", figure, "Matrix <i>", "caption & more")
    out.table("numbers", pd.DataFrame({"class": ["<A>"], "n": [3]}), "Numbers", "of records")
    out.note("only   hard\nlabels")
    return out


def test_the_report_is_complete_in_itself(made_up: Path, tmp_path: Path) -> None:
    small_output(tmp_path).finish()
    report = write_report(open_run(made_up / "run"), tmp_path)
    page = Page()
    page.feed(report.read_text())
    assert page.targets
    assert all(target.startswith(("data:image/png;base64,", "#")) for target in page.targets)
    assert not {"script", "link", "iframe", "b", "i"} & set(page.tags)
    for words in (
        "Not for clinical use",
        "What was done",
        "On what data",
        "With what result",
        "With what doubt",
        "Synthetic (simulated)",
        "Matrix <i>",
        "caption & more",
        "<A>",
        "only hard labels",
        "Results <b>",
    ):
        assert words in page.text, words


def test_a_report_without_notebooks_or_with_a_lost_figure_is_refused(
    made_up: Path, tmp_path: Path
) -> None:
    files = open_run(made_up / "run")
    with pytest.raises(EkgError, match="no notebook has been executed"):
        write_report(files, tmp_path)
    small_output(tmp_path).finish()
    (tmp_path / "figures" / "matrix.png").unlink()
    with pytest.raises(EkgError, match=r"matrix\.png: figure is missing"):
        write_report(files, tmp_path)
    assert not (tmp_path / "report.html").exists()


def test_a_second_run_removes_what_the_first_left(tmp_path: Path) -> None:
    small_output(tmp_path).finish()
    heading, items = read_part(tmp_path / "parts" / "extra_results.json")
    assert heading == "Results <b>"
    assert [item.kind for item in items] == ["figure", "table", "note"]
    assert (tmp_path / "tables" / "numbers.md").read_text().startswith("**Numbers**\n\n| class")
    other = Output(tmp_path, "extra_data", "Data")
    other.note("stays")
    other.finish()
    Output(tmp_path, "extra_results", "Results")
    left = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"extra_data.json"}


def test_names_are_unique_within_figures_and_within_tables(tmp_path: Path) -> None:
    out = small_output(tmp_path)
    out.table("matrix", pd.DataFrame({"n": [1]}), "A table may share a figure's name")
    with pytest.raises(EkgError, match="two tables are called matrix"):
        out.table("matrix", pd.DataFrame({"n": [1]}), "again")


def test_a_list_of_another_kind_is_refused(tmp_path: Path) -> None:
    write_text(tmp_path / "x.json", "[]")
    with pytest.raises(EkgError, match=r"x\.json: is not a list of figures"):
        read_part(tmp_path / "x.json")


def test_the_report_opens_with_the_papers_figures_each_shown_once(
    made_up: Path, tmp_path: Path
) -> None:
    figure = confusion_figure([[2, 1], [0, 3]], ["A", "B"], "title", normalised=True)
    for name in ("extra_data", "loss", "confusion_raw_test"):
        out = Output(tmp_path, name, "Heading")
        out.figure(name, figure, f"Figure {name}", "")
        out.finish()
    page = write_report(open_run(made_up / "run"), tmp_path).read_text()
    names = ("confusion_raw_test", "loss", "extra_data")
    places = [page.index(f"figures/{name}.pdf") for name in names]
    assert places == sorted(places)
    assert page.count("<img ") == 3
    assert page.index('id="paper"') < places[0] < places[1] < page.index('id="extra_data"')
    files = sum(path.stat().st_size for path in (tmp_path / "figures").glob("*.png"))
    assert len(page) < files


def test_a_figure_of_many_colours_is_made_small_enough(made_up: Path, tmp_path: Path) -> None:
    out = small_output(tmp_path)
    out.finish()
    smooth = np.random.default_rng(1).random((60, 60, 3)) * 255
    large = Image.fromarray(smooth.astype(np.uint8)).resize((2100, 2100), Image.Resampling.BICUBIC)
    large.save(tmp_path / "figures" / "matrix.png")
    page = Page()
    page.feed(write_report(open_run(made_up / "run"), tmp_path).read_text())
    images = [len(target) for target in page.targets if target.startswith("data:")]
    assert len(images) == 1
    assert images[0] <= LARGEST_FIGURE + 30
