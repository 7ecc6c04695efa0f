"""The wheel: what is in it, and that it works where there is no clone."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement

from ekg import cli
from ekg.cli import DISTRIBUTION, extra_with, main, verbs
from ekg.errors import ModelError
from ekg.paths import PUBLISHED_MODEL, default_model
from tests.environment.stand_ins import requirements

PYTHONS = ("3.11", "3.12", "3.13", "3.14")
NEED_A_CLONE = {
    "best-model": [],
    "page": ["--out", "x"],
    "paper": ["--run", "runs/some"],
    "serve": [],
    "verify": ["--full"],
}


@pytest.fixture(scope="session")
def about(root):
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture(scope="session")
def wheel(root, tmp_path_factory):
    """The wheel, built from a copy of the tracked files that go into it, without the network."""
    source = tmp_path_factory.mktemp("source")
    for name in ("pyproject.toml", "setup.py", "README.md", "LICENSE"):
        shutil.copy(root / name, source / name)
    for name in ("ekg", "best_model_for_paper"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(root / name, source / name, ignore=ignored)
    # What `ekg best-model` fetches, and what an earlier version left behind, stay out.
    published = source / "best_model_for_paper" / PUBLISHED_MODEL
    (published / "mobilenetv3_small_custom_37.model").write_text("weights")
    (source / "build/lib/ekg").mkdir(parents=True)
    (source / "build/lib/ekg/of_an_earlier_version.py").touch()
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"]
    command += ["--no-build-isolation", "--wheel-dir", str(out), str(source)]
    subprocess.run(command, check=True)
    (found,) = out.iterdir()
    return found


@pytest.fixture(scope="session")
def installed(wheel, tmp_path_factory):
    """An environment of its own with the wheel, which sees this one's packages but no clone."""
    folder = tmp_path_factory.mktemp("installed") / "env"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    command = [sys.executable, "-m", "pip", "--python", str(folder / "bin/python"), "install"]
    command += ["--quiet", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "the_others.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def run(installed, tmp_path):
    def run(*words, python=False):
        variables = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "EKG_SHARED")}
        command = [str(installed / "bin" / ("python" if python else "ekg")), *map(str, words)]
        return subprocess.run(
            command, cwd=tmp_path, env=variables, capture_output=True, text=True, check=False
        )

    return run


