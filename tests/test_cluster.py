"""Work on a real Dask cluster: a scheduler and two worker processes on this machine."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from ekg.cli import main
from ekg.cluster import Cluster
from ekg.errors import EkgError
from ekg.images import pack_shards
from ekg.images.pack import open_pack, pack_files

pytest.importorskip("distributed", reason="the extra `cluster` is not installed")
pytestmark = pytest.mark.slow


class Running:
    """The processes of a cluster."""

    def __init__(self, root, folder):
        self.folder = folder
        self.environment = {**os.environ, "PYTHONPATH": f"{root}:{root / 'tests'}"}
        self.processes = []
        described = folder / "scheduler.json"
        self.scheduler = self._start(
            "scheduler",
            "--host",
            "127.0.0.1",
            "--port",
            "0",
            "--no-dashboard",
            "--scheduler-file",
            described,
        )
        deadline = time.monotonic() + 60
        while not described.is_file() and time.monotonic() < deadline:
            time.sleep(0.1)
        self.address = json.loads(described.read_text())["address"]
        self.workers = [self.add_worker() for _ in range(2)]

    def _start(self, kind, *words):
        command = [sys.executable, "-m", "distributed.cli.dask_" + kind, *map(str, words)]
        with open(self.folder / f"{kind}-{len(self.processes)}.log", "wb") as log:
            process = subprocess.Popen(
                command, env=self.environment, stdout=log, stderr=log, cwd=self.folder
            )
        self.processes.append(process)
        return process

    def add_worker(self):
        return self._start(
            "worker",
            self.address,
            "--nthreads",
            "1",
            "--no-nanny",
            "--no-dashboard",
            "--local-directory",
            self.folder,
        )

    def end(self):
        for process in self.processes:
            process.kill()
            process.wait()


@pytest.fixture
def cluster(root, tmp_path):
    (tmp_path / "dask").mkdir()
    running = Running(root, tmp_path / "dask")
    yield running
    running.end()


@pytest.fixture(scope="module")
def records(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simulated") / "records"
    assert main(["simulate", "--records", "40", "--out", str(folder), "-j", "1"]) == 0
    shutil.copy(folder / "S0003.hea", folder / "S0099.hea")  # whose header names another file
    return folder


def once_written(path, act):
    """Wait until a file has content, then act."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if path.is_file() and path.stat().st_size:
            return act()
        time.sleep(0.01)


def predict(records, out, *options):
    command = ["predict", str(records), "--format", "json", "--out", str(out), *options]
    return main(command)


def test_a_cluster_gives_what_two_processes_give(cluster, records, tmp_path, monkeypatch):
    monkeypatch.setattr(pack_shards, "SHARD_RECORDS", 5)
    assert predict(records, tmp_path / "local.json", "-j", "2") == 0
    there = ["--scheduler", cluster.address]
    assert predict(records, tmp_path / "cluster.json", *there) == 0
    assert (tmp_path / "cluster.json").read_bytes() == (tmp_path / "local.json").read_bytes()
    images = ["images", "--records", str(records), "--size", "64", "--pack", "--limit", "12"]
    for name, options in (("local", ["-j", "2"]), ("cluster", there)):
        assert main([*images, "--out", str(tmp_path / name), *options]) == 0
    for name in ("manifest.csv", "records.csv", "pack.csv"):
        one, other = tmp_path / "local" / name, tmp_path / "cluster" / name
        assert one.read_bytes() == other.read_bytes(), name
    packs = [open_pack(tmp_path / name)[0] for name in ("local", "cluster")]
    assert [len(pack_files(tmp_path / name)) for name in ("local", "cluster")] == [1, 3]
    np.testing.assert_array_equal(*map(list, packs))
    simulated = tmp_path / "simulated"
    assert main(["simulate", "--records", "20", "--out", str(simulated), *there]) == 0
    for path in sorted(simulated.glob("S*")):
        assert path.read_bytes() == (records / path.name).read_bytes()


def evaluate(records, out, *options):
    return main(
        ["external", "--records", str(records), "--resamples", "0", "--out", str(out), *options]
    )


def test_an_evaluation_is_that_of_two_processes_and_goes_on_without_its_scheduler(
    cluster, records, tmp_path, capsys
):
    assert evaluate(records, tmp_path / "local", "-j", "2") == 0
    there = ["--scheduler", cluster.address]
    assert evaluate(records, tmp_path / "cluster", *there) == 0
    journal = tmp_path / "lost" / ".read.jsonl"
    watch = threading.Thread(target=once_written, args=(journal, cluster.scheduler.kill))
    watch.start()
    assert evaluate(records, tmp_path / "lost", *there) == 2
    watch.join()
    assert f"{cluster.address} is lost" in capsys.readouterr().err
    assert journal.stat().st_size and not (tmp_path / "lost" / "external.json").exists()
    assert evaluate(records, tmp_path / "lost", "-j", "2") == 0
    for name in ("external.json", "predictions_external.csv", "records.csv"):
        expected = (tmp_path / "local" / name).read_bytes()
        assert (tmp_path / "cluster" / name).read_bytes() == expected, name
        assert (tmp_path / "lost" / name).read_bytes() == expected, name


def test_a_worker_that_is_killed_costs_nothing(cluster, records, tmp_path):
    assert predict(records, tmp_path / "local.json", "-j", "2") == 0
    unfinished = tmp_path / "cluster.json.unfinished" / "predictions"
    killed = []

    def kill():
        cluster.workers[0].send_signal(signal.SIGKILL)
        killed.append(cluster.workers[0].wait())

    watch = threading.Thread(target=once_written, args=(unfinished, kill))
    watch.start()
    assert predict(records, tmp_path / "cluster.json", "--scheduler", cluster.address) == 0
    watch.join()
    assert killed == [-signal.SIGKILL]
    assert (tmp_path / "cluster.json").read_bytes() == (tmp_path / "local.json").read_bytes()


def test_without_its_scheduler_a_run_ends_with_one_line_and_is_completed_here(
    cluster, records, tmp_path, capsys
):
    assert predict(records, tmp_path / "local.json", "-j", "2") == 0
    out = tmp_path / "cluster.json"
    unfinished = tmp_path / "cluster.json.unfinished" / "predictions"
    watch = threading.Thread(target=once_written, args=(unfinished, cluster.scheduler.kill))
    watch.start()
    capsys.readouterr()
    assert predict(records, out, "--scheduler", cluster.address) == 2
    watch.join()
    errors = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert len(errors) == 1 and f"{cluster.address} is lost" in errors[0]
    assert "--resume" in errors[0] and not out.exists()
    assert predict(records, out, "--resume", "-j", "2") == 0
    assert out.read_bytes() == (tmp_path / "local.json").read_bytes()


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("ekg.cluster._CONNECT_SECONDS", 1)
    with (
        pytest.raises(EkgError, match=r"tcp://127\.0\.0\.1:9 does not answer"),
        Cluster("tcp://127.0.0.1:9"),
    ):
        pass
