"""A stored model that does, or does not, give what was stored with it."""

import shutil
from dataclasses import asdict
from functools import cache

import pandas as pd
import pytest
from scipy.special import softmax

from checks import stored
from checks.findings import Repository
from checks.slices import draw_records, logits_of
from checks.stored import check_stored_models, default_stored, stored_models
from ekg.config import SliceConfig
from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.predictions import digest_of_lines, make_predictions, write_predictions
from ekg.evaluation.recomputed import differing
from ekg.files import read_json, sha256_of_file, write_json
from ekg.images.image_set import make_image_set
from ekg.images.record_images import ImageSetConfig, image_name
from ekg.images.renderer import Renderer
from ekg.model import load_model, save_weights
from ekg.paths import default_model
from ekg.simulator.record_files import SimulationSettings, simulate_folder

RECORDS = {"val": ["S0001", "S0002"], "test": ["S0003", "S0004", "S0005", "S0006"]}


@cache
def one_renderer(size):
    return Renderer(size)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A stored model with few predictions, made by this version of the simulator."""
    source = default_model()
    folder = tmp_path_factory.mktemp("made") / "best_model_for_paper" / "2030-01-01_toy"
    folder.mkdir(parents=True)
    for name in ("weights.safetensors", "model.onnx", "calibration.json"):
        shutil.copy(source / name, folder / name)
    model = load_model(folder)
    sums = sha256_of_file(folder / "weights.safetensors")
    metrics = {"schema": 1, "classes": list(model.classes), "weights_sha256": sums}
    metrics["manifest_sha256"] = "of the set"
    settings = SimulationSettings()
    for fold, names in RECORDS.items():
        parts = []
        slices = []
        for record in draw_records(names, settings, one_renderer(800), slice_seed=44):
            (label,) = record.diagnoses
            images = [image_name(record.name, label, k) for k in range(len(record.starts))]
            rows = [record.name] * len(images), [label] * len(images)
            probabilities = softmax(logits_of(model, record.images), axis=1)
            parts.append(make_predictions(images, *rows, probabilities))
            slices += [f"{record.name},{label},{start}" for start in record.starts]
        predictions = pd.concat(parts, ignore_index=True)
        write_predictions(folder / f"predictions_{fold}.csv", predictions)
        found = evaluate_predictions(predictions, model.classes, resamples=0, seed=44)
        metrics[fold] = found | {"slices_sha256": digest_of_lines(slices)}
    write_json(folder / "metrics.json", metrics)
    write_json(
        folder / "dataset.json",
        {
            "simulation": asdict(settings),
            "image_set": {"size": 800, "seed": 44, "slices": asdict(SliceConfig())},
            "manifest_sha256": "of the set",
        },
    )
    named = {path.name: sha256_of_file(path) for path in sorted(folder.iterdir())}
    write_json(folder / "stored.json", {"sha256": named})
    return folder


@pytest.fixture
def repository(made, tmp_path, monkeypatch):
    """A repository with a copy of it."""
    monkeypatch.setattr(stored, "Renderer", one_renderer)
    monkeypatch.setattr(stored, "SAMPLE", 2)
    shutil.copytree(made, tmp_path / "best_model_for_paper" / made.name)
    (tmp_path / "best_model_for_paper" / "default").write_text(f"{made.name}\n")
    return Repository(tmp_path)


@pytest.fixture
def folder(repository):
    return default_stored(repository.root)


def test_a_stored_model_gives_what_was_stored_with_it(repository, verdicts):
    found = verdicts(check_stored_models(repository))
    assert [found[name][0][0] for name in found] == ["pass"] * 4, found
    assert (
        "2 of 4 records (simulated again, seeds 44 and 44 of dataset.json)"
        in found["stored-predictions"][1][1]
    )


def test_all_of_it_is_looked_at_when_asked(folder, repository, verdicts):
    whole = Repository(repository.root, full=True)
    found = verdicts(check_stored_models(whole))["stored-predictions"]
    assert [verdict for verdict, _ in found] == ["pass", "pass"]
    assert "4 of 4 records" in found[1][1] and "checksum of all slices equal" in found[1][1]
    metrics = read_json(folder / "metrics.json")
    metrics["test"]["slices_sha256"] = "0" * 64
    write_json(folder / "metrics.json", metrics)
    found = verdicts(check_stored_models(whole))["stored-predictions"]
    assert [verdict for verdict, _ in found] == ["pass", "fail"]


def test_files_of_this_repositorys_models(root):
    for path in stored_models(root):
        assert stored._files(path).verdict == "pass"


@pytest.mark.slow
def test_this_repositorys_models(root):
    findings = list(check_stored_models(Repository(root)))
    assert findings and not [finding for finding in findings if finding.verdict == "fail"]


def test_another_probability_is_found(folder, repository, verdicts):
    path = folder / "predictions_test.csv"
    table = pd.read_csv(path, dtype={"record": str})
    probabilities = table.filter(like="p_").to_numpy()
    # The same order of classes, a little less sure: decisions stay, probabilities do not.
    changed = probabilities**0.5 / (probabilities**0.5).sum(axis=1, keepdims=True)
    table[[name for name in table if name.startswith("p_")]] = changed
    table.to_csv(path, index=False)
    found = verdicts(check_stored_models(repository))
    assert found["stored-files"][0][0] == "fail"
    assert "predictions_test.csv" in found["stored-files"][0][1]
    assert found["stored-figures"][0][0] == "fail"
    assert [verdict for verdict, _ in found["stored-predictions"]] == ["pass", "fail"]


def test_other_weights_are_found(folder, repository, verdicts):
    model = load_model(folder)
    first = next(iter(model.network.state_dict().values()))
    first.mul_(1.1)
    state = model.network.state_dict()
    save_weights(folder / "weights.safetensors", state, model.metadata)
    found = verdicts(check_stored_models(repository))
    assert "its metrics are of other weights" in found["stored-figures"][0][1]
    assert [verdict for verdict, _ in found["stored-predictions"]] == ["fail", "fail"]
    assert "made from other weights" in found["stored-onnx"][0][1]


def test_another_seed_gives_other_images(folder, repository, verdicts):
    facts = read_json(folder / "dataset.json")
    facts["simulation"]["seed"] += 1
    write_json(folder / "dataset.json", facts)
    found = verdicts(check_stored_models(repository))["stored-predictions"]
    assert [verdict for verdict, _ in found] == ["fail", "fail"]


def test_another_version_of_the_simulator_cannot_be_compared(folder, repository, verdicts):
    facts = read_json(folder / "dataset.json")
    facts["simulation"]["version"] = 1
    write_json(folder / "dataset.json", facts)
    found = verdicts(check_stored_models(repository))
    (finding,) = found["stored-predictions"]
    assert finding[0] == "skipped" and "of version 1 of the simulator" in finding[1]
    assert found["stored-onnx"][0][0] == "pass"


def test_records_of_hospitals_cannot_be_made_again(folder, repository, verdicts):
    facts = read_json(folder / "dataset.json")
    write_json(folder / "dataset.json", {**facts, "simulation": None})
    (finding,) = verdicts(check_stored_models(repository))["stored-predictions"]
    assert finding[0] == "skipped" and "were not simulated, and their images are not" in finding[1]


def test_without_seeds_the_image_set_that_is_here_is_read(folder, repository, verdicts):
    home = repository.root / "data" / "toy"
    simulate_folder(home / "records", 6, SimulationSettings())
    make_image_set(home / "records", home / "im_res_800", ImageSetConfig(), pack=True)
    checksum = sha256_of_file(home / "im_res_800" / "manifest.csv")
    for name in ("metrics.json", "dataset.json"):
        content = read_json(folder / name) | {"manifest_sha256": checksum}
        write_json(
            folder / name, content | ({"simulation": None} if "image_set" in content else {})
        )
    found = verdicts(check_stored_models(repository))["stored-predictions"]
    assert [verdict for verdict, _ in found] == ["pass", "pass"]
    assert "(of data/toy/im_res_800)" in found[0][1]


@pytest.mark.parametrize("missing", [True, False])
def test_an_image_set_that_is_not_written_down_is_tried_with_the_default_seeds(
    folder, repository, verdicts, missing
):
    if missing:
        (folder / "dataset.json").unlink()
    else:
        facts = read_json(folder / "dataset.json")
        write_json(folder / "dataset.json", {**facts, "manifest_sha256": "of another"})
    found = verdicts(check_stored_models(repository))["stored-predictions"]
    why = "is not here" if missing else "is of other images"
    assert f"default seeds, for dataset.json {why}" in found[0][1]
    # The predictions themselves confirm that these were made with the default seeds.
    assert [verdict for verdict, _ in found] == ["pass", "pass"]


def test_a_file_lost_from_the_folder_is_named(folder, repository, verdicts):
    (folder / "calibration.json").unlink()
    verdict, said = verdicts(check_stored_models(repository))["stored-files"][0]
    assert verdict == "fail" and "calibration.json" in said


def test_without_a_model_everything_is_skipped(empty):
    findings = list(check_stored_models(empty))
    assert {finding.verdict for finding in findings} == {"skipped"} and len(findings) == 4
    assert default_stored(empty.root) is None and stored_models(empty.root) == []


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
