"""Adapting a model to recordings: what is used, in which fold, and what comes out."""

from __future__ import annotations

import csv
import shutil
from collections import Counter, defaultdict
from pathlib import Path

import pytest
import torch

from ekg.adapt.adapt import AdaptSettings, adapt, part_of
from ekg.adapt.recordings import Recording, collect, read_names, with_folds
from ekg.cli import main
from ekg.datasets.labels import patients_in
from ekg.errors import EkgError, RecordError, TrainingError
from ekg.evaluation.predictions import read_predictions
from ekg.model import EkgModel, build_network, save_weights
from ekg.records.diagnoses import CLASSES
from ekg.records.opening import read_header, read_record
from ekg.run import Run
from ekg.simulator.record_files import SimulationSettings, simulate_folder
from ekg.store.stored_model import store_model

SIZE = 64
FAST = ("training.epochs=1", "compute.workers=0", 'compute.device="cpu"')


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        made = EkgModel(build_network(), image_size=SIZE)
    save_weights(folder / "weights.safetensors", made.network.state_dict(), made.metadata)
    return folder


@pytest.fixture(scope="module")
def hospital(tmp_path_factory) -> Path:
    """Recordings under names of their own, as a hospital would have them."""
    folder = tmp_path_factory.mktemp("hospital") / "records"
    simulated = folder.parent / "simulated"
    simulate_folder(simulated, 28, SimulationSettings(seed=9, classes=CLASSES))
    folder.mkdir()
    for header in simulated.glob("*.hea"):
        name = header.stem.replace("S", "H")
        text = header.read_text().replace(header.stem, name)
        (folder / f"{name}.hea").write_text(f"{text}# Patient: Erika Mustermann\n")
        shutil.copyfile(header.with_suffix(".mat"), folder / f"{name}.mat")
    return folder


@pytest.fixture(scope="module")
def adapted(tmp_path_factory, model, hospital) -> AdaptSettings:
    """What the command made, and the settings that it was told."""
    settings = AdaptSettings(
        model=model,
        records=(hospital,),
        out=tmp_path_factory.mktemp("adapted") / "out",
        overrides=FAST,
        folds=2,
        simulated=140,
        resamples=50,
    )
    arguments = ["adapt", "--model", str(model), "--records", str(hospital)]
    arguments += ["--out", str(settings.out), "--folds", "2", "--simulated", "140"]
    arguments += ["--resamples", "50", "-j", "1"]
    for change in FAST:
        arguments += ["--set", change]
    assert main(arguments) == 0
    return settings


def test_recordings_are_copied_without_the_person(adapted, hospital):
    copies = sorted((adapted.out / "records" / "real").glob("*.hea"))
    assert [path.stem for path in copies] == sorted(path.stem for path in hospital.glob("*.hea"))
    for path in copies:
        text = path.read_text()
        assert "Mustermann" not in text and "Age" not in text and "Sex" not in text
        assert read_header(path).diagnoses == read_header(hospital / path.name).diagnoses
        copied, original = read_record(path).signal, read_record(hospital / path.name).signal
        assert abs(copied - original).max() <= 0.0005 + 1e-9


def test_every_recording_is_held_out_once(adapted):
    rows = list(csv.DictReader((adapted.out / "recordings.csv").open()))
    folds = {row["record"]: int(row["fold"]) for row in rows}
    before = read_predictions(adapted.out / "predictions_before.csv", CLASSES)
    after = read_predictions(adapted.out / "predictions_after.csv", CLASSES)
    assert list(before["image"]) == list(after["image"])
    assert set(after["record"]) == set(folds)
    for number in (1, 2):
        held_out = read_predictions(
            adapted.out / f"cross_validation/fold_{number}/predictions_val.csv", CLASSES
        )
        assert set(held_out["record"]) == {name for name, fold in folds.items() if fold == number}
        split = (adapted.out / f"splits/fold_{number}.csv").read_text()
        learned = {line.split(",")[0] for line in split.splitlines() if line.endswith(",train")}
        assert not learned & set(held_out["record"])
        assert learned & set(folds) == {name for name, fold in folds.items() if fold != number}


