import csv
import json
import math

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import safe_open

from ekg.config import load_config
from ekg.data.folds import labels_of
from ekg.errors import ConfigError, EkgError, ImageError, ModelError, SplitError, TrainingError
from ekg.images.image_set import read_manifest
from ekg.model import load_model
from ekg.training import step as steps
from ekg.training.history import COLUMNS, PUBLISHED_COLUMNS
from ekg.training.trainer import train
from tests.training.conftest import SIZE, toy_config, write_set

LEARNS = {
    "training": {"epochs": 12, "batch_size": 8},
    "optimizer": {"name": "adamw", "learning_rate": 0.01},
    "network": {"dropout": 0.0},
}


def go(toy_set, run, said=None, **sections):
    log = (said if said is not None else []).append
    return train(toy_config(**sections), toy_set, toy_set / "split.csv", run, log=log)


def history(run):
    return pd.read_csv(run / "train_results.csv")


def test_it_learns_and_leaves_a_whole_run_folder(toy_set, tmp_path, said):
    run = tmp_path / "run"
    result = go(toy_set, run, said, **LEARNS)
    assert sorted(p.name for p in run.iterdir() if not p.name.startswith(".")) == [
        "checkpoint.pt",
        "config.toml",
        "dataset.json",
        "environment.json",
        "finished.json",
        "train_results.csv",
        "weights.safetensors",
    ]
    rows = history(run)
    assert tuple(rows.columns) == COLUMNS
    assert tuple(rows.columns[:10]) == PUBLISHED_COLUMNS
    assert list(rows["epoch"]) == list(range(12))
    assert rows["val_macro_f1"].max() > 0.9
    assert rows["train_loss"].min() < 0.5
    # The stated relations between the published columns.
    best = np.minimum.accumulate(rows["val_loss"])
    np.testing.assert_array_equal(rows["best_val_loss"], best)
    np.testing.assert_array_equal(rows["saved_model"], rows["val_loss"] == best)
    delta = (rows["val_loss"] - best.shift(1)) / best.shift(1)
    np.testing.assert_allclose(rows["delta_per_best"], delta.fillna(0.0))
    assert (rows["elapsed_time"].diff().dropna() > 0).all()
    assert (rows["images_per_second"] > 0).all()
    assert result.best_epoch == rows["val_loss"].idxmin()
    assert result.reason == "all epochs done"
    assert json.loads((run / "finished.json").read_text())["best_epoch"] == result.best_epoch
    assert load_config(run / "config.toml") == toy_config(**LEARNS)
    environment = json.loads((run / "environment.json").read_text())
    for key in ("packages", "device", "threads", "git_commit", "manifest_sha256", "command"):
        assert environment[key], key
    assert environment["seed"] == 44
    assert sum(line.startswith("epoch") for line in said) == 12


def test_the_kept_weights_are_the_best_epochs(toy_set, tmp_path):
    run = tmp_path / "run"
    result = go(toy_set, run, **LEARNS)
    model = load_model(run)
    with safe_open(run / "weights.safetensors", "pt") as file:
        assert file.metadata()["epoch"] == str(result.best_epoch)
    split = pd.read_csv(toy_set / "split.csv").set_index("record")["split"]
    manifest = read_manifest(toy_set)
    rows = manifest[manifest["record"].map(split) == "val"]
    from ekg.images.image_set import read_image

    images = np.stack([read_image(toy_set / image, SIZE) for image in rows["image"]])
    with torch.inference_mode():
        logits = model(torch.from_numpy(images))
    accuracy = (logits.argmax(1).numpy() == labels_of(rows)).mean()
    kept = history(run).iloc[result.best_epoch]
    assert accuracy == pytest.approx(kept["val_accuracy"])


def test_equal_seeds_give_equal_runs_and_others_do_not(toy_set, tmp_path):
    for name, sections in {
        "a": {},
        "b": {"compute": {"workers": 3}},
        "c": {"training": {"seed": 45}},
    }.items():
        go(toy_set, tmp_path / name, **sections)
    weights = {n: (tmp_path / n / "weights.safetensors").read_bytes() for n in "abc"}
    assert weights["a"] == weights["b"]
    assert weights["a"] != weights["c"]


