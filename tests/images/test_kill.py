"""The command killed outright, interrupted, and run beside itself."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ekg.images.image_set import make_image_set, read_image
from ekg.images.record_images import ImageSetConfig

CONFIG = ImageSetConfig(size=400)


@pytest.fixture
def many_records(tmp_path: Path, write_record) -> Path:
    for number in range(24):
        write_record(tmp_path / "records", f"R{number:02d}", "AF", samples=5000)
    return tmp_path / "records"


def start(root: Path, records: Path, out: Path, jobs: int) -> subprocess.Popen:
    command = [sys.executable, "-m", "ekg", "images", "--records", str(records), "--out", str(out)]
    return subprocess.Popen(
        [*command, "--size", "400", "-j", str(jobs), "--pack"],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_images(out: Path, count: int, process: subprocess.Popen) -> None:
    for _ in range(3000):
        if len(list(out.glob("all/*/*_PIL.png"))) >= count:
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("no images were drawn")


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


@pytest.mark.parametrize(
    "how", [signal.SIGKILL, pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_stopped_and_run_again(root, many_records, tmp_path, how):
    out = tmp_path / "set"
    process = start(root, many_records, out, jobs=2)
    wait_for_images(out, 9, process)
    if how == signal.SIGKILL:
        process.kill()  # the parent alone: its workers must notice by themselves
    else:
        os.killpg(process.pid, how)  # as Ctrl-C does: parent and workers all get the signal
    _, errors = process.communicate(timeout=30)  # ends when the last worker has ended
    if how == signal.SIGINT:
        assert process.returncode == 130
        assert "run the same command again" in errors
        assert "Traceback" not in errors
    assert not (out / "manifest.csv").exists()
    for image in out.glob("all/*/*_PIL.png"):
        read_image(image, 400)
    summary = make_image_set(many_records, out, CONFIG, pack=True)
    assert summary.images == 72
    make_image_set(many_records, tmp_path / "fresh", CONFIG, pack=True)
    assert contents(out) == contents(tmp_path / "fresh")


@pytest.mark.slow
def test_a_killed_worker_gives_a_clear_message(root, many_records, tmp_path):
    out = tmp_path / "set"
    process = start(root, many_records, out, jobs=2)
    wait_for_images(out, 3, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    if not children.is_file():
        process.kill()
        pytest.skip("this system does not list child processes under /proc")
    for child in children.read_text().split():
        os.kill(int(child), signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 2
    assert "a worker process was ended from outside" in errors
    assert "Traceback" not in errors
