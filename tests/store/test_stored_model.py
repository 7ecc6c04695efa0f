"""What a stored model's folder holds, and how a run gets there."""

import json
import shutil

import onnx
import pytest

from ekg.errors import EvaluationError
from ekg.files import read_json, sha256_of_file, write_json
from ekg.model import load_model
from ekg.model.engines import OnnxEngine
from ekg.model.export import (
    LARGEST_DIFFERENCE,
    ExportReport,
    check_images,
    largest_difference,
)
from ekg.paths import STORED_MODELS, default_model
from ekg.run import ONNX_FILE, STORED_FILE
from ekg.store.stored_model import KEPT_FILES, store_model

STORED = [path.parent for path in sorted(STORED_MODELS.glob(f"*/{STORED_FILE}"))]


def test_there_is_a_stored_model():
    assert default_model() in STORED


def store_again(tmp_path):
    folder = default_model()
    names = store_model(folder, tmp_path / folder.name)
    assert {*KEPT_FILES, ONNX_FILE, "dataset.json", STORED_FILE, "README.md"} < set(names)
    for name in names:
        assert (tmp_path / folder.name / name).read_bytes() == (folder / name).read_bytes(), name
    left = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert left == set(names)


def test_a_stored_model_can_be_stored_again_and_is_the_same(tmp_path, monkeypatch):
    """All but the tracing of the network, which takes long; the next test does that too."""

    def copied(model, path, *, weights):
        assert model.temperature is not None
        assert weights.parent == path.parent
        shutil.copy(default_model() / ONNX_FILE, path)
        return ExportReport(path, 0.0, 6, path.stat().st_size)

    monkeypatch.setattr("ekg.store.stored_model.export_onnx", copied)
    store_again(tmp_path)


@pytest.mark.slow
def test_a_stored_model_can_be_traced_again_and_is_the_same(tmp_path):
    store_again(tmp_path)


@pytest.mark.parametrize("folder", STORED, ids=lambda folder: folder.name)
def test_every_file_is_the_one_that_was_stored(folder):
    stored = read_json(folder / STORED_FILE)
    assert stored["name"] == folder.name
    found = {name: sha256_of_file(folder / name) for name in stored["sha256"]}
    assert found == stored["sha256"]
    metrics = read_json(folder / "metrics.json")
    assert metrics["weights_sha256"] == found["weights.safetensors"]
    dataset, environment = (read_json(folder / f"{n}.json") for n in ("dataset", "environment"))
    for key in ("manifest_sha256", "split_sha256"):
        assert dataset[key] == environment[key], key
    for fold in ("val", "test"):
        sizes = {key: dataset["folds"][fold][key] for key in ("records", "images")}
        assert sizes == {key: metrics[fold][key] for key in sizes}


@pytest.mark.parametrize("folder", STORED, ids=lambda folder: folder.name)
def test_the_onnx_file_is_of_these_weights_and_agrees_with_torch(folder):
    exported = onnx.load(folder / ONNX_FILE)
    said = {entry.key: entry.value for entry in exported.metadata_props}
    assert said["weights_sha256"] == sha256_of_file(folder / "weights.safetensors")
    model = load_model(folder)
    temperature = read_json(folder / "calibration.json")["temperature"]
    assert json.loads(said["temperature"]) == model.temperature == temperature
    engine = OnnxEngine(folder / ONNX_FILE)
    images = check_images(model.image_size)[:2]
    assert largest_difference(model, engine, images) <= LARGEST_DIFFERENCE


@pytest.mark.parametrize("folder", STORED, ids=lambda folder: folder.name)
def test_the_stored_model_learnt_something_real(folder):
    assert read_json(folder / "metrics.json")["test"]["record_weighted"]["macro_f1"] >= 0.6


def test_an_unfinished_run_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match=r"weights\.safetensors.* missing"):
        store_model(tmp_path, tmp_path / "out", "make train")
    assert not (tmp_path / "out").exists()


def test_predictions_that_are_not_those_of_the_metrics_are_refused(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    for name in KEPT_FILES:
        (run / name).write_text("x")
    write_json(run / "metrics.json", {"schema": 1, "val": {"predictions_sha256": "0" * 64}})
    with pytest.raises(EvaluationError, match=r"predictions_val\.csv: is not the file that"):
        store_model(run, tmp_path / "out", "make train")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda m: m["test"]["per_record"].update(macro_f1=0.9),
            r"1 metrics differ from the saved predictions: test\.per_record\.macro_f1;",
        ),
        (
            lambda m: m["val"]["record_weighted"]["intervals"]["accuracy"].__setitem__(0, 0.1),
            r"saved predictions: val\.record_weighted\.intervals\.accuracy; run",
        ),
        (lambda m: m.update(val=3), r"`val` must be a table of metrics; delete it"),
        (lambda m: m.pop("test"), r"field `classes` or `test\.resampling` is missing"),
        (lambda m: m["val"].pop("resampling"), r"field `classes` or `val\.resampling` is missing"),
    ],
)
def test_figures_that_are_not_those_of_the_predictions_are_refused(tmp_path, change, message):
    run = shutil.copytree(default_model(), tmp_path / "run")
    metrics = read_json(run / "metrics.json")
    change(metrics)
    write_json(run / "metrics.json", metrics)
    with pytest.raises(EvaluationError, match=r"metrics\.json: .*" + message):
        store_model(run, tmp_path / "out", "make train")
    assert not (tmp_path / "out").exists()


def test_the_commands_that_the_card_names(tmp_path):
    from ekg.store.stored_model import _made_by

    run, folder = tmp_path / "my run", tmp_path / "elsewhere" / "2026-01-01_it"
    write_json(run / "environment.json", {"command": ["__main__.py", "train", "--run", "runs/a b"]})
    assert _made_by(run, folder, None)["made_by"] == "python -m ekg train --run 'runs/a b'"
    said = _made_by(run, folder, "make reproduce SEED=2023")
    assert said["stored_by"] == (
        "python -m ekg store --run 'runs/my run' --out best_model_for_paper/2026-01-01_it "
        "--command 'make reproduce SEED=2023'"
    )
    write_json(run / STORED_FILE, said)
    assert _made_by(run, folder, None) == said