def test_without_its_own_pass_the_training_loss_is_the_steps(toy_set, tmp_path):
    go(toy_set, tmp_path / "with", training={"epochs": 1})
    go(toy_set, tmp_path / "without", training={"epochs": 1, "train_loss_pass": False})
    one, other = (history(tmp_path / name).iloc[0] for name in ("with", "without"))
    assert one["val_loss"] == other["val_loss"]
    assert one["train_loss"] != other["train_loss"]
    assert other["train_loss"] == pytest.approx(math.log(7), abs=0.3)


def test_every_option_of_the_modern_recipe_runs(toy_set, tmp_path):
    go(
        toy_set,
        tmp_path / "run",
        training={
            "label_smoothing": 0.1,
            "averaging_decay": 0.9,
            "gradient_clip": 1.0,
            "best_by": "val_macro_f1",
            "class_weights": "none",
        },
        optimizer={"name": "adamw", "weight_decay": 0.1},
        schedule={"name": "cosine", "warmup_fraction": 0.2},
        compute={"tensorboard": True, "deterministic": True},
    )
    torch.use_deterministic_algorithms(False)
    rows = history(tmp_path / "run")
    assert rows["learning_rate"].iloc[-1] < rows["learning_rate"].iloc[0]
    assert list((tmp_path / "run").glob("tensorboard/events*"))


def test_bfloat16_and_plain_learn_the_same_within_rounding(toy_set, tmp_path):
    losses = []
    for name, compute in {
        "fast": {},
        "plain": {"plain": True},
        "bf16": {"precision": "bfloat16"},
    }.items():
        go(toy_set, tmp_path / name, training={"epochs": 1}, compute=compute)
        losses.append(history(tmp_path / name)["val_loss"].iloc[0])
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    assert losses[2] == pytest.approx(losses[0], rel=0.05)


def clock(monkeypatch, minutes_per_step):
    """A clock that runs with the steps alone."""
    from ekg.training.state import State

    def minutes(self):
        return minutes_per_step * (4 * self.epoch + self.step)  # 4 steps an epoch

    monkeypatch.setattr(State, "minutes", property(minutes))


def test_a_time_limit_stops_after_the_epoch_and_says_so(toy_set, tmp_path, monkeypatch):
    clock(monkeypatch, 0.25)
    run = tmp_path / "run"
    result = go(toy_set, run, training={"epochs": 50, "max_minutes": 2.6, "batch_size": 12})
    assert result.epochs == 3
    assert list(history(run)["steps"]) == [4, 4, 4]
    finished = json.loads((run / "finished.json").read_text())
    assert finished["reason"] == "time limit of 2.6 minutes, after 3 of 50 epochs"
    assert load_model(run) is not None


def test_a_slow_machine_bends_no_schedule(toy_set, tmp_path, monkeypatch):
    # The same epochs, with the same rates and weights, however long they take.
    limits = {"quiet": (0.001, 2.6), "busy": (0.25, 2.6), "free": (0.25, 0.0)}
    for name, (minutes_per_step, limit) in limits.items():
        clock(monkeypatch, minutes_per_step)
        go(
            toy_set,
            tmp_path / name,
            training={"epochs": 3, "max_minutes": limit, "batch_size": 12},
            schedule={"name": "cosine"},
        )
    weights = [(tmp_path / name / "weights.safetensors").read_bytes() for name in limits]
    assert weights[0] == weights[1] == weights[2]
    rates = [list(history(tmp_path / name)["learning_rate"]) for name in limits]
    assert rates[0] == rates[1] == rates[2]


def test_every_epoch_but_the_last_says_how_long_the_rest_takes(toy_set, tmp_path, said):
    go(toy_set, tmp_path / "run", said, training={"epochs": 9, "batch_size": 8, "max_minutes": 0})
    lines = [line for line in said if line.startswith("epoch")]
    assert [line.endswith(" left") for line in lines] == [True] * 8 + [False]
    assert sum("images/s: the rest of 9 epochs takes at most" in line for line in said) == 1


# ------------------------------------------------------------------------------ trouble


def test_a_loss_that_is_no_number_names_step_and_images(toy_set, tmp_path):
    with pytest.raises(TrainingError, match=r"step \d+ of epoch \d.*all/.*png.*learning_rate"):
        go(toy_set, tmp_path / "run", optimizer={"learning_rate": 1e30})


