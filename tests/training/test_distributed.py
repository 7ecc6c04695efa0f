"""Two processes learn what one does."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from ekg.config import save_config
from ekg.errors import TrainingError
from ekg.training import distributed
from ekg.training.trainer import train
from ekg.training.validation import _places
from tests.training.conftest import toy_config

SECTIONS = {
    "training": {"epochs": 2, "batch_size": 9, "train_loss_pass": False},
    "optimizer": {"learning_rate": 0.02},
    "network": {"dropout": 0.2},
}


@pytest.mark.slow
def test_two_processes_learn_what_one_does(toy_set, tmp_path, root):
    alone, together = tmp_path / "alone", tmp_path / "together"
    experiment = tmp_path / "experiment.toml"
    save_config(experiment, toy_config(**SECTIONS))
    train(toy_config(**SECTIONS), toy_set, toy_set / "split.csv", alone, log=lambda line: None)
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "--",
        "ekg",
        "train",
        "--images",
        str(toy_set),
        "--split",
        str(toy_set / "split.csv"),
        "--run",
        str(together),
        "--experiment",
        str(experiment),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    one, two = (pd.read_csv(run / "train_results.csv") for run in (alone, together))
    # Each process normalises and drops for itself: equal within a tolerance, not to the bit.
    for column in ("train_loss", "val_loss"):
        pd.testing.assert_series_equal(one[column], two[column], rtol=0.1)
    for column in ("learning_rate", "epoch"):
        pd.testing.assert_series_equal(one[column], two[column])
    weights = load_file(together / "weights.safetensors")
    assert all(torch.isfinite(value).all() for value in weights.values())
    assert json.loads((together / "environment.json").read_text())["processes"] == 2
    assert done.stdout.count("best epoch") == 1  # one process speaks


def test_batch_norm_sees_the_whole_batch_on_gpus():
    for device, kind in (("cuda", nn.SyncBatchNorm), ("cpu", nn.BatchNorm2d)):
        network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        distributed.adapt_network(network, device)
        assert type(network[1]) is kind


@pytest.mark.parametrize("processes", [1, 2, 3, 5])
def test_every_image_is_counted_once(processes):
    batches = [torch.arange(5).numpy(), torch.arange(5, 9).numpy(), torch.arange(9, 10).numpy()]
    places = [p for rank in range(processes) for p in _places(batches, rank, processes)]
    assert sorted(places) == list(range(10))


def test_half_a_torchrun_is_refused(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.delenv("RANK", raising=False)
    with pytest.raises(TrainingError, match="torchrun"):
        distributed.join("cpu")
