"""What a run learned from is written beside it, and can be had later only from the same data."""

import json

import pytest

from ekg.errors import TrainingError
from ekg.files import sha256_of_file, write_json
from ekg.simulator.record_files import SimulationSettings, simulate_folder, simulation_of
from ekg.training.provenance import dataset_of_run, describe_dataset
from tests.training.conftest import toy_config, write_set

LIMITED = {"max_train_images": 21, "max_val_images": 0}


@pytest.fixture
def images(tmp_path):
    return write_set(tmp_path / "home" / "im_res_32", per_class=12)


def facts_of(images, records=None, **limits):
    return describe_dataset(toy_config(data=limits).data, images, images / "split.csv", records)


def test_folds_and_what_is_used_of_them(images):
    facts = facts_of(images, **LIMITED)
    assert facts["dataset"] == "home"
    assert facts["simulation"] is None
    sizes = {name: (fold["records"], fold["images"]) for name, fold in facts["folds"].items()}
    assert sizes == {"train": (21, 42), "val": (14, 28), "test": (7, 14)}
    # Half of the images, yet every record: later slices go first.
    assert (facts["used"]["train"]["records"], facts["used"]["train"]["images"]) == (21, 21)
    assert set(facts["used"]["train"]["images_by_class"].values()) == {3}
    assert facts["used"]["val"] == facts["folds"]["val"]
    assert facts["manifest_sha256"] == sha256_of_file(images / "manifest.csv")


def test_the_sets_own_description_and_the_simulator_are_found(images, tmp_path):
    described = {"dataset": "mine", "records": 42, "images": 84, "seed": 9, "png": True}
    write_json(images / "dataset.json", described)
    simulate_folder(images.parent / "records", 1, SimulationSettings(seed=2023))
    facts = facts_of(images)
    assert facts["dataset"] == "mine"
    assert facts["image_set"] == {"records": 42, "images": 84, "seed": 9}
    assert facts["simulation"]["seed"] == 2023
    assert facts["simulation"]["version"] == SimulationSettings().version
    assert facts_of(images, tmp_path / "elsewhere")["simulation"] is None


def test_a_folder_of_recordings_is_not_simulated(tmp_path):
    assert simulation_of(tmp_path) is None
    (tmp_path / "settings.json").write_text('{"seed": 1}')
    assert simulation_of(tmp_path) is None


@pytest.fixture
def old_run(images, tmp_path):
    """A run that did not write down what it learned from."""
    run = tmp_path / "run"
    environment = {
        "images": str(images),
        "split": str(images / "split.csv"),
        "manifest_sha256": sha256_of_file(images / "manifest.csv"),
        "split_sha256": sha256_of_file(images / "split.csv"),
        "command": ["train", "--records", str(images.parent / "far")],
    }
    write_json(run / "environment.json", environment)
    return run


def test_an_older_runs_facts_are_made_from_the_very_images(old_run, images):
    simulate_folder(images.parent / "far", 1, SimulationSettings(seed=7))
    config = toy_config(data=LIMITED).data
    facts = dataset_of_run(old_run, config)
    assert facts["used"]["train"]["images"] == 21
    assert facts["simulation"]["seed"] == 7
    write_json(old_run / "dataset.json", {"dataset": "as written"})
    assert dataset_of_run(old_run, config) == {"dataset": "as written"}


def test_changed_or_missing_images_are_no_source_of_facts(old_run, images):
    config = toy_config().data
    split = (images / "split.csv").read_text()
    (images / "split.csv").write_text(split.replace("test", "none"))
    with pytest.raises(TrainingError, match=r"changed since \(field `split_sha256`\)"):
        dataset_of_run(old_run, config)
    (images / "manifest.csv").unlink()
    with pytest.raises(TrainingError, match="its images are not at"):
        dataset_of_run(old_run, config)


def test_the_file_is_plain_json(images):
    assert json.loads(json.dumps(facts_of(images))) == facts_of(images)
