"""Device, precision, threads, seeds and memory."""

import ctypes
import os

import numpy as np
import pytest
import torch

from ekg.config import ComputeConfig
from ekg.errors import ConfigError
from ekg.training import compute
from ekg.training.provenance import _git, _version

CPU = torch.device("cpu")


@pytest.fixture
def settings_restored():
    """Put back what `set_up` changes for the whole process."""
    threads = torch.get_num_threads()
    workspace = os.environ.get("CUBLAS_WORKSPACE_CONFIG")
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    if workspace is None:
        os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


def test_threads_and_determinism_are_set(settings_restored):
    found = compute.set_up(ComputeConfig(device="cpu", threads=2, deterministic=True))
    assert (found.device, found.precision, found.compile) == (CPU, torch.float32, False)
    assert not found.scaled
    assert torch.get_num_threads() == 2
    assert torch.are_deterministic_algorithms_enabled()
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"]


def test_bfloat16_is_used_where_it_is_asked_for(settings_restored):
    found = compute.set_up(ComputeConfig(device="cpu", precision="bfloat16", threads=1))
    weights = torch.ones(2, 2)
    with found.autocast():
        assert (weights @ weights).dtype == torch.bfloat16
    plain = compute.set_up(ComputeConfig(device="cpu", threads=1))
    with plain.autocast():
        assert (weights @ weights).dtype == torch.float32


@pytest.mark.parametrize("name", ["cuda:99", "abacus"])
def test_a_device_that_is_not_here(name):
    with pytest.raises(ConfigError, match=rf"`compute.device` is '{name}', which is not available"):
        compute.set_up(ComputeConfig(device=name))


def test_half_precision_is_for_gpus():
    with pytest.raises(ConfigError, match=r'"float16", which is slow on a CPU; use "float32"'):
        compute._precision("float16", CPU)
    assert compute.Compute(CPU, torch.float16, False).scaled


def test_compiling_needs_a_compiler(monkeypatch):
    monkeypatch.setattr(compute.shutil, "which", lambda name: None)
    assert not compute.has_compiler()
    with pytest.raises(ConfigError, match=r"no C\+\+ compiler; install one"):
        compute._compile(ComputeConfig(compile="on"), CPU)
    assert not compute._compile(ComputeConfig(compile="auto"), CPU)
    monkeypatch.setenv("CXX", "my-c++")
    monkeypatch.setattr(compute.shutil, "which", lambda name: name == "my-c++")
    assert compute.has_compiler()
    assert compute._compile(ComputeConfig(compile="on"), CPU)


def test_cores_are_counted_where_the_system_cannot_say_which(monkeypatch):
    assert compute._cores() == len(os.sched_getaffinity(0))
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert compute._cores() == 7
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert compute._cores() == 1


def test_random_states_are_taken_back():
    with torch.random.fork_rng(devices=[]):
        compute.seed_everything(44)
        first = np.random.rand(), torch.rand(3)  # noqa: NPY002
        state = compute.random_states()
        expected = torch.rand(3)
        compute.restore_random_states(state)
        assert torch.equal(torch.rand(3), expected)
        compute.seed_everything(44)
        assert np.random.rand() == first[0] and torch.equal(torch.rand(3), first[1])  # noqa: NPY002


def test_another_c_library_keeps_memory_as_it_likes(monkeypatch):
    def no_glibc(name):
        raise OSError(f"{name}: file not found")

    monkeypatch.setattr(ctypes, "CDLL", no_glibc)
    assert compute.keep_freed_memory() is False


def test_what_cannot_be_told_of_the_environment(monkeypatch):
    assert _version("no-such-package-of-anybody") is None
    assert _git("no-such-command") is None
    monkeypatch.setenv("PATH", "")
    assert _git("status") is None
