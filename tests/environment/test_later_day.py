"""On a later day, with newer versions of everything on the index, the lock alone is installed."""

import os
import re
import subprocess
import sys

import pytest
from packaging.markers import Marker

from tests.environment.stand_ins import LATER, requirements

OLD_PIPS = ("23.0.1", "23.2.1", "24.0", "")


def installed(python):
    code = (
        "import importlib.metadata as m\n"
        "print(*sorted(f'{d.name}=={d.version}' for d in m.distributions()), sep='\\n')"
    )
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def expected(lock):
    return {
        f"{name}=={version}"
        for name, version, marker, _ in requirements(lock)
        if not marker or Marker(marker).evaluate()
    }


def check_exact(folder, lock):
    found = installed(folder / "bin" / "python")
    own = {line for line in found if re.match(r"(pip|stand-in-project)==", line)}
    assert found - own == expected(lock)
    assert len(found) > 100 and not any(LATER in line for line in found)


@pytest.fixture(scope="session")
def wheels(tmp_path_factory):
    """Fetch a wheel of pip or uv from the package index that this machine has."""

    def fetch(requirement, *options):
        folder = tmp_path_factory.mktemp("wheels")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest"]
        command += [str(folder), *([requirement] if requirement else []), *options]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"{requirement or 'uv'} cannot be had: no package index answers here")
        (found,) = folder.iterdir()
        return found

    return fetch


def test_the_environments_own_pip_installs_the_lock_and_nothing_later(
    its_script, only_index, lock, tmp_path, capfd
):
    its_script.build(tmp_path / "env", "cuda", "")
    check_exact(tmp_path / "env", lock)
    said = capfd.readouterr().err
    # The stand-ins' index has no uv: one line says so, and pip does the work.
    assert re.search(r"^uv==[\d.]+ is not available here: pip installs", said, re.MULTILINE)
    assert "made by pip" in said
    # Built again, nothing is asked for.
    only_index.asked.clear()
    its_script.build(tmp_path / "env", "cuda", "")
    assert only_index.asked == []


def test_a_package_with_another_hash_is_refused(its_script, only_index, project, tmp_path):
    lock = project / "requirements.txt"
    few = [block for block in its_script.blocks_of(lock.read_text()) if block[:4] == "tqdm"]
    lock.write_text("".join(few))
    name = next(file for file in only_index.files if file.startswith("tqdm-4"))
    only_index.files[name] += b" "
    with pytest.raises(SystemExit, match="Run the same command again"):
        its_script.build(tmp_path / "env", "cuda", "", uv=False)
    assert len(few) == 1 and not (tmp_path / "env" / "made-from.txt").exists()


@pytest.mark.slow
@pytest.mark.parametrize("version", OLD_PIPS)
def test_other_versions_of_pip_install_the_lock_too(
    version, wheels, monkeypatch, request, tmp_path
):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    wheel = wheels(f"pip=={version}" if version else "pip")
    script, lock = request.getfixturevalue("its_script"), request.getfixturevalue("lock")
    plain = script.make_venv

    def with_that_pip(folder, torch):
        python = plain(folder, torch)
        command = [python, "-m", "pip", "install", "--quiet", "--no-index", str(wheel)]
        subprocess.run(command, check=True)
        return python

    monkeypatch.setattr(script, "make_venv", with_that_pip)
    script.build(tmp_path / "env", "cuda", "", uv=False)
    check_exact(tmp_path / "env", lock)
    wanted = version or re.match(r"pip-([\d.]+)-", wheel.name)[1]
    assert f"pip=={wanted}" in installed(tmp_path / "env" / "bin" / "python")


@pytest.mark.slow
def test_uv_installs_the_lock_too(wheels, request, root, tmp_path, capfd):
    options = ["--require-hashes", "-r", str(root / "scripts/uv-requirements.txt")]
    wheel = wheels("", *options)
    script, lock = request.getfixturevalue("its_script"), request.getfixturevalue("lock")
    request.getfixturevalue("only_index").files[wheel.name] = wheel.read_bytes()
    script.build(tmp_path / "env", "cuda", "")
    assert "made by uv" in capfd.readouterr().err
    check_exact(tmp_path / "env", lock)


def test_the_container_installs_by_the_same_options(root, script):
    text = (root / "docker/Dockerfile").read_text(encoding="utf-8")
    (line,) = re.findall(r"pip install (?:.*\\\n)*.*requirements\.txt", text)
    assert set(script.BY_HASH) <= set(line.split())
    assert set(script.BY_HASH) == {"--no-deps", "--require-hashes"}


def test_the_containers_line_installs_the_lock_and_nothing_later(
    root, project, lock, only_index, tmp_path
):
    """The Dockerfile's own commands, run outside: the same words with other folders."""
    text = (root / "docker/Dockerfile").read_text(encoding="utf-8")
    block = re.search(r"(?ms)^RUN (export PIP_CERT=.*?pip check)", text)[1]
    block = block.replace("\\\n", " ").replace("/opt/venv", str(tmp_path / "venv"))
    block = block.replace("/opt/requirements.txt", "requirements.txt")
    block = block.replace("PIP_CERT=/etc/ssl/certs/ca-certificates.crt", "")
    assert "/opt" not in block
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", block],
        cwd=project,
        env=os.environ,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    check_exact(tmp_path / "venv", lock)
