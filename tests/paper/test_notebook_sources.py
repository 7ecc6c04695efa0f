"""Every notebook's code runs, here without a kernel, on whatever a run has saved."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import jupytext
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text

from ekg.paper.notebooks import SOURCES, is_extra, notebook_names
from ekg.paper.output import PARTS_FOLDER, Item, read_part

NAMES = notebook_names()


def run_source(name: str, run: Path, images: str, output: Path) -> list[Item]:
    """Run a notebook's cells in order with these parameters; return what it left."""
    parameters = {"run": str(run), "images": images, "output": str(output), "dataset_title": ""}
    names: dict[str, Any] = {}
    for cell in code_cells(name):
        if "parameters" in cell.metadata.get("tags", []):
            names.update(parameters)
            continue
        with contextlib.chdir(SOURCES):
            exec(compile(cell.source, f"{name}.py", "exec"), names)
    return read_part(output / PARTS_FOLDER / f"{name}.json")[1]


def named(items: list[Item], kind: str) -> set[str]:
    return {item.name for item in items if item.kind == kind}


def notes(items: list[Item]) -> str:
    return "\n".join(item.text for item in items if item.kind == "note")


def test_each_figure_and_table_of_the_papers_files_has_a_notebook_of_its_name() -> None:
    papers = [name for name in NAMES if not is_extra(name)]
    folds = ("test", "val")
    assert papers == [
        *(f"classes_{fold}" for fold in folds),
        *(f"confusion_{kind}_{fold}" for kind in ("normalised", "raw") for fold in folds),
        "loss",
        "loss_train",
        "loss_val",
    ]
    assert NAMES[len(papers) :] == [
        f"extra_{topic}" for topic in ("comparison", "data", "results", "saliency", "training")
    ]


def code_cells(name: str) -> list[Any]:
    cells = jupytext.read(SOURCES / f"{name}.py", fmt="py:percent").cells
    return [cell for cell in cells if cell.cell_type == "code"]


@pytest.mark.parametrize("place", ["notebooks", "output/some-run"])
def test_a_notebook_opened_by_itself_finds_the_project(place: str, tmp_path: Path) -> None:
    first = {code_cells(name)[0].source for name in NAMES}
    assert len(first) == 1
    (tmp_path / "paper" / "notebooks").mkdir(parents=True)
    shutil.copy(SOURCES / "_set_up.py", tmp_path / "paper" / "notebooks")
    folder = tmp_path / "paper" / place
    folder.mkdir(parents=True, exist_ok=True)
    code = f"{first.pop()}\nprint(_set_up.PROJECT in map(_set_up.Path, sys.path), _set_up.PROJECT)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == f"True {tmp_path}"


@pytest.mark.parametrize("name", NAMES)
def test_parameters_have_defaults(name: str) -> None:
    tagged = [cell for cell in code_cells(name) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    defaults: dict[str, Any] = {}
    exec(tagged[0].source, defaults)
    for parameter in ("run", "images", "output", "dataset_title"):
        assert defaults[parameter] == ""


def test_a_whole_run_gives_every_figure_and_table(
    made_up: Path, tmp_path: Path, drawn: dict[str, Figure]
) -> None:
    found = {
        name: run_source(name, made_up / "run", str(made_up / "images"), tmp_path) for name in NAMES
    }
    figures = set().union(*(named(items, "figure") for items in found.values()))
    assert figures >= {
        "class_counts",
        "slices_per_record",
        "examples",
        "split",
        "loss",
        "loss_train",
        "loss_val",
        "scores_val",
        "class_scores",
        "confusion_raw_val",
        "confusion_raw_test",
        "confusion_normalised_val",
        "confusion_normalised_test",
        "curves_val",
        "curves_test",
        "reliability_val",
        "reliability_test",
        "compared_overall",
        "compared_by_class",
        "compared_differences",
        "compared_confusion",
        "published_overall",
        "published_by_class",
        "published_confusion",
        "saliency_examples",
        "saliency_by_lead",
        "saliency_by_class",
        "saliency_randomised",
    }
    assert "published_differences" not in figures  # other data: nothing is subtracted
    assert set(drawn) == figures
    tables = set().union(*(named(items, "table") for items in found.values()))
    assert tables >= {"class_counts", "records_kept", "training", "settings", "classes_test"}
    for name in tables:
        assert (tmp_path / "tables" / f"{name}.csv").exists()
        assert (tmp_path / "tables" / f"{name}.md").exists()
    assert "not comparable" in notes(found["extra_comparison"])
    for items in found.values():
        for item in items:
            if item.kind != "note":
                assert "Synthetic" in item.title, item
    for name, figure in drawn.items():
        texts = " ".join(text.get_text() for text in figure.findobj(Text))
        assert "Synthetic" in texts, f"no dataset in the title of {name}"


@pytest.mark.usefixtures("drawn")
def test_hard_labels_alone_say_in_a_line_what_cannot_be_drawn(
    hard_labels: Path, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    found = {name: run_source(name, hard_labels, "", output) for name in NAMES}
    assert "only hard labels were saved" in notes(found["extra_results"])
    assert not named(found["extra_results"], "figure") & {"curves_test", "reliability_test"}
    assert "confusion_raw_test" in named(found["confusion_raw_test"], "figure")
    assert "not evaluated" in notes(found["confusion_raw_val"])
    assert "images are not here" in notes(found["extra_data"])
    assert "examples" not in named(found["extra_data"], "figure")
    assert "No training history" in notes(found["loss"])
    assert "No comparison" in notes(found["extra_comparison"])
    assert "No saliency" in notes(found["extra_saliency"])


@pytest.mark.usefixtures("drawn")
def test_the_published_predictions_alone_are_enough(
    shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EKG_SHARED", str(shared))
    found = {name: run_source(name, Path("published"), "", tmp_path) for name in NAMES}
    assert named(found["extra_data"], "figure") == {"class_counts", "slices_per_record"}
    assert "loss" in named(found["loss"], "figure")
    assert "confusion_normalised_test" in named(found["confusion_normalised_test"], "figure")
    scores = (tmp_path / "tables" / "scores_test.md").read_text()
    assert "CPSC 2018" in scores
    assert "0.790 (0.76" in scores  # the paper's record-weighted accuracy
    counts = (tmp_path / "tables" / "class_counts.csv").read_text()
    assert "4411" in counts  # RBBB images in training, from the published class weights
