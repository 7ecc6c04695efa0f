import csv
import functools
import io
import json

import numpy as np
import pytest
from PIL import Image

from ekg.cli import main
from ekg.images.renderer import Renderer
from ekg.records.diagnoses import CLASSES

one_renderer_a_size = functools.cache(Renderer)


@pytest.fixture
def predict(small_model, capsys, monkeypatch):
    """Runs the command; returns status, standard output and standard error."""
    monkeypatch.setattr("ekg.predict.predictor.Renderer", one_renderer_a_size)

    def run(*paths, stdin="", model=small_model):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        status = main(["predict", *map(str, paths), "--model", str(model)])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_json_has_the_promised_form(predict, records):
    status, out, _ = predict(records, "--format", "json")
    assert status == 0
    content = json.loads(out)
    assert [entry["record"] for entry in content] == ["R2", "R3", "R10"]
    assert content[0]["path"] == str(records / "R2.hea")
    for entry in content:
        assert "error" not in entry
        assert list(entry["probabilities"]) == list(CLASSES)
        assert sum(entry["probabilities"].values()) == pytest.approx(1, abs=1e-5)
        assert entry["diagnosis"] == max(entry["probabilities"], key=entry["probabilities"].get)
        assert len(entry["slices"]) == 3
        starts = [piece["start"] for piece in entry["slices"]]
        assert starts == sorted(starts)
        for name in CLASSES:
            values = [piece["probabilities"][name] for piece in entry["slices"]]
            assert entry["probabilities"][name] == pytest.approx(np.mean(values), abs=1e-7)
            assert entry["spread"][name] == pytest.approx(np.std(values, ddof=1), abs=1e-7)
        assert entry["warnings"] == []
        assert entry["calibrated"] is False


def test_paths_stay_as_given(predict, records):
    _, out, _ = predict(records / "R2", records / "R10.dat", "--format", "json")
    assert [entry["path"] for entry in json.loads(out)] == [
        str(records / "R2"),
        str(records / "R10.dat"),
    ]
    assert [entry["record"] for entry in json.loads(out)] == ["R2", "R10"]


def test_a_refused_input_has_an_error_and_no_diagnosis(predict, records):
    (records / "R2.dat").unlink()
    status, out, err = predict(records / "R2", records / "R10", "--format", "json")
    refused, read = json.loads(out)
    assert status == 0
    assert "R2.dat is missing" in refused["error"]
    assert refused["path"] == str(records / "R2")
    assert "diagnosis" not in refused
    assert "error" not in read
    assert "1 read, 1 refused" in err
    assert "Not for clinical use" in err


def test_status_1_when_nothing_was_read(predict, tmp_path):
    status, out, _ = predict(tmp_path / "nothing", "--format", "json")
    assert status == 1
    (entry,) = json.loads(out)
    assert entry["record"] == "nothing"
    assert "error" in entry
    status, out, _ = predict("-", "--format", "json")
    assert (status, json.loads(out)) == (1, [])


def test_status_2_when_the_model_is_missing(predict, records, tmp_path):
    status, out, err = predict(records, model=tmp_path / "no_model")
    assert (status, out) == (2, "")
    assert "model not found" in err


def test_csv_has_one_row_an_input(predict, records):
    (records / "R2.dat").unlink()
    status, out, _ = predict(records, "--format", "csv")
    rows = list(csv.DictReader(io.StringIO(out)))
    assert status == 0
    assert [row["record"] for row in rows] == ["R2", "R3", "R10"]
    assert "missing" in rows[0]["error"]
    assert rows[0]["diagnosis"] == rows[0]["p_AF"] == ""
    assert sum(float(rows[1][f"p_{name}"]) for name in CLASSES) == pytest.approx(1, abs=1e-4)
    assert rows[1]["slices"] == "3"


def test_text_is_for_people(predict, records, limb_consistent_signal, write_record):
    signal = limb_consistent_signal(seed=4)
    signal[8] = 0.0
    write_record(records, "R4", signal)
    (records / "R2.dat").unlink()
    _, out, _ = predict(records)
    lines = out.splitlines()
    assert lines[0].startswith("R2: refused: ")
    assert lines[1].startswith("R3: ")
    assert "±" in lines[1]
    assert "[3 slices, not calibrated]" in lines[1]
    assert "  warning: lead V3 flat throughout" in lines


def test_standard_input_and_patterns(predict, records):
    _, out, _ = predict("-", "--format", "json", stdin=f"{records / 'R2'}\n\n{records / 'R10'}\n")
    assert [entry["record"] for entry in json.loads(out)] == ["R2", "R10"]
    _, out, _ = predict(records / "R*", "--format", "json")
    assert [entry["record"] for entry in json.loads(out)] == ["R2", "R10"]
    _, out, _ = predict(records / "**" / "*.hea", "--format", "json")
    assert sorted(entry["record"] for entry in json.loads(out)) == ["R10", "R2", "R3"]


@pytest.mark.slow
def test_the_onnx_engine_says_the_same(predict, records, small_model, tmp_path, capsys):
    exported = tmp_path / "small.onnx"
    assert main(["export", "--model", str(small_model), "--out", str(exported)]) == 0
    capsys.readouterr()
    _, torchs, _ = predict(records, "--format", "json")
    _, onnxs, _ = predict(records, "--format", "json", "--engine", "onnx", model=exported)
    for ours, theirs in zip(json.loads(torchs), json.loads(onnxs), strict=True):
        assert ours["diagnosis"] == theirs["diagnosis"]
        for name in CLASSES:
            assert ours["probabilities"][name] == pytest.approx(
                theirs["probabilities"][name], abs=1e-5
            )
    status, _, err = predict(records, "--explain", tmp_path / "why", model=exported)
    assert status == 2
    assert "cannot be explained" in err


def test_explain_writes_a_image_a_verdict(predict, records, tmp_path):
    status, out, _ = predict(
        records / "R2",
        records / "R2.hea",
        records / "below" / "R3",
        "--explain",
        tmp_path / "why",
        "--format",
        "json",
    )
    assert status == 0
    entries = json.loads(out)
    assert len(entries) == 2
    for entry in entries:
        with Image.open(entry["explanation"]) as image:
            assert min(image.size) > 800
        surest = max(entry["slices"], key=lambda s: s["probabilities"][entry["diagnosis"]])
        name = f"{entry['record']}-{surest['start']}-{entry['diagnosis']}.png"
        assert entry["explanation"] == str(tmp_path / "why" / name)
    assert len(list((tmp_path / "why").iterdir())) == 2


def test_a_temperature_calibrates(predict, records, small_model, tmp_path):
    hot = tmp_path / "hot"
    hot.mkdir()
    (hot / "weights.safetensors").symlink_to(small_model / "weights.safetensors")
    (hot / "calibration.json").write_text('{"temperature": 1000.0}')
    _, out, _ = predict(records / "R2", "--format", "json", model=hot)
    (entry,) = json.loads(out)
    assert entry["calibrated"] is True
    assert list(entry["probabilities"].values()) == pytest.approx([1 / 7] * 7, abs=0.01)
