"""The lock resolves, to wheels alone, for every supported Python on every supported platform."""

import os
import re
import subprocess
import sys

import pytest

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
PLATFORMS = ("x86_64-manylinux_2_28", "aarch64-manylinux_2_28", "aarch64-apple-darwin")


def test_the_public_workflow_and_the_container_know_these_versions_of_python(root):
    workflow = (root / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    (listed,) = re.findall(r"python: \[(.*)\]", workflow)
    assert tuple(re.findall(r'"([\d.]+)"', listed)) == PYTHONS
    dockerfile = (root / "docker/Dockerfile").read_text(encoding="utf-8")
    first, last = (tuple(map(int, version.split("."))) for version in (PYTHONS[0], PYTHONS[-1]))
    assert f"not {first} <= sys.version_info[:2] <= {last}" in dockerfile


@pytest.mark.slow
@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("python", PYTHONS)
def test_every_pin_has_a_wheel(uv, root, tmp_path, python, platform):
    command = [uv, "pip", "compile", "--quiet", "--only-binary", ":all:", "--generate-hashes"]
    command += ["--python-version", python, "--python-platform", platform]
    command += ["--output-file", tmp_path / "resolved.txt", "requirements.txt"]
    done = subprocess.run(
        [str(word) for word in command],
        cwd=root,
        env=os.environ | {"MACOSX_DEPLOYMENT_TARGET": "14.0"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    pins = set(re.findall(r"(?m)^\S+==\S+", (tmp_path / "resolved.txt").read_text()))
    locked = set(re.findall(r"(?m)^\S+==\S+", (root / "requirements.txt").read_text()))
    assert len(pins) > 100 and pins <= locked


@pytest.fixture(scope="session")
def uv(root, tmp_path_factory):
    """The pinned uv."""
    folder = tmp_path_factory.mktemp("uv")
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--target", str(folder), "-r", str(root / "scripts/uv-requirements.txt")]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("uv cannot be had: no package index answers here")
    return folder / "bin/uv"
