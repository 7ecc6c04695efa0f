"""The whole hackathon pipeline at toy size, and its report."""

import json
import re
from collections import Counter

import pandas as pd
import pytest

from ekg.cli import main
from ekg.hackathon.neighbours import neighbour_accuracy
from ekg.hackathon.ptbdb import HACKATHON_CLASSES, read_ptbdb
from ekg.hackathon.report import published_hackathon
from ekg.hackathon.simulated import PtbdbLikeSettings, simulate_ptbdb

TOY = (
    "--weights",
    "none",
    "--epochs",
    "1",
    "--per-record",
    "1",
    "--resamples",
    "200",
    "-j",
    "1",
    "--seed",
    "2",
    "--set",
    "network.name=squeezenet1_0",
    "--set",
    "data.image_size=48",
    "--set",
    "compute.device=cpu",
    "--set",
    "compute.threads=1",
)


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("records")
    simulate_ptbdb(
        folder,
        PtbdbLikeSettings(patients_per_class=4, records_per_patient=2, seconds=6.0, seed=2),
    )
    return folder


def test_the_published_facts(shared):
    given = json.loads((shared / "spec" / "published_results.json").read_text(encoding="utf-8"))
    given, ours = given["hackathon_2019"], published_hackathon()
    for train, expected in (("all", given), ("final", given["final_layer_only"])):
        assert ours[train]["best_val_accuracy"] == expected["best_val_accuracy"]
        assert ours[train]["final"] == expected["final"]
        matrix = expected["test_confusion_matrix_rows_true"]
        assert ours[train]["test"]["confusion_matrix"] == matrix
        right = sum(row[i] for i, row in enumerate(matrix))
        assert ours[train]["test"]["images"] == sum(map(sum, matrix)) == 780
        assert ours[train]["test"]["accuracy"] == pytest.approx(right / 780)
    assert given["classes_in_index_order"] == list(HACKATHON_CLASSES)
    assert ours["epochs"] == given["epochs"]
    # Accuracies over 392 images: 363 and 299 of them are right.
    assert ours["all"]["best_val_accuracy"] == pytest.approx(363 / 392, abs=1e-5)
    assert ours["final"]["best_val_accuracy"] == pytest.approx(299 / 392, abs=1e-5)


def cut_short_a_record(folder):
    """Truncate a record of the rarest class, one of two of its patient; return its name."""
    used = [one for one in read_ptbdb(folder)[0] if one.diagnosis]
    rarest = Counter(one.diagnosis for one in used).most_common()[-1][0]
    members = [one for one in used if one.diagnosis == rarest]
    patients = Counter(one.patient for one in members)
    victim = next(one for one in members if patients[one.patient] == 2)
    signal = victim.header.with_suffix(".dat")
    signal.write_bytes(signal.read_bytes()[:-2])
    return victim.record


