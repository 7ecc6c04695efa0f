"""A stored model that does, or does not, give what was stored with it."""

import shutil
from functools import cache

import pandas as pd
import pytest

from ekg.evaluation.pairing import newest_stored_model
from ekg.files import read_json, write_json
from ekg.image.renderer import Renderer
from ekg.model import load_model, save_weights
from ekg.verification import stored
from ekg.verification.figures import differing
from ekg.verification.findings import Repository
from ekg.verification.stored import check_stored_models, newest_stored, stored_models
from ekg.waveform.synthetic.record_files import SimulationSettings


@cache
def one_renderer(size):
    return Renderer(size)


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """A repository with a copy of the newest stored model; a record of each fold is looked at."""
    monkeypatch.setattr(stored, "Renderer", one_renderer)
    source = newest_stored_model()
    shutil.copytree(source, tmp_path / "best_model_for_paper" / source.name)
    monkeypatch.setattr(stored, "SAMPLE", 1)
    return Repository(tmp_path)


@pytest.fixture
def folder(repository):
    return newest_stored(repository.root)


@pytest.fixture
def no_intervals(folder):
    """Without intervals the figures are computed in an instant."""
    metrics = read_json(folder / "metrics.json")
    for fold in ("val", "test"):
        metrics[fold]["resampling"]["resamples"] = 0
    write_json(folder / "metrics.json", metrics)


def test_the_stored_model_of_this_repository(repository, verdicts):
    found = verdicts(check_stored_models(repository))
    assert found["stored-figures"][0][0] == "pass", found
    assert [verdict for verdict, _ in found["stored-predictions"]] == ["pass", "pass"], found
    assert found["stored-onnx"][0][0] == "pass", found
    assert found["stored-files"][0][0] == "pass", found


def test_another_probability_is_found(folder, repository, verdicts):
    path = folder / "predictions_test.csv"
    table = pd.read_csv(path, dtype={"record": str})
    # Every image a little surer of another class: sums, ranks and decisions stay.
    table["p_AF"], table["p_STE"] = table["p_AF"] + 2e-3, table["p_STE"] - 2e-3
    inside = table["p_STE"] > 0
    table.loc[~inside, ["p_AF", "p_STE"]] += [-2e-3, 2e-3]
    table.to_csv(path, index=False)
    found = verdicts(check_stored_models(repository))
    assert found["stored-files"][0] == (
        "fail", next(said for _, said in found["stored-files"] if "predictions_test.csv" in said)
    )  # fmt: skip
    assert found["stored-figures"][0][0] == "fail"


def test_other_weights_are_found(folder, repository, no_intervals, verdicts):
    model = load_model(folder)
    first = next(iter(model.network.state_dict().values()))
    first.mul_(1.1)
    state = model.network.state_dict()
    save_weights(folder / "weights.safetensors", state, model.metadata)
    found = verdicts(check_stored_models(repository))
    assert "its figures are of other weights" in found["stored-figures"][0][1]
    assert [verdict for verdict, _ in found["stored-predictions"]] == ["fail", "fail"]
    assert "made from other weights" in found["stored-onnx"][0][1]


def test_another_seed_gives_other_images(folder, repository, no_intervals, verdicts):
    facts = read_json(folder / "dataset.json")
    facts["simulation"]["seed"] += 1
    write_json(folder / "dataset.json", facts)
    found = verdicts(check_stored_models(repository))["stored-predictions"]
    assert [verdict for verdict, _ in found] == ["fail", "fail"]


def test_another_version_of_the_simulator_is_said(folder, repository, no_intervals, verdicts):
    facts = read_json(folder / "dataset.json")
    facts["simulation"]["version"] = 1
    write_json(folder / "dataset.json", facts)
    (finding,) = verdicts(check_stored_models(repository))["stored-predictions"]
    assert finding[0] == "fail" and "of version 1 of the simulator" in finding[1]


def test_records_of_hospitals_cannot_be_made_again(folder, repository, no_intervals, verdicts):
    facts = read_json(folder / "dataset.json")
    write_json(folder / "dataset.json", {**facts, "simulation": None})
    found = verdicts(check_stored_models(repository))["stored-predictions"]
    assert found == [("skipped", "its records were not simulated")]


def test_an_image_set_that_is_not_written_down_is_tried_with_the_default_seeds(
    folder, repository, no_intervals, verdicts
):
    simulated = read_json(folder / "dataset.json")["simulation"]
    (folder / "dataset.json").unlink()
    found = verdicts(check_stored_models(repository))["stored-predictions"]
    assert "default seeds, for dataset.json is not here" in found[0][1]
    default = simulated["seed"] == SimulationSettings().seed
    assert found[0][0] == ("pass" if default else "fail")


def test_a_file_lost_from_the_folder_is_named(folder, repository, no_intervals, verdicts):
    (folder / "train_results.csv").unlink()
    verdict, said = verdicts(check_stored_models(repository))["stored-files"][0]
    assert verdict == "fail" and "train_results.csv" in said


def test_without_a_model_everything_is_skipped(empty):
    findings = list(check_stored_models(empty))
    assert {finding.verdict for finding in findings} == {"skipped"} and len(findings) == 4
    assert newest_stored(empty.root) is None and stored_models(empty.root) == []


def test_figures_that_differ():
    stored = {"a": {"b": 0.5, "intervals": {"x": [0.1, 0.2]}}, "n": 3, "none": None, "more": 1}
    assert differing(stored, {"a": {"b": 0.5000005}, "n": 3, "none": float("nan")}) == (3, [])
    assert differing(stored, {"a": {"b": 0.50001}}) == (1, ["a.b"])
    assert differing(stored, {"a": {"intervals": {"x": [0.1, 0.20001]}}}) == (1, [])
    assert differing(stored, {"a": {"intervals": {"x": [0.1, 0.2001]}}}) == (1, ["a.intervals.x"])
    assert differing(stored, {"a": {"intervals": {"x": [0.1]}}}) == (1, ["a.intervals.x"])
    assert differing(stored, {"n": 4, "lost": 1}) == (2, ["n", "lost"])
    assert differing({"t": True}, {"t": 1}) == (1, ["t"])
    assert differing({"l": [{"a": 1.0}]}, {"l": [{"a": 1.0}]}) == (1, [])
    assert differing({"l": [{"a": 1.0}]}, {"l": [{"a": 1.1}]}) == (1, ["l"])
