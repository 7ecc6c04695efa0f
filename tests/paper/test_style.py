from __future__ import annotations

from pathlib import Path

import matplotlib
import numpy as np
import pytest

from ekg.paper.figures.comparison import difference_figure
from ekg.paper.figures.confusion import confusion_figure, confusion_pair_figure
from ekg.paper.style import ink_on, journal_style, save_figure, wrap_title
from tests.paper.conftest import check_figure


def test_nobody_elses_settings_are_touched() -> None:
    with matplotlib.rc_context({"font.size": 23, "lines.linewidth": 9}):
        before = dict(matplotlib.rcParams)
        confusion_figure([[2, 1], [0, 3]], ["A", "B"], "title", normalised=True)
        with journal_style():
            assert matplotlib.rcParams["font.size"] == 8
        assert dict(matplotlib.rcParams) == before


def test_the_same_results_give_the_same_bytes(tmp_path: Path) -> None:
    files = []
    for name in ("one", "two"):
        figure = confusion_figure([[2, 1], [0, 3]], ["A", "B"], "title", normalised=False)
        files.append([path.read_bytes() for path in save_figure(figure, tmp_path, name)])
    assert files[0] == files[1]


def test_a_figure_that_cannot_be_saved_leaves_nothing(tmp_path: Path) -> None:
    figure = confusion_figure([[1]], ["A"], "$broken{mathtext$", normalised=False)
    with pytest.raises(ValueError, match="mathtext"):
        save_figure(figure, tmp_path, "broken")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("colour", "ink"),
    [
        ((1, 1, 1, 1), "black"),
        ((0, 0, 0, 1), "white"),
        ((0, 0, 0.6, 1), "white"),
        ((1, 1, 0, 1), "black"),
    ],
)
def test_ink_is_read_on_its_ground(colour: tuple[float, float, float, float], ink: str) -> None:
    assert ink_on(colour) == ink


def test_titles_are_broken_to_the_width_and_keep_their_own_breaks() -> None:
    lines = wrap_title("a" * 30 + " " + "b" * 40 + "\nn = 3", 3.35).splitlines()
    assert lines == ["a" * 30, "b" * 40, "n = 3"]


def test_long_names_of_runs_are_in_whole_and_do_not_meet() -> None:
    name = "2026-11-25_resnet18_800_best_simulated_with_augmentation-seed-44"
    assert wrap_title(name, 2.5).replace("\n", "") == name
    assert wrap_title(name, 2.5).startswith("2026-11-25_")
    pair = confusion_pair_figure({name: np.eye(2), f"{name}-b": np.eye(2)}, ["A", "B"], "title")
    check_figure(pair, "pair")
    left, right = (axes.title.get_window_extent() for axes in pair.axes)
    assert left.x1 < right.x0
    entries = {"accuracy": {"difference": 0.1, "interval": [0.0, 0.2]}}
    axis = f"{name} minus\n{name}-b"
    check_figure(difference_figure(entries, {"accuracy": "Accuracy"}, axis, "title"), "difference")
