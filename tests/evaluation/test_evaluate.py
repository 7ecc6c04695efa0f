import json
import shutil

import numpy as np
import pandas as pd
import pytest

from ekg.cli import main
from ekg.evaluation.predictions import read_predictions
from ekg.files import sha256_of_file
from tests.evaluation.conftest import make_toy_images


def arguments(model, images, out, *more, split=None):
    return [
        "evaluate",
        "--model",
        str(model),
        "--images",
        str(images),
        "--split",
        str(split or images / "split.csv"),
        "--out",
        str(out),
        "--resamples",
        "50",
        *more,
    ]


@pytest.fixture
def run_folder(toy_model, tmp_path):
    return shutil.copytree(toy_model, tmp_path / "run")


def test_two_folds_leave_everything(run_folder, toy_images, capsys):
    assert main(arguments(run_folder, toy_images, run_folder, "--fold", "val", "test")) == 0
    output = capsys.readouterr()
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert metrics["schema"] == 1 and metrics["dataset"] == "toy"
    assert metrics["test"]["dataset"] == "toy"
    assert metrics["test"]["records"] == 14 and metrics["test"]["images"] == 28
    assert {"per_image", "record_weighted", "per_record", "per_record_majority"} <= set(
        metrics["test"]
    )
    assert set(metrics["test"]["record_weighted"]["intervals"]) >= {"accuracy", "macro_auroc"}
    table = read_predictions(run_folder / "predictions_test.csv")
    assert len(table) == 28 and table["weight"].tolist() == [0.5] * 28
    calibration = json.loads((run_folder / "calibration.json").read_text())
    assert calibration["fitted_on"] == "val" and calibration["temperature"] > 0
    assert metrics["test"]["calibration"]["temperature"] == calibration["temperature"]
    assert "toy, fold test: 14 records, 28 images" in output.out
    assert not list(run_folder.glob(".*part*"))


def test_saved_probabilities_are_uncalibrated(run_folder, toy_images):
    from PIL import Image

    from ekg.model import load_model

    main(arguments(run_folder, toy_images, run_folder, "--fold", "val", "--fold", "test"))
    first = (run_folder / "predictions_test.csv").read_bytes()
    assert load_model(run_folder).temperature is not None
    main(arguments(run_folder, toy_images, run_folder, "--fold", "test"))
    assert (run_folder / "predictions_test.csv").read_bytes() == first
    model = load_model(run_folder)
    table = read_predictions(run_folder / "predictions_test.csv")
    pixels = np.asarray(Image.open(toy_images / table["image"][0]))
    import torch

    with torch.inference_mode():
        expected = torch.softmax(model(torch.from_numpy(pixels.copy())[None]).double(), 1)[0]
    saved = table.loc[0, [c for c in table.columns if c.startswith("p_")]].to_numpy(float)
    assert saved == pytest.approx(expected.numpy(), abs=1e-5)


def test_folds_are_merged_and_batch_size_does_not_matter(run_folder, toy_images):
    main(arguments(run_folder, toy_images, run_folder, "--fold", "test"))
    main(arguments(run_folder, toy_images, run_folder, "--fold", "val", "--batch-size", "5"))
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert "test" in metrics and "val" in metrics
    before = read_predictions(run_folder / "predictions_val.csv")
    main(arguments(run_folder, toy_images, run_folder, "--fold", "val", "--batch-size", "28"))
    after = read_predictions(run_folder / "predictions_val.csv")
    columns = [c for c in before.columns if c.startswith("p_")]
    assert np.allclose(before[columns], after[columns], atol=1e-5)


def test_folds_of_other_data_are_removed_and_said(run_folder, toy_images, tmp_path, capsys):
    main(arguments(run_folder, toy_images, run_folder, "--fold", "val"))
    other = make_toy_images(tmp_path / "other" / "im_res_32", per_class=6)
    main(arguments(run_folder, other, run_folder, "--fold", "test"))
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert "val" not in metrics and not (run_folder / "predictions_val.csv").exists()
    assert "fold val: its metrics were of other data or weights" in capsys.readouterr().err


def test_records_not_at_hand_are_one_counted_line(run_folder, toy_images, tmp_path, capsys):
    split = pd.read_csv(toy_images / "split.csv")
    more = pd.DataFrame({"record": ["Z1", "Z2"], "diagnoses": ["AF"] * 2, "split": ["test"] * 2})
    pd.concat([split, more]).to_csv(tmp_path / "s.csv", index=False)
    main(arguments(run_folder, toy_images, tmp_path / "out", split=tmp_path / "s.csv"))
    assert capsys.readouterr().err.count("2 records of the split file") == 1


