"""Two processes compute what one does."""

import json
import os
import subprocess
import sys

import pandas as pd
import pytest
import torch
import torch.multiprocessing as mp
from safetensors.torch import load_file
from torch import nn

from ekg.config import save_config
from ekg.errors import TrainingError
from ekg.training import distributed
from ekg.training.trainer import train
from ekg.training.validation import _places
from tests.training.conftest import toy_config

# The batch of 9 leaves a last batch of 1 image for 2 processes: one of them has none.
SECTIONS = {
    "training": {"epochs": 2, "batch_size": 9, "train_loss_pass": False},
    "optimizer": {"learning_rate": 0.02},
    "network": {"dropout": 0.2},
}


@pytest.mark.slow
def test_two_processes_give_the_loss_curve_of_one(toy_set, tmp_path, root):
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
    for column in ("train_loss", "val_loss"):
        torch.testing.assert_close(
            torch.tensor(two[column]), torch.tensor(one[column]), rtol=1e-4, atol=1e-5
        )
    for column in ("steps", "learning_rate", "epoch"):
        pd.testing.assert_series_equal(one[column], two[column])
    weights = [load_file(run / "weights.safetensors") for run in (alone, together)]
    for name, value in weights[0].items():
        torch.testing.assert_close(weights[1][name], value, rtol=1e-3, atol=1e-4)
    assert json.loads((together / "environment.json").read_text())["processes"] == 2
    assert done.stdout.count("best epoch") == 1  # one process speaks


def _norm_worker(rank, folder):
    os.environ.update(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE="2")
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=(folder / "port").read_text())
    torch.set_num_threads(1)
    world = distributed.join("cpu")
    images, targets = torch.load(folder / "data.pt")
    network = _small_network()
    distributed.adapt_network(network, "cpu")
    part = slice(0, 4) if rank == 0 else slice(4, 7)
    distributed.set_rows(network, 7, part.start)
    torch.manual_seed(3)
    loss = (network(images[part]) * targets[part]).sum()
    loss.backward()
    gradients = [world.sum(p.grad) for p in network.parameters()]
    parts = world.gather(rank)
    assert parts == [0, 1]
    if world.is_first:
        torch.save((gradients, network[1].running_mean, network[1].running_var), folder / "two.pt")
    distributed.leave(world)


def _small_network():
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.3), nn.Conv2d(4, 2, 3)
    )
    return network.train()


def _free_port():
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def test_batch_norm_and_dropout_see_the_whole_batch(tmp_path):
    torch.save((torch.randn(7, 1, 8, 8), torch.randn(7, 2, 4, 4)), tmp_path / "data.pt")
    (tmp_path / "port").write_text(str(_free_port()))
    mp.spawn(_norm_worker, (tmp_path,), nprocs=2)
    images, targets = torch.load(tmp_path / "data.pt")
    network = _small_network()
    torch.manual_seed(3)
    (network(images) * targets).sum().backward()
    gradients, mean, var = torch.load(tmp_path / "two.pt")
    torch.testing.assert_close(mean, network[1].running_mean)
    torch.testing.assert_close(var, network[1].running_var)
    for ours, parameter in zip(gradients, network.parameters(), strict=True):
        torch.testing.assert_close(ours, parameter.grad, rtol=1e-4, atol=1e-4)


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
