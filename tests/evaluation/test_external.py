"""A model on another hospital's records."""

import csv
import json
import os
import shutil

import numpy as np
import pytest
import torch
import wfdb

from ekg.cli import main
from ekg.errors import EvaluationError
from ekg.evaluation import external
from ekg.evaluation.external import (
    ExternalSettings,
    draw_sample,
    evaluate_external,
    examine,
)
from ekg.evaluation.predictions import read_predictions
from ekg.model import build_network, save_weights
from ekg.records.diagnoses import CLASSES
from ekg.records.record import LEADS, find_records

SIZE = 48
KEPT = {"H1": "AF", "H2": "RBBB", "H3": "Normal"}


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Untrained weights for small images: what is tested is the bookkeeping."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("model") / "weights.safetensors"
    metadata = {
        "network": "mobilenetv3_small_custom",
        "classes": list(CLASSES),
        "image_size": SIZE,
        "mean": 0.958,
        "std": 0.093,
        "in_channels": 1,
    }
    save_weights(path, build_network().state_dict(), metadata)
    return path


def write_record(folder, name, comments, rate=250, seconds=8.0, units="mV"):
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(sum(name.encode()))
    signal = rng.normal(0, 0.2, (round(rate * seconds), 12))
    wfdb.wrsamp(
        name,
        fs=rate,
        units=[units] * 12,
        sig_name=list(LEADS),
        p_signal=signal,
        fmt=["16"] * 12,
        comments=comments,
        write_dir=str(folder),
    )


