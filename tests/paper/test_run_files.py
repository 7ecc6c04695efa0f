from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from ekg.errors import EkgError
from ekg.evaluation import published
from ekg.files import write_json
from ekg.paper import run_files
from ekg.paper.run_files import find_run, newest_run, open_run
from ekg.records.diagnoses import CLASSES


def make_run(folder: Path, age: float) -> Path:
    folder.mkdir(parents=True)
    (folder / "train_results.csv").write_text("epoch,train_loss,val_loss\n0,1,1\n")
    os.utime(folder / "train_results.csv", (1e9 - age, 1e9 - age))
    return folder


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run_files, "PROJECT", tmp_path)
    return tmp_path


def test_a_bare_name_is_a_run_and_nothing_is_the_newest(project: Path) -> None:
    old, new = make_run(project / "runs/old", 50), make_run(project / "runs/new", 10)
    assert find_run("old") == old
    assert find_run("runs/old") == old
    assert find_run(str(old)) == old
    assert find_run("") == new == newest_run()


def test_no_run_says_what_to_do(project: Path) -> None:
    with pytest.raises(EkgError, match=r"runs: no runs yet; train one with `make train`"):
        find_run("")
    with pytest.raises(EkgError, match="runs/nowhere: run not found"):
        find_run("nowhere")
    (project / "runs/empty").mkdir(parents=True)
    with pytest.raises(EkgError, match="has no results; train and evaluate first"):
        find_run("empty")


def test_published_files_that_are_not_here_say_how_to_get_them(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "PUBLISHED_FOLDER", project / "nothing")
    monkeypatch.setenv("EKG_SHARED", str(project / "nothing"))
    for name in ("published", "runs/published"):
        with pytest.raises(EkgError, match="best-model"):
            find_run(name)


def test_the_runs_own_images_are_found_only_while_unchanged(made_up: Path, tmp_path: Path) -> None:
    files = open_run(made_up / "run")
    assert files.images == made_up / "images"
    metrics = {**files.metrics, "manifest_sha256": "of another set"}
    write_json(tmp_path / "metrics.json", metrics)
    other = open_run(tmp_path)
    assert other.images is None
    assert other.manifest is None
    with pytest.raises(EkgError, match=r"not an image set: manifest\.csv is missing"):
        open_run(made_up / "run", tmp_path)


def test_every_file_of_a_run_is_read(made_up: Path) -> None:
    files = open_run(made_up / "run")
    assert files.dataset_title == "Synthetic (simulated)"
    assert files.classes == CLASSES
    assert files.folds == ("val", "test")
    assert files.numbers("test") == (84, 168)
    assert files.fold_title("test", "x").splitlines() == [
        "Synthetic (simulated), test fold: x",
        "n = 84 records, 168 images",
    ]
    assert files.settings["data"]["image_size"] == 24
    assert files.manifest is not None
    assert files.manifest["split"].value_counts().to_dict() == {
        "train": 168,
        "val": 168,
        "test": 168,
    }
    assert files.records is not None
    assert len(files.records) == 3 * 84 + 2


def test_a_history_without_losses_is_refused(tmp_path: Path) -> None:
    pd.DataFrame({"epoch": [0]}).to_csv(tmp_path / "train_results.csv", index=False)
    files = open_run(tmp_path)
    with pytest.raises(EkgError, match="column `train_loss` is missing"):
        _ = files.history
