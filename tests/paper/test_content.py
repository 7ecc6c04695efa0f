"""What the figures and tables are made of: counts, curves, scores, sentences."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ekg.errors import EkgError
from ekg.evaluation.levels import Units
from ekg.paper.counts import class_counts, published_training_images, reasons_table, wide
from ekg.paper.figures.comparison import shown_names
from ekg.paper.figures.confusion import normalise_rows
from ekg.paper.figures.results import precision_recall_curves, roc_curves
from ekg.paper.figures.saliency import overlay, read_saliency
from ekg.paper.figures.training import best_epoch
from ekg.paper.run_files import RunFiles, open_run
from ekg.paper.scores import class_scores, class_table, fold_metrics, summary_table
from ekg.paper.settings import changed_settings_table, settings_table, training_table
from ekg.paper.summary import doubts, what_data, what_result, what_was_done
from ekg.records.diagnoses import CLASSES


def test_rows_of_a_confusion_matrix_sum_to_one_or_are_unknown() -> None:
    found = normalise_rows(np.array([[3, 1], [0, 0]]))
    assert found[0].tolist() == [0.75, 0.25]
    assert np.isnan(found[1]).all()


def test_the_kept_epoch_is_the_last_one_saved() -> None:
    history = pd.DataFrame(
        {"epoch": [0, 1, 2], "val_loss": [3, 1, 2], "saved_model": [True, False, True]}
    )
    assert best_epoch(history) == 2  # kept by another score than the loss
    assert best_epoch(history.drop(columns="saved_model")) == 1


def test_counts_of_an_image_set_and_of_predictions(made_up: Path) -> None:
    files = open_run(made_up / "run")
    table = wide(class_counts(files), files.classes)
    assert table["class"].tolist() == [*CLASSES, "all"]
    assert table["training records"].iloc[-1] == 84
    assert table["test images"].tolist() == [24] * 7 + [168]
    without_images = RunFiles(files.folder)
    assert set(class_counts(without_images)["fold"]) == {"val", "test"}


def test_records_in_no_fold_are_counted_as_such(made_up: Path, tmp_path: Path) -> None:
    files = open_run(made_up / "run")
    assert files.manifest is not None
    files.manifest.loc[files.manifest["record"] == "testAF0", "split"] = "excluded"
    counts = class_counts(files)
    assert counts.loc[counts["fold"] == "none", "images"].sum() == 2


def test_published_class_weights_give_the_training_counts_back(tmp_path: Path) -> None:
    files = RunFiles(tmp_path)
    files.__dict__["classes"] = ("A", "B")
    files.__dict__["model_info"] = {
        "class_weights_train": "0.250000, 1.000000",
        "class_counts_train": "10, 10",
    }
    found = published_training_images(files)
    assert found is not None
    assert found["images"].tolist() == [40, 10]
    files.__dict__["model_info"] = {"class_weights_train": "many"}
    assert published_training_images(files) is None


def test_reasons_are_counted_kept_first() -> None:
    records = pd.DataFrame(
        {
            "record": ["1", "2", "3", "4"],
            "status": ["skipped", "kept", "excluded", "excluded"],
            "reason": ["truncated", "", "PVC", "PVC"],
        }
    )
    assert reasons_table(records).to_numpy().tolist() == [
        ["kept", "–", 1],
        ["excluded", "PVC", 2],
        ["skipped", "truncated", 1],
    ]


def test_settings_that_differ_stand_beside_the_papers(made_up: Path) -> None:
    table = changed_settings_table(open_run(made_up / "run"))
    assert table.to_numpy().tolist() == [
        ["data.image_size", "24", "800"],
        ["data.mean", "0.95", "0.95816243"],
    ]


def test_curves_of_a_perfect_class_and_none_for_an_absent_one() -> None:
    labels = np.array([0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1, 0], [0.8, 0.2, 0], [0.1, 0.9, 0], [0.4, 0.6, 0]])
    units = Units(
        labels, labels, probabilities, np.ones(4), np.arange(4), tuple("abcd"), ("A", "B", "C")
    )
    roc, precision_recall = roc_curves(units), precision_recall_curves(units)
    assert [curve.name for curve in roc] == ["A", "B"]
    assert np.trapezoid(roc[0].y, roc[0].x) == 1
    assert precision_recall[0].y[precision_recall[0].x == 1].max() == 1
    assert roc[1].prevalence == 0.5


def test_scores_stand_with_their_intervals(made_up: Path) -> None:
    files = open_run(made_up / "run")
    figures = fold_metrics(files, "test")
    assert figures is not None
    level = figures["record_weighted"]
    low, high = level["intervals"]["macro_f1"]
    table = summary_table(figures).set_index("metric")
    expected = f"{level['macro_f1']:.3f} ({low:.3f}–{high:.3f})"
    assert table.loc["Macro F1", "record-weighted"] == expected
    by_class = class_table(figures, "record_weighted", CLASSES)
    assert by_class["records"].tolist() == [12] * 7
    scores = class_scores(figures, "record_weighted", CLASSES, "recall", "test")
    assert ((scores["low"] <= scores["value"]) & (scores["value"] <= scores["high"])).all()
    assert fold_metrics(files, "train") is None


def test_without_metrics_the_same_figures_come_from_predictions(
    made_up: Path, tmp_path: Path
) -> None:
    original = made_up / "run" / "predictions_test.csv"
    (tmp_path / original.name).write_bytes(original.read_bytes())
    figures = fold_metrics(open_run(tmp_path), "test")
    stored = fold_metrics(open_run(made_up / "run"), "test")
    assert figures is not None
    assert stored is not None
    assert figures["record_weighted"]["macro_f1"] == pytest.approx(
        stored["record_weighted"]["macro_f1"]
    )


def test_settings_and_training_are_listed(made_up: Path) -> None:
    files = open_run(made_up / "run")
    settings = dict(settings_table(files).to_numpy().tolist())
    assert settings["network.name"] == "mobilenetv3_small_custom"
    assert settings["training.train_loss_pass"] == "yes"
    training = dict(training_table(files).to_numpy().tolist())
    assert training["epoch whose weights were kept"] == "6"
    assert training["time (minutes)"] == "12.0"
    assert training["device"] == "cpu (toy)"


def test_the_summary_says_data_result_and_doubt(made_up: Path) -> None:
    files = open_run(made_up / "run")
    figures = {fold: fold_metrics(files, fold) or {} for fold in ("test", "val")}
    data = what_data(files, class_counts(files))
    assert "test 84 records with 168 images" in data
    assert "Of 254 records found, 252 were kept" in data
    results = " ".join(what_result(figures))
    assert "Test fold (84 records, 168 images), record-weighted: accuracy 0." in results
    assert "would reach accuracy 0.143" in results  # seven classes of one size
    text = " ".join(doubts(files, figures))
    assert "simulated" in text
    assert "AF (12)" in text
    assert "not committed" in text


def test_figures_without_intervals_and_a_run_without_settings_are_called_so(
    made_up: Path, tmp_path: Path
) -> None:
    figures = fold_metrics(open_run(made_up / "run"), "test")
    assert figures is not None
    figures["record_weighted"] = {**figures["record_weighted"], "intervals": {}}
    assert "Too few records for intervals" in " ".join(what_result({"test": figures}))
    assert "how it was trained was not saved" in " ".join(what_was_done(RunFiles(tmp_path)))
    assert "settings below" in " ".join(what_was_done(open_run(made_up / "run")))


def test_real_data_is_doubted_for_patients_and_labels(made_up: Path) -> None:
    files = open_run(made_up / "run")
    files.metrics["dataset"] = "cpsc2018"
    text = " ".join(doubts(files, {}))
    assert "name no patient" in text
    assert "labels" in text
    assert "simulated" not in text
    assert "no result yet" in text


def test_names_of_sides_tell_data_and_the_published_model_apart() -> None:
    content = {
        "a": {"name": "mine", "dataset": "synthetic"},
        "b": {"name": "long", "dataset": "cpsc2018"},
    }
    assert shown_names(content, ("long",)) == {
        "a": "mine on Synthetic (simulated)",
        "b": "published model on CPSC 2018",
    }
    same = {side: {"name": "mine", "dataset": "synthetic"} for side in ("a", "b")}
    assert shown_names(same, ())["b"] == "mine (second)"


def test_heat_leaves_the_trace_black_and_cold_paper_white() -> None:
    image = np.full((8, 8), 255, np.uint8)
    image[4] = 0
    heat = np.zeros((2, 2))
    heat[0, 0] = 1
    found = overlay(image, heat)
    assert (found[4] == 0).all()
    assert (found[7, 7] == 255).all()
    assert found[0, 0, 2] < 150 < found[0, 0, 0]


def test_a_saliency_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    assert read_saliency(tmp_path) is None
    np.savez(tmp_path / "saliency.npz", image=np.array([{"a": 1}], dtype=object))
    with pytest.raises(EkgError, match="evaluate --saliency"):
        read_saliency(tmp_path)