@pytest.fixture(scope="module")
def hospital(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hospital") / "elsewhere"
    write_record(folder, "H1", ["Age: 45", "Sex: Female", "Dx: 164889003,426177001"])
    write_record(folder, "H2", ["Sex: Male", "Dx: 713427006,426783006"], rate=1000, seconds=7.0)
    write_record(folder, "H3", ["Dx: 426783006"], rate=100, units="mv")
    write_record(folder, "H4", ["Dx: 164889003,713427006"])
    write_record(folder, "H5", ["Dx: 426783006,164873001"])
    write_record(folder, "H6", ["Age: 50"])
    write_record(folder, "H7", ["Dx: 164889003"], seconds=2.0)  # shorter than a slice
    (folder / "H8.hea").write_text("H8 2 500\n")
    return folder


@pytest.fixture(scope="module")
def result(model, hospital, tmp_path_factory):
    out = tmp_path_factory.mktemp("results")
    content = evaluate_external(
        ExternalSettings(model=model, records=hospital, out=out, resamples=50)
    )
    return content, out


def test_every_record_found_is_listed_with_its_fate(result):
    _, out = result
    with open(out / "records.csv", newline="") as stream:
        rows = {row["record"]: row for row in csv.DictReader(stream)}
    assert list(rows) == [f"H{number}" for number in range(1, 9)]
    assert {n: r["diagnosis"] for n, r in rows.items() if r["status"] == "kept"} == KEPT
    assert rows["H1"]["others"] == "sinus bradycardia"
    assert rows["H1"]["statements"] == "AF, 426177001"
    assert rows["H1"]["prediction"] in CLASSES
    assert rows["H4"]["reason"] == "multi-label: AF, RBBB"
    assert rows["H5"]["reason"].startswith("other finding beside Normal")
    assert rows["H6"]["reason"] == "no statement: unlabelled"
    assert rows["H7"]["status"] == "skipped" and "one slice needs" in rows["H7"]["reason"]
    assert rows["H8"]["status"] == "skipped"


def test_report_says_what_the_records_are(result):
    content, out = result
    data = content["data"]
    assert data["found"] == 8 and data["status"] == {"kept": 3, "excluded": 3, "skipped": 2}
    assert data["sampling_frequency_hz"] == {"250": 1, "1000": 1, "100": 1}
    assert data["seconds"] == {"shortest": 7.0, "median": 8.0, "longest": 8.0}
    assert data["units"] == {"mV": 2, "mv": 1}
    assert {name: n for name, n in data["class_mix"].items() if n} == {
        "AF": 1,
        "RBBB": 1,
        "Normal": 1,
    }
    assert data["left_out"] == {
        "multi-label": 1,
        "other finding": 1,
        "no statement": 1,
        "cannot be read": 2,
    }
    text = (out / "external.md").read_text()
    for words in (
        "elsewhere",
        "250 Hz (1)",
        "7 to 8 s, median 8 s",
        "mV (2), mv (1)",
        "Not for clinical use",
        "multi-label: AF, RBBB",
        "left out of all",
    ):
        assert words in text
    assert json.loads((out / "external.json").read_text())["external"]["records"] == 3


def test_groups_by_sex_and_age_are_of_the_records_that_were_read(result):
    content, out = result
    groups = content["external"]["groups"]
    assert {
        kind: {n: f["records"] for n, f in names.items()} for kind, names in groups.items()
    } == {
        "sex": {"Female": 1, "Male": 1, "not stated": 1},
        "age": {"under 50": 1, "not stated": 2},
    }
    with open(out / "records.csv", newline="") as stream:
        right = {r["record"]: r["prediction"] == r["diagnosis"] for r in csv.DictReader(stream)}
    assert groups["sex"]["Female"]["correct"] == right["H1"]
    assert sum(f["correct"] for f in groups["sex"].values()) == sum(right[n] for n in KEPT)
    assert "By sex and age" in (out / "external.md").read_text()


def test_a_models_temperature_is_judged_beside_its_own_probabilities(
    model, hospital, result, tmp_path
):
    content, out = result
    assert "calibration" not in content["external"]
    folder = tmp_path / "calibrated"
    folder.mkdir()
    shutil.copy(model, folder)
    (folder / "calibration.json").write_text('{"temperature": 2.0}')
    settings = ExternalSettings(model=folder, records=hospital, out=tmp_path / "o", resamples=0)
    found = evaluate_external(settings)["external"]
    assert found["calibration"]["temperature"] == 2.0
    levels = found["calibration"]["per_record"]
    assert levels["before"]["brier"] == pytest.approx(found["per_record"]["brier"])
    assert levels["after"]["log_loss"] != levels["before"]["log_loss"]
    saved, before = (
        read_predictions(p / "predictions_external.csv") for p in (tmp_path / "o", out)
    )
    np.testing.assert_allclose(saved["p_AF"], before["p_AF"])


def test_predictions_have_the_standard_form(result):
    content, out = result
    predictions = read_predictions(out / "predictions_external.csv")
    assert dict(zip(predictions["record"], predictions["label"], strict=True)) == KEPT
    # floor(0.8 x 8 s / 2.5 s) = 2 slices, the same for 7 s.
    assert content["external"]["images"] == len(predictions) == 6
    assert predictions["image"][0] == "all/AF/H1-s00_PIL.png"


def test_labels_from_a_table_come_first(model, hospital, tmp_path, capsys):
    labels = tmp_path / "labels.csv"
    labels.write_text("record,dx\nH6,STE\nH1,\"{'NORM': 100.0}\"\n")
    command = ["external", "--model", str(model), "--records", str(hospital), "--labels"]
    assert main([*command, str(labels), "--out", str(tmp_path / "out"), "--resamples", "0"]) == 0
    printed = capsys.readouterr().out
    assert "4 of 8 records read" in printed
    assert "labels: 2 of 2 rows name a record here" in printed
    assert "Normal 2, RBBB 1, STD 0, STE 1" in printed


def test_an_interrupted_evaluation_goes_on(model, hospital, result, tmp_path, monkeypatch):
    settings = ExternalSettings(model=model, records=hospital, out=tmp_path, resamples=50)
    original, read = external._read_one, []

    def interrupted(reading, given, path):
        if len(read) == 2:
            raise KeyboardInterrupt
        read.append(path.stem)
        return original(reading, given, path)

    with monkeypatch.context() as patch:
        patch.setattr(external, "_read_one", interrupted)
        with pytest.raises(KeyboardInterrupt):
            evaluate_external(settings)
    assert read == ["H1", "H2"]
    moved = hospital / "H2.hea"
    again = []
    monkeypatch.setattr(
        external, "_read_one", lambda *given: (again.append(given[2].stem), original(*given))[1]
    )
    os.utime(moved)  # as if changed since
    content = evaluate_external(settings)
    assert again == ["H2", "H3", "H7"]
    assert content == result[0]
    for name in ("predictions_external.csv", "records.csv", "external.json"):
        assert (tmp_path / name).read_bytes() == (result[1] / name).read_bytes()
    assert not list(tmp_path.glob(".read*")), "the next run begins anew"


def test_two_processes_read_what_one_reads(model, hospital, result, tmp_path):
    evaluate_external(
        ExternalSettings(model=model, records=hospital, out=tmp_path, resamples=50, jobs=2)
    )
    for name in ("predictions_external.csv", "records.csv", "external.json"):
        assert (tmp_path / name).read_bytes() == (result[1] / name).read_bytes()


def test_sample_depends_on_names_and_seed_alone(model, hospital, tmp_path):
    def sample(seed, step=1):
        settings = ExternalSettings(model=model, records=hospital, out=tmp_path, limit=2, seed=seed)
        records = [examine(path, {}, settings) for path in find_records(hospital)][::step]
        draw_sample(records, settings)
        assert sum(record.status == "left" for record in records) == 2
        return {record.name for record in records if record.status == "kept"}

    assert sample(1) == sample(1, step=-1) and len(sample(1)) == 2
    assert len({frozenset(sample(seed)) for seed in range(10)}) > 1


def test_no_record_with_a_class(model, tmp_path):
    write_record(tmp_path / "r", "H6", ["Age: 50"])
    with pytest.raises(EvaluationError, match=r"none of 1 records .*no statement.*--labels"):
        evaluate_external(
            ExternalSettings(model=model, records=tmp_path / "r", out=tmp_path / "out")
        )


@pytest.mark.parametrize(
    "option", [("--limit", "0"), ("--resamples", "-1"), ("--least-likelihood", "101")]
)
def test_wrong_options(model, hospital, tmp_path, capsys, option):
    command = ["external", "--model", str(model), "--records", str(hospital)]
    assert main([*command, "--out", str(tmp_path), *option]) == 2
    assert option[0] in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize(("folder", "labels"), [("challenge2021", None), ("ptbxl", "INDEX.csv")])
def test_published_network_on_real_records(shared, tmp_path, folder, labels):
    """It ranks well and calls half of the normal records sick, as was found on 397 others."""
    content = evaluate_external(
        ExternalSettings(
            model=shared / "published_model" / "mobilenetv3_small_custom_37.model",
            records=shared / "real" / folder,
            labels=shared / "real" / labels if labels else None,
            out=tmp_path,
            resamples=0,
        )
    )
    metrics = content["external"]["per_record"]
    assert 0.35 <= metrics["accuracy"] <= 0.65
    assert metrics["macro_auroc"] >= 0.8
    assert 0.3 <= metrics["per_class"]["Normal"]["recall"] <= 0.7