def test_another_split_than_in_training_is_said(run_folder, toy_images, tmp_path, capsys):
    (run_folder / "environment.json").write_text(
        json.dumps(
            {
                "manifest_sha256": sha256_of_file(toy_images / "manifest.csv"),
                "split_sha256": sha256_of_file(toy_images / "split.csv"),
            }
        )
    )
    said = "split that the model was trained with"
    assert main(arguments(run_folder, toy_images, tmp_path / "same")) == 0
    assert said not in capsys.readouterr().err
    text = (toy_images / "split.csv").read_text().replace(",train\n", ",test\n", 1)
    (tmp_path / "other.csv").write_text(text)
    assert (
        main(arguments(run_folder, toy_images, tmp_path / "o", split=tmp_path / "other.csv")) == 0
    )
    assert f"note: other.csv is not the {said}" in capsys.readouterr().err
    other = make_toy_images(tmp_path / "other" / "im_res_32", per_class=6)
    assert main(arguments(run_folder, other, tmp_path / "o2")) == 0
    assert said not in capsys.readouterr().err
    (run_folder / "environment.json").write_text("[]")
    assert main(arguments(run_folder, toy_images, tmp_path / "o3")) == 2
    assert "environment.json: has no named values" in capsys.readouterr().err
    assert not (tmp_path / "o3" / "metrics.json").exists()


def test_a_record_the_split_does_not_name_is_an_error(run_folder, toy_images, tmp_path, capsys):
    split = pd.read_csv(toy_images / "split.csv").iloc[1:]
    split.to_csv(tmp_path / "s.csv", index=False)
    out = tmp_path / "out"
    assert main(arguments(run_folder, toy_images, out, split=tmp_path / "s.csv")) == 2
    assert "R000" in capsys.readouterr().err and not (out / "metrics.json").exists()


def test_an_empty_fold_is_an_error(run_folder, toy_images, tmp_path, capsys):
    split = pd.read_csv(toy_images / "split.csv").assign(split="train")
    split.to_csv(tmp_path / "s.csv", index=False)
    assert main(arguments(run_folder, toy_images, tmp_path / "o", split=tmp_path / "s.csv")) == 2
    assert "fold test has no image" in capsys.readouterr().err


def test_a_missing_class_is_named_once(run_folder, toy_images, tmp_path, capsys):
    split = pd.read_csv(toy_images / "split.csv")
    split.loc[split["diagnoses"] == "STE", "split"] = "none"
    split.to_csv(tmp_path / "s.csv", index=False)
    main(arguments(run_folder, toy_images, tmp_path / "o", split=tmp_path / "s.csv"))
    assert capsys.readouterr().err.count("STE") == 1
    metrics = json.loads((tmp_path / "o" / "metrics.json").read_text())
    assert metrics["test"]["left_out"] == ["STE"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--images", "nowhere"], "not an image set"),
        (["--model", "nowhere"], "model not found"),
        (["--resamples", "-1"], "--resamples must not be negative"),
        (["--batch-size", "0"], "--batch-size must be at least 1"),
    ],
)
def test_bad_input_is_one_line(run_folder, toy_images, tmp_path, capsys, change, message):
    assert main([*arguments(run_folder, toy_images, tmp_path / "o"), *change]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error


def test_saliency_is_left_by_option(run_folder, toy_images, tmp_path):
    out = tmp_path / "o"
    assert main(arguments(run_folder, toy_images, out, "--fold", "test", "--saliency")) == 0
    with np.load(out / "saliency.npz", allow_pickle=False) as saved:
        assert saved["label"].tolist() == ["AF", "I-AVB", "LBBB", "Normal", "RBBB", "STD", "STE"]
        assert saved["images"].shape == (7, 32, 32) and saved["images"].dtype == np.uint8
        assert saved["gradcam"].dtype == np.float16 and saved["gradcam"].shape[0] == 7
        assert saved["occlusion"].shape == (7, 12)
        assert saved["mean_occlusion_records"] == 14
        assert saved["mean_occlusion_interval"].shape == (12, 2)
        assert saved["mean_occlusion_by_class"].shape == (7, 12)
        assert str(saved["dataset"]) == "toy" and str(saved["fold"]) == "test"
        assert np.allclose(
            saved["mean_occlusion_by_class"].mean(axis=0),
            saved["mean_occlusion_by_lead"],
            atol=1e-6,
        )  # two records of each class