def test_the_final_run_can_be_stored_and_says_what_its_rules_rest_on(adapted, tmp_path):
    run = Run(adapted.out / "model")
    sha = run.metrics["weights_sha256"]
    assert run.calibration["fitted_on"] == "cross_validation"
    assert run.temperature(sha) == run.calibration["temperature"]
    names = store_model(run.folder, tmp_path / "2020-01-01_adapted")
    card = (tmp_path / "2020-01-01_adapted" / "README.md").read_text()
    assert "weights.safetensors" in names and "cross-validation" in card


def test_it_resumes_and_refuses_other_settings(adapted, capsys):
    trained = adapted.out / "model" / "weights.safetensors"
    time = trained.stat().st_mtime_ns
    content = adapt(adapted)
    assert trained.stat().st_mtime_ns == time
    assert content["paired"] and content["a"]["name"] == "after"
    with pytest.raises(TrainingError, match=r"adaptation\.json.*--out"):
        adapt(AdaptSettings(**{**vars(adapted), "seed": 45}))


def test_excluded_and_unlabelled_recordings_are_left_out(hospital, tmp_path):
    listed = tmp_path / "never.csv"
    listed.write_text("record,why\nH0001,photographed\nelsewhere/H0002,\n")
    shutil.copytree(hospital, tmp_path / "records")
    header = tmp_path / "records" / "H0003.hea"
    header.write_text("\n".join(x for x in header.read_text().split("\n") if "Dx" not in x))
    kept, left = collect([tmp_path / "records"], {}, tmp_path / "out", excluded=read_names(listed))
    assert {one.record for one in left} == {"H0001", "H0002", "H0003"}
    assert {one.record for one in kept}.isdisjoint({"H0001", "H0002", "H0003"})
    assert not (tmp_path / "out" / "H0001.hea").exists()


def test_folds_depend_on_names_alone_and_keep_patients_together():
    recordings = [Recording(f"R{n:03d}", "f", CLASSES[n % 7], f"{n:064x}") for n in range(140)]
    patients = {f"R{n:03d}": f"P{n // 3}" for n in range(90)}
    folds = {r.record: r.fold for r in with_folds(recordings, 5, 44, patients)}
    assert folds == {r.record: r.fold for r in with_folds(recordings[::-1], 5, 44, patients)}
    of_patient = defaultdict(set)
    for record, patient in patients.items():
        of_patient[patient].add(folds[record])
    assert all(len(found) == 1 for found in of_patient.values())
    for name in CLASSES:
        counts = Counter(folds[r.record] for r in recordings if r.diagnosis == name)
        assert set(counts) == {1, 2, 3, 4, 5} and max(counts.values()) <= 8
    other = {r.record: r.fold for r in with_folds(recordings, 5, 45, patients)}
    assert other != folds


def test_too_few_recordings_are_refused():
    few = [Recording(f"R{n}", "f", "AF", "") for n in range(30)]
    with pytest.raises(RecordError, match="two classes"):
        with_folds(few, 5, 44, {})


def test_patients_come_from_the_label_table(tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text("filename_hr,scp_codes,patient_id\na/1_hr,{},17\na/2_hr,{},\n")
    assert patients_in(table) == {"1_hr": "17"}


def test_a_part_for_a_learning_curve_has_the_mix_of_all():
    recordings = [
        Recording(f"R{n:03d}", "f", CLASSES[n % 5], "", fold=1 + n // 5 % 4) for n in range(100)
    ]
    chosen = part_of(recordings, 40, 44)
    assert len(chosen) == 40 and chosen <= {one.record for one in recordings}
    for name in CLASSES[:5]:
        assert sum(one.record in chosen for one in recordings if one.diagnosis == name) == 8
    assert part_of(recordings, 20, 44) < chosen
    assert part_of(recordings, 0, 44) == set()
    assert part_of(recordings, None, 44) == part_of(recordings, 500, 44) != chosen


@pytest.mark.parametrize("few", [{"folds": 1}, {"simulated": 0}])
def test_too_few_folds_or_simulated_records_are_refused(model, hospital, tmp_path, few):
    settings = AdaptSettings(model=model, records=(hospital,), out=tmp_path / "out", **few)
    with pytest.raises(EkgError, match="at least 2 folds and 70 simulated"):
        adapt(settings)
    assert not (tmp_path / "out").exists()