def test_out_of_memory_names_the_batch_size(toy_set, tmp_path, monkeypatch):
    from ekg.model import EkgModel

    forward = EkgModel.forward

    def small_memory(self, images):
        if len(images) > 5:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB")
        return forward(self, images)

    monkeypatch.setattr(EkgModel, "forward", small_memory)
    with pytest.raises(TrainingError, match=r"batch_size` 16; use a smaller --batch-size"):
        go(toy_set, tmp_path / "run", training={"batch_size": 16})


def test_a_class_without_images_is_named_once_and_weighs_nothing(tmp_path, said):
    folder = write_set(tmp_path / "set", per_class=6, classes=("AF", "Normal", "RBBB"))
    go(folder, tmp_path / "run", said, training={"epochs": 1})
    notes = [line for line in said if "fold train has no image of" in line]
    assert len(notes) == 1
    assert "I-AVB, LBBB, STD, STE" in notes[0]
    assert math.isfinite(history(tmp_path / "run")["val_loss"].iloc[0])


def test_refusals_name_the_remedy(toy_set, tmp_path):
    cases = [
        (ImageError, "manifest", {"images": tmp_path}),
        (SplitError, "file not found", {"split": tmp_path / "absent.csv"}),
        (ImageError, "16", {"config": toy_config(data={"image_size": 16})}),
        (ModelError, "unknown network", {"config": toy_config(network={"name": "lenet"})}),
        (ConfigError, "compute.device", {"config": toy_config(compute={"device": "cuda:9"})}),
        (ConfigError, "compute.device", {"config": toy_config(compute={"device": "toaster"})}),
        (EkgError, "--records", {"config": toy_config(data={"source": "records"})}),
    ]
    for number, (kind, text, changes) in enumerate(cases):
        run = tmp_path / f"run{number}"
        with pytest.raises(kind, match=text):
            train(
                changes.get("config", toy_config()),
                changes.get("images", toy_set),
                changes.get("split", toy_set / "split.csv"),
                run,
                log=lambda line: None,
            )
        assert not (run / "weights.safetensors").exists()


def test_weights_of_another_network_are_refused(toy_set, tmp_path):
    go(toy_set, tmp_path / "first", training={"epochs": 1})
    go(
        toy_set,
        tmp_path / "tuned",
        training={"epochs": 1},
        network={"weights": str(tmp_path / "first")},
    )
    with pytest.raises(ModelError, match="another network"):
        go(
            toy_set,
            tmp_path / "wrong",
            data={"channels": 3},
            network={"weights": str(tmp_path / "first")},
        )


def test_a_used_folder_needs_a_word(toy_set, tmp_path):
    run = tmp_path / "run"
    go(toy_set, run, training={"epochs": 1})
    with pytest.raises(TrainingError, match="--resume"):
        go(toy_set, run, training={"epochs": 1})
    train(
        toy_config(training={"epochs": 1, "seed": 5}),
        toy_set,
        toy_set / "split.csv",
        run,
        overwrite=True,
        log=lambda line: None,
    )
    assert json.loads((run / "environment.json").read_text())["seed"] == 5
    with pytest.raises(TrainingError, match=r"training.seed was 5, now 44"):
        train(
            toy_config(training={"epochs": 1}),
            toy_set,
            toy_set / "split.csv",
            run,
            resume=True,
            log=lambda line: None,
        )


def test_history_reads_with_the_csv_module(toy_set, tmp_path):
    go(toy_set, tmp_path / "run", training={"epochs": 1})
    with open(tmp_path / "run" / "train_results.csv", newline="") as stream:
        (row,) = csv.DictReader(stream)
    assert row["saved_model"] == "True"
    assert float(row["epoch_time"]) > 0


def test_the_loss_is_watched_on_gpus_too(toy_set, tmp_path, monkeypatch):
    # On a GPU losses are looked at every 20 steps: the rest of an epoch must not be forgotten.
    runner = steps.StepRunner.__init__

    def as_on_a_gpu(self, *arguments, **options):
        runner(self, *arguments, **options)
        self._look_every = 20

    go(toy_set, tmp_path / "cpu", training={"train_loss_pass": False})
    monkeypatch.setattr(steps.StepRunner, "__init__", as_on_a_gpu)
    go(toy_set, tmp_path / "gpu", training={"train_loss_pass": False})
    a, b = (history(tmp_path / name)["train_loss"] for name in ("cpu", "gpu"))
    np.testing.assert_array_equal(a, b)
