"""Which wheels of PyTorch an environment gets: by itself, by hand, and again."""

import os
import platform
import re
import socket
import subprocess
import sys

import pytest

from tests.environment.stand_ins import Index

linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere no wheel brings CUDA")
TAG = (
    f"cp{sys.version_info.major}{sys.version_info.minor}-"
    f"cp{sys.version_info.major}{sys.version_info.minor}-linux_{platform.machine()}"
)


@pytest.fixture
def few(project, its_script):
    """The project with a lock of a few packages."""
    lock = project / "requirements.txt"
    names = ("torch", "torchvision", "triton", "nvidia-nccl-cu13", "tqdm", "setuptools")
    blocks = its_script.blocks_of(lock.read_text())
    lock.write_text("".join(block for block in blocks if block.split("==")[0] in names))
    return project


@pytest.fixture
def cpu_index(few, its_script):
    """An index of CPU wheels of the same versions, of a later one, and for another Python."""
    index = Index()
    for pin in its_script.torch_pins((few / "requirements.txt").read_text()):
        name, version = pin.split("==")
        index.add(name, f"{version}+cpu", tag=TAG)
        index.add(name, "9999.0+cpu", tag=TAG)
    yield index
    index.close()


@pytest.fixture
def no_gpu(its_script, monkeypatch):
    monkeypatch.setattr(its_script, "sees_gpu", lambda: False)


