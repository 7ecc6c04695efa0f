"""A run that is stopped and resumed ends as if it had never been stopped."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
import torch

from ekg.config import save_config
from ekg.errors import TrainingError
from ekg.files import atomic_path
from ekg.training import run_folder
from ekg.training import step as steps
from ekg.training import trainer as loop
from ekg.training.checkpoint import load_checkpoint
from ekg.training.history import MEASURED_COLUMNS
from ekg.training.trainer import train
from tests.training.conftest import toy_config

SECTIONS = {
    "training": {
        "epochs": 3,
        "batch_size": 9,
        "averaging_decay": 0.9,
        "train_loss_pass": False,
        "checkpoint_minutes": 0.0,
        "label_smoothing": 0.1,
    },
    "optimizer": {"name": "adamw", "learning_rate": 0.003},
    "schedule": {"name": "one_cycle", "warmup_fraction": 0.3},
}
RARE = {**SECTIONS, "training": {**SECTIONS["training"], "checkpoint_minutes": 60.0}}
PAPER = {"training": {"epochs": 3, "batch_size": 9, "checkpoint_minutes": 0.0}}


class Killed(BaseException):
    """What a test raises in place of SIGKILL."""


def go(toy_set, run, sections, **options):
    return train(
        toy_config(**sections),
        toy_set,
        toy_set / "split.csv",
        run,
        log=lambda line: None,
        **options,
    )


def outcome(run):
    """Weights of the best epoch, all state at the end, and the history but for its clock."""
    rows = pd.read_csv(run / "train_results.csv").drop(columns=list(MEASURED_COLUMNS))
    state = load_checkpoint(run / "checkpoint.pt")
    tensors = [
        value
        for part in (state["model"], (state["average"] or {}).get("network", {}), state["random"])
        for value in part.values()
    ]
    optimizer = state["optimizer"]["state"]
    tensors += [v for s in optimizer.values() for v in s.values() if torch.is_tensor(v)]
    return (run / "weights.safetensors").read_bytes(), rows, tensors


def assert_same(one, other):
    assert one[0] == other[0]
    pd.testing.assert_frame_equal(one[1], other[1], check_exact=True)
    assert len(one[2]) == len(other[2])
    assert all(torch.equal(a, b) for a, b in zip(one[2], other[2], strict=True))


@pytest.fixture(scope="module")
def undisturbed(toy_set, tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    results = {}
    for name, sections in {"modern": SECTIONS, "rare": RARE, "paper": PAPER}.items():
        go(toy_set, folder / name, sections)
        results[name] = outcome(folder / name)
    return results


def killed_at(monkeypatch, owner, name, calls, *, after=False):
    """Replace a function by one that dies at its n-th call."""
    original, counter = getattr(owner, name), [0]

    def dying(*arguments, **options):
        counter[0] += 1
        if counter[0] == calls and not after:
            raise Killed
        result = original(*arguments, **options)
        if counter[0] == calls:
            raise Killed
        return result

    monkeypatch.setattr(owner, name, dying)


POINTS = [
    ("modern", steps.StepRunner, "_step", random.Random(1).randrange(1, 12), False),
    ("modern", steps.StepRunner, "_step", random.Random(2).randrange(1, 12), True),
    ("rare", steps.StepRunner, "_step", random.Random(3).randrange(6, 12), False),
    ("paper", steps.StepRunner, "_step", random.Random(4).randrange(1, 12), True),
    ("modern", loop, "evaluate_fold", 2, True),
    ("modern", run_folder, "keep_weights", 1, True),
    ("modern", run_folder, "keep_history", 2, False),
    ("modern", loop, "save_checkpoint", 3, False),
    ("modern", run_folder, "finish", 1, False),
]


@pytest.mark.parametrize(("recipe", "owner", "name", "calls", "after"), POINTS)
def test_killed_and_resumed(
    toy_set, tmp_path, monkeypatch, undisturbed, recipe, owner, name, calls, after
):
    sections = {"modern": SECTIONS, "rare": RARE, "paper": PAPER}[recipe]
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        killed_at(patch, owner, name, calls, after=after)
        with pytest.raises(Killed):
            go(toy_set, run, sections)
    torch.manual_seed(12345)  # nothing may depend on what the new process brings along
    go(toy_set, run, sections, resume=True)
    assert_same(outcome(run), undisturbed[recipe])
    assert (run / "finished.json").is_file()


def test_killed_while_a_checkpoint_is_written(toy_set, tmp_path, monkeypatch, undisturbed):
    run = tmp_path / "run"
    saves = [0]

    def half_written(path, content):
        saves[0] += 1
        with atomic_path(path) as temporary:
            torch.save({"version": 1, **content}, temporary)
            if saves[0] == 5:
                temporary.write_bytes(temporary.read_bytes()[:1000])
                raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(loop, "save_checkpoint", half_written)
        with pytest.raises(Killed):
            go(toy_set, run, SECTIONS)
    go(toy_set, run, SECTIONS, resume=True)
    assert_same(outcome(run), undisturbed["modern"])


def test_resuming_a_finished_run_changes_nothing(toy_set, tmp_path):
    run = tmp_path / "run"
    first = go(toy_set, run, PAPER)
    before = outcome(run)
    again = go(toy_set, run, PAPER, resume=True)
    assert (again.epochs, again.best_epoch) == (first.epochs, first.best_epoch)
    assert_same(outcome(run), before)


@pytest.mark.parametrize("file", ["manifest.csv", "split.csv"])
@pytest.mark.parametrize("finished", [True, False])
def test_other_data_than_the_run_began_with_is_refused(toy_set, tmp_path, file, finished):
    data = tmp_path / "set"
    shutil.copytree(toy_set, data)
    once = {**PAPER, "training": {**PAPER["training"], "epochs": 1}}
    go(data, tmp_path / "run", once)
    end = tmp_path / "run" / "finished.json"
    before = end.read_bytes()
    if not finished:
        end.unlink()
    table = pd.read_csv(data / file, keep_default_na=False)
    if file == "split.csv":  # a record that was trained on becomes a test record
        table.loc[table["split"] == "train", "split"] = "test"
        table.loc[::2, "split"] = "train"
        table.loc[3::7, "split"] = "val"
    else:
        table = table.iloc[1:]
    table.to_csv(data / file, index=False)
    with pytest.raises(
        TrainingError, match=rf"started with other data: \S+{file} \(field .* changed"
    ):
        go(data, tmp_path / "run", once, resume=True)
    assert not finished or end.read_bytes() == before
    go(data, tmp_path / "run", once, overwrite=True)
    assert go(data, tmp_path / "run", once, resume=True).epochs == 1


def from_before(path, shortened):
    """Give a checkpoint what the versions wrote whose time limit could shorten a schedule."""
    content = load_checkpoint(path)
    content["plan"] = {"epochs": 3, "since": 0.0, "progress": 0.0}
    content["shortened"] = shortened
    content["rows"] = [{**row, "planned_epochs": 3} for row in content["rows"]]
    content["config"]["training"]["max_minutes"] = 8.5
    torch.save(content, path)


def test_a_checkpoint_of_an_earlier_version_goes_on(toy_set, tmp_path, monkeypatch, undisturbed):
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        killed_at(patch, steps.StepRunner, "_step", 6)
        with pytest.raises(Killed):
            go(toy_set, run, SECTIONS)
    from_before(run / "checkpoint.pt", shortened=False)
    go(toy_set, run, SECTIONS, resume=True)
    assert_same(outcome(run), undisturbed["modern"])


def test_a_checkpoint_with_a_shortened_schedule_is_refused(toy_set, tmp_path):
    run = tmp_path / "run"
    go(toy_set, run, {"training": {"epochs": 1}})
    from_before(run / "checkpoint.pt", shortened=True)
    with pytest.raises(TrainingError, match=r"no longer supported; start without --resume"):
        go(toy_set, run, {"training": {"epochs": 1}}, resume=True)


def test_a_damaged_checkpoint_is_refused(toy_set, tmp_path):
    run = tmp_path / "run"
    go(toy_set, run, {"training": {"epochs": 1}})
    (run / "checkpoint.pt").write_bytes((run / "checkpoint.pt").read_bytes()[:2000])
    with pytest.raises(TrainingError, match="not a complete checkpoint"):
        go(toy_set, run, {"training": {"epochs": 1}}, resume=True)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
def test_a_process_killed_at_random_moments(toy_set, tmp_path, undisturbed, root, seed):
    """The real thing: SIGKILL, several times, until the run gets through."""
    generator = random.Random(seed)
    run, experiment = tmp_path / "run", tmp_path / "experiment.toml"
    save_config(experiment, toy_config(**SECTIONS))
    command = [
        sys.executable,
        "-m",
        "ekg",
        "train",
        "--images",
        str(toy_set),
        "--split",
        str(toy_set / "split.csv"),
        "--run",
        str(run),
        "--experiment",
        str(experiment),
        "--resume",
    ]
    kills = 0
    for attempt in range(12):
        process = subprocess.Popen(command, cwd=root, env={**os.environ, "OMP_NUM_THREADS": "1"})
        deadline = time.monotonic() + 60
        have = (run / "checkpoint.pt").is_file() and (run / "checkpoint.pt").stat().st_mtime_ns
        while process.poll() is None and time.monotonic() < deadline and attempt < 4:
            path = run / "checkpoint.pt"
            if path.is_file() and path.stat().st_mtime_ns != have:
                time.sleep(generator.uniform(0.0, 0.15))
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.002)
        if process.wait(timeout=120) == 0:
            break
        kills += 1
    assert kills > 0
    assert_same(outcome(run), undisturbed["modern"])