def test_the_wheel_holds_the_package_and_the_default_model(root, wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert wheel.name.startswith(DISTRIBUTION.replace("-", "_"))
    wanted = {
        path.relative_to(root).as_posix()
        for path in (root / "ekg").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert len(wanted) > 200 and wanted - names == set()
    stored = default_model()
    for path in stored.rglob("*"):
        if path.is_file():
            assert f"ekg/best_model_for_paper/{path.relative_to(stored.parent)}" in names
    assert "ekg/best_model_for_paper/default" in names
    published = {name for name in names if PUBLISHED_MODEL in name}
    assert {Path(name).name for name in published} == {"README.md", "published_figures.json"}
    others = {n for n in names if n.split("/")[0] not in ("ekg",) and ".dist-info/" not in n}
    assert not others and "ekg/of_an_earlier_version.py" not in names


def test_every_verb_helps_outside_a_clone(run):
    code = (
        "import sys\nfrom ekg.cli import main, verbs\n"
        "from ekg.paths import CLONE\nassert CLONE is None\n"
        "for verb in verbs():\n"
        "    try:\n        main([verb, '--help'])\n"
        "    except SystemExit as end:\n        print('status', end.code, verb)\n"
    )
    done = run("-c", code, python=True)
    assert done.returncode == 0, done.stderr
    said = [line.split()[1:] for line in done.stdout.splitlines() if line.startswith("status ")]
    assert said == [["0", verb] for verb in verbs()]
    assert run("--help").stdout.startswith("usage: ekg ")


@pytest.mark.parametrize("verb", NEED_A_CLONE)
def test_verbs_that_need_a_clone_say_so(run, verb):
    done = run(verb, *NEED_A_CLONE[verb])
    assert done.returncode == 2 and len(done.stderr.splitlines()) == 1
    assert "run it in a clone of the repository" in done.stderr


def test_a_record_is_read_by_the_default_model_outside_a_clone(run, tmp_path):
    assert run("simulate", "--out", "records", "--records", "1", "-j", "1").returncode == 0
    done = run("predict", "records")
    assert done.returncode == 0, done.stderr
    name = default_model().name
    assert done.stderr.splitlines()[-1] == (
        f"1 read, 0 refused, by {name} (the default model). Not for clinical use."
    )
    assert done.stdout.startswith("S0001: ")


def test_the_default_model_stands_in_one_place(root, tmp_path):
    name = (root / "best_model_for_paper/default").read_text().strip()
    assert default_model() == root / "best_model_for_paper" / name
    for folder in ("ekg", "scripts", "page"):
        for path in (root / folder).rglob("*.*"):
            if path.suffix in (".py", ".js", ".toml", ".html") and "node_modules" not in path.parts:
                assert name not in path.read_text(encoding="utf-8"), path
    assert name not in (root / "Makefile").read_text() + (root / "setup.py").read_text()
    (tmp_path / "default").write_text("no-such-model\n")
    with pytest.raises(
        ModelError, match=r"default: must name a folder beside it \('no-such-model'\)"
    ):
        default_model(tmp_path)
    (tmp_path / "default").unlink()
    with pytest.raises(ModelError, match=r"default: missing; put the name of a stored model"):
        default_model(tmp_path)


@pytest.mark.parametrize("python", PYTHONS)
def test_the_lock_has_one_version_of_every_dependency_within_its_range(root, about, python):
    place = {"python_version": python, "python_full_version": f"{python}.9", "extra": ""}
    locked: dict[str, str] = {}
    for name, version, marker, _ in requirements((root / "requirements.txt").read_text()):
        if not marker or Marker(marker).evaluate({**place, "sys_platform": "linux"}):
            assert name not in locked, f"{name} twice for Python {python}"
            locked[name] = version
    extras = about["optional-dependencies"]
    wanted = [
        *about["dependencies"],
        *(w for name in extras if name != "all" for w in extras[name]),
    ]
    assert len(wanted) > 25
    for text in wanted:
        need = Requirement(text)
        assert need.name in locked, f"{need.name}: not in requirements.txt for Python {python}"
        assert locked[need.name] in need.specifier, f"{text}: locked is {locked[need.name]}"


def test_both_lists_of_direct_dependencies_name_the_same(root, about):
    listed = {
        Requirement(line).name
        for line in (root / "requirements.in").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    extras = about["optional-dependencies"]
    texts = [*about["dependencies"], *(text for words in extras.values() for text in words)]
    assert {Requirement(text).name for text in texts} - {DISTRIBUTION, "setuptools"} == listed


def test_all_is_every_extra_but_dev(about):
    (everything,) = (Requirement(text) for text in about["optional-dependencies"]["all"])
    assert everything.name == about["name"] == DISTRIBUTION
    assert everything.extras == set(about["optional-dependencies"]) - {"all", "dev"}


def test_a_missing_extra_is_named(monkeypatch, capsys):
    needs = ["numpy>=2", "torchvision<1,>=0.29; extra == 'backbones'", "onnx>=1; extra == 'onnx'"]

    def load(name):
        raise ModuleNotFoundError(f"No module named {name}", name="onnx")

    monkeypatch.setattr("importlib.metadata.requires", lambda name: needs)
    monkeypatch.setattr("importlib.import_module", load)
    for clone, package in ((cli.CLONE, "."), (None, "ekg-image-reader")):
        monkeypatch.setattr(cli, "CLONE", clone)
        assert extra_with("onnx.checker") == "onnx" and extra_with("torchvision.ops") == "backbones"
        assert extra_with("numpy") is None
        assert (extra_with("onnxruntime") is None) == (clone is None), "no `onnx` before a dash"
        assert main(["export"]) == 2
        assert f"pip install '{package}[onnx]'" in capsys.readouterr().err