def packages(folder):
    command = [folder / "bin/python", "-m", "pip", "list", "--format=freeze"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return dict(line.split("==") for line in done.stdout.split() if "==" in line)


@linux
def test_without_a_gpu_the_cpu_wheels_of_the_same_versions_are_taken_and_kept(
    its_script, few, cpu_index, no_gpu, tmp_path, capfd
):
    folder = tmp_path / "env"
    its_script.build(folder, None, cpu_index.url, uv=False)
    said = capfd.readouterr().err
    first = said.splitlines()[0]
    assert "CPU wheels (no GPU here)" in first and "1.5 GB on disk, 0.5 GB to download" in first
    assert "are not verified" in said  # no hashes of theirs are recorded
    found = packages(folder)
    pins = its_script.torch_pins((few / "requirements.txt").read_text())
    assert {f"{name}=={found[name]}" for name in ("torch", "torchvision")} == {
        f"{pin}+cpu" for pin in pins
    }
    assert not {name for name in found if name.startswith(("nvidia", "triton"))}
    # Rebuilt with another lock, a GPU and no index: the choice is that of the first time.
    with open(few / "requirements.txt", "a") as stream:
        stream.write("# another day\n")
    its_script.sees_gpu = lambda: True
    its_script.build(folder, None, cpu_index.url, uv=False)
    assert "as this environment was first made" in capfd.readouterr().err
    assert packages(folder)["torch"].endswith("+cpu")


@linux
def test_recorded_hashes_of_the_cpu_wheels_are_asked_for(
    its_script, few, cpu_index, no_gpu, tmp_path, capfd, monkeypatch
):
    its_script.record_cpu_lock(cpu_index.url)
    recorded = (few / "requirements-cpu.txt").read_text()
    assert len(re.findall(r"(?m)^torch(?:vision)?==[\d.]+\+cpu \\$", recorded)) == 2
    its_script.build(tmp_path / "env", None, cpu_index.url, uv=False)
    assert "not verified" not in capfd.readouterr().err
    (name,) = (n for n in cpu_index.files if n.startswith("torch-2"))
    cpu_index.files[name] = cpu_index.files[name] + b" "
    with pytest.raises(SystemExit, match="failed"):
        its_script.build(tmp_path / "other", "cpu", cpu_index.url, uv=False)
    # Hashes of other versions do not count, and an index that is away leaves none behind.
    (few / "requirements-cpu.txt").write_text(recorded.replace("torch==", "torch==1"))
    assert (
        its_script.cpu_lock_for(its_script.torch_pins((few / "requirements.txt").read_text()))
        is None
    )
    cpu_index.close()
    its_script.record_cpu_lock(cpu_index.url)
    assert not (few / "requirements-cpu.txt").exists()


@linux
def test_a_gpu_means_the_wheels_of_the_lock(its_script, few, cpu_index, monkeypatch, tmp_path):
    monkeypatch.setattr(its_script, "sees_gpu", lambda: True)
    torch, why = its_script.choose_torch(tmp_path, None, cpu_index.url)
    assert (torch, why) == ("cuda", "a GPU is here") and cpu_index.asked == []


@linux
def test_an_index_that_does_not_answer_means_the_wheels_of_the_lock(
    its_script, few, no_gpu, monkeypatch, tmp_path, capfd
):
    monkeypatch.setattr(its_script, "SECONDS_TO_ANSWER", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        its_script.build(tmp_path / "env", None, url, uv=False)
    (line,) = re.findall(r"(?m)^environment .* GB are free$", capfd.readouterr().err)
    assert "wheels of the lock (no GPU here, but http://127.0.0.1" in line
    assert "does not answer" in line and "3 GB to download" in line and "TORCH=cpu" in line
    assert "nvidia-nccl-cu13" in packages(tmp_path / "env")
    assert its_script.stored_choice(tmp_path / "env") == "cuda"


@linux
def test_an_index_without_these_versions_means_the_wheels_of_the_lock(
    its_script, few, cpu_index, no_gpu, tmp_path
):
    cpu_index.files = {n: b for n, b in cpu_index.files.items() if "9999" in n or "vision" in n}
    torch, why = its_script.choose_torch(tmp_path, None, cpu_index.url)
    assert torch == "cuda" and re.search(r"lacks torch==[\d.]+ and .* for this Python", why)
    cpu_index.close()
    torch, why = its_script.choose_torch(tmp_path, None, cpu_index.url)
    assert torch == "cuda" and "does not answer" in why


@pytest.mark.slow
def test_by_hand_either_can_be_had_and_changes_what_is_stored(
    its_script, few, cpu_index, tmp_path, capfd
):
    folder = tmp_path / "env"
    its_script.build(folder, "cuda", cpu_index.url, uv=False)
    assert "(as asked for)" in capfd.readouterr().err
    its_script.build(folder, "cpu", cpu_index.url, uv=False)
    assert packages(folder)["torch"].endswith("+cpu")
    assert its_script.stored_choice(folder) == "cpu"
    assert cpu_index.asked  # the folder of wheels that the option also takes is not needed


def test_an_interrupted_build_and_an_older_environment_keep_their_choice(its_script, tmp_path):
    (tmp_path / "torch.txt").write_text("cpu\n")
    assert its_script.stored_choice(tmp_path) == "cpu"
    (tmp_path / "torch.txt").unlink()
    (tmp_path / "made-from.txt").write_text("0123abcd cuda 3.11.7\n")
    assert its_script.stored_choice(tmp_path) == "cuda"
    (tmp_path / "made-from.txt").write_text("something else\n")
    assert its_script.stored_choice(tmp_path) is None


def test_make_builds_again_when_torch_says_otherwise(root, tmp_path):
    for name in ("Makefile", "requirements.txt"):
        (tmp_path / name).write_bytes((root / name).read_bytes())
    (tmp_path / "docker").mkdir()
    (tmp_path / "docker/docker.mk").write_bytes((root / "docker/docker.mk").read_bytes())
    (tmp_path / "scripts").mkdir()
    (tmp_path / "scripts/make_environment.py").write_text("import sys; print(*sys.argv[1:])\n")
    (tmp_path / "scripts/uv-requirements.txt").touch()
    (tmp_path / ".venv").mkdir()
    # Newer than all it is made of.
    (tmp_path / ".venv/made-from.txt").write_text("0123abcd cuda 3.11.7\n")

    # The suite itself may run under make, with variables of its own.
    ours = ("MAKEFLAGS", "MAKELEVEL", "MFLAGS", "PYTHON", "EKG_PYTHON", "TORCH")
    variables = {name: value for name, value in os.environ.items() if name not in ours}

    def make(*words):
        command = ["make", "environment", f"BASE_PYTHON={sys.executable}", *words]
        return subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=True
        ).stdout

    assert "Nothing to be done" in make() and "Nothing to be done" in make("TORCH=cuda")
    assert make("TORCH=cpu").strip() == ".venv --torch cpu"
    (tmp_path / ".venv/made-from.txt").unlink()
    assert make().strip() == ".venv"