def test_the_whole_road(records, tmp_path, capsys):
    damaged = cut_short_a_record(records)
    out = tmp_path / "out"
    call = ["hackathon", "--records", str(records), "--out", str(out), *TOY]
    assert main(call) == 0
    first = capsys.readouterr()
    assert "divided by patients: test accuracy" in first.out
    report = json.loads((out / "hackathon.json").read_text(encoding="utf-8"))
    assert [run["protocol"] for run in report["runs"]] == ["images", "patients"]
    by_image, by_patient = report["runs"]

    # What the folds say is what the report says.
    for run in report["runs"]:
        folds = pd.read_csv(out / f"folds_{run['protocol']}.csv")
        assert len(set(folds["diagnosis"].value_counts())) == 1
        sides = folds.groupby("patient")["fold"].agg(set)
        known = [who for who, where in sides.items() if {"train", "test"} <= where]
        assert run["leakage"]["test"]["patients_in_train"] == len(known)
        matrix = run["test"]["per_image"]["confusion_matrix"]
        right = sum(row[i] for i, row in enumerate(matrix))
        assert sum(map(sum, matrix)) == run["images"]["test"] == (folds["fold"] == "test").sum()
        assert run["test"]["per_image"]["accuracy"] == pytest.approx(right / run["images"]["test"])
        counted = run["accuracy_by_acquaintance"].values()
        assert sum(kind["images"] for kind in counted) == run["images"]["test"]
        predictions = pd.read_csv(out / run["run"] / "predictions_test.csv")
        assert set(predictions["image"]) == set(folds.loc[folds["fold"] == "test", "image"])
    assert by_image["leakage"]["test"]["patients_in_train"] > 0
    assert by_patient["leakage"]["test"]["patients_in_train"] == 0
    gap = report["gaps"]["final"]["per_image"]["accuracy"]
    assert gap == pytest.approx(
        by_image["test"]["per_image"]["accuracy"] - by_patient["test"]["per_image"]["accuracy"]
    )

    # Every record is accounted for.
    listed = pd.read_csv(out / "records.csv", keep_default_na=False)
    assert len(listed) == report["records"]["found"] == len(list(records.rglob("*.hea")))
    assert listed.loc[listed["status"] != "used", "why"].all()
    told = listed.set_index("record").loc[damaged]
    assert told["status"] == "left out"
    assert "truncated" in told["why"]
    assert "reason for admission: Valvular heart disease" in report["records"]["left_out"]

    # The page shows the metrics of the JSON, beside the published ones, and its warnings.
    page = (out / "hackathon.md").read_text(encoding="utf-8")
    assert "These records are simulated" in page
    assert "is not the hackathon's network" in page
    assert re.search(r"final layer only, published \| 0\.7628 .* 780 \| 0\.787", page)
    assert f"by images | {by_image['best_val_accuracy']:.4f}" in page
    assert "whole network" not in page.partition("## Results")[2]

    # Called again nothing is done anew; with other slices the old runs are not mixed in.
    drawn = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    weights = (out / by_image["run"] / "weights.safetensors").stat().st_mtime_ns
    assert main(call) == 0
    assert drawn == {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    assert (out / by_image["run"] / "weights.safetensors").stat().st_mtime_ns == weights
    assert main([*call, "--set", "training.batch_size=3"]) == 2
    capsys.readouterr()
    folds = out / "folds_images.csv"
    environment = out / by_image["run"] / "environment.json"
    told = json.loads(environment.read_text(encoding="utf-8"))
    environment.write_text(json.dumps({**told, "split_sha256": "0" * 64}), encoding="utf-8")
    assert folds.is_file()
    assert main(call) == 2
    assert "other images or folds" in capsys.readouterr().err


def test_missing_weights_are_refused_before_anything_is_drawn(
    records, tmp_path, capsys, monkeypatch
):
    def no_way(*args, **kwargs):
        raise OSError("no route to the network")

    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path / "cache"))
    monkeypatch.setattr("torch.hub.download_url_to_file", no_way)
    call = ["hackathon", "--records", str(records), "--out", str(tmp_path / "out"), *TOY]
    call[call.index("none")] = "imagenet"
    assert main(call) == 2
    message = capsys.readouterr().err
    assert "no route to the network" in message
    assert "--weights FILE" in message
    assert message.count("\n") == 1
    assert not list((tmp_path / "out").rglob("*.png"))
    call[call.index("imagenet")] = str(tmp_path / "absent.pth")
    assert main(call) == 2
    assert "absent.pth" in capsys.readouterr().err


def test_records_of_one_class_alone_are_refused(shared, tmp_path, capsys):
    records = str(shared / "real" / "ptbdb")
    assert main(["hackathon", "--records", records, "--out", str(tmp_path / "out"), *TOY]) == 2
    assert (
        "no record of Bundle branch block, Control, Dysrhythmia, Heart" in capsys.readouterr().err
    )


def test_in_the_simulated_set_knowing_the_patient_looks_like_knowing_the_disease(tmp_path):
    """The nearest training slice, by the leads' ranges alone, tells the class: of known people."""
    simulate_ptbdb(tmp_path, PtbdbLikeSettings(patients_per_class=5, seconds=12.0, seed=5))
    found = neighbour_accuracy(tmp_path, per_record=4, seed=5)
    assert found["images"]["accuracy"] > 0.85
    assert found["images"]["accuracy"] > found["patients"]["accuracy"] + 0.2
    assert found["patients"]["patients"] >= 5
