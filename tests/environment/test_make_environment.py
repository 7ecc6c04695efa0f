import os
import re
import shutil
import subprocess
import sys

import pytest


def test_every_requirement_is_pinned_with_hashes(script, lock):
    blocks = script.blocks_of(lock)
    assert len(blocks) > 50
    for block in blocks:
        assert re.match(r"[\w.-]+(\[[\w,]+\])?==\S+", block), block.splitlines()[0]
        assert "--hash=sha256:" in block, block.splitlines()[0]


def test_direct_dependencies_are_all_in_the_lock(script, root, lock):
    locked = {re.split(r"[=\[]", block)[0].lower() for block in script.blocks_of(lock)}
    for line in (root / "requirements.in").read_text().splitlines():
        name = re.split(r"[=<>\[ #]", line)[0].lower()
        assert not name or name in locked


def test_the_lock_names_no_index(lock):
    assert "index-url" not in lock and "find-links" not in lock and "://" not in lock


def test_small_install_leaves_the_cuda_libraries_out(script, lock):
    pins = script.torch_pins(lock)
    assert sorted(re.sub("==.*", "", pin) for pin in pins) == ["torch", "torchvision"]
    rest = script.without_torch(lock)
    names = {re.split("==", block)[0] for block in script.blocks_of(rest)}
    assert not {name for name in names if name.startswith(("nvidia-", "cuda-", "torch", "triton"))}
    assert {"numpy", "matplotlib", "wfdb", "pillow", "sympy", "onnxruntime"} <= names


def test_finished_environment_is_left_alone(script, tmp_path, monkeypatch):
    folder = tmp_path / "env"
    folder.mkdir()
    (folder / "made-from.txt").write_text(script.fingerprint("cuda"))
    monkeypatch.setattr(script, "make_venv", None)  # any building would fail
    script.build(folder, "cuda", "")
    script.build(folder, None, "")


def test_a_folder_of_something_else_is_not_cleared(script, tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(SystemExit, match="is not empty and no environment"):
        script.build(tmp_path, "cpu", "")
    assert (tmp_path / "thesis.tex").is_file()


def test_too_little_disk_is_said_before_anything_is_fetched(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "GIGABYTES", dict.fromkeys(script.GIGABYTES, 1e9))
    with pytest.raises(SystemExit, match="GB free"):
        script.build(tmp_path / "env", "cuda", "")
    assert not (tmp_path / "env").exists()


def test_missing_venv_module_names_the_package(script, monkeypatch):
    monkeypatch.setattr(script.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"apt install python3\.\d+-venv"):
        script.check_python()


def test_old_python_is_refused(script, monkeypatch):
    monkeypatch.setattr(script.sys, "version_info", (3, 9, 0))
    monkeypatch.setattr(script.sys, "executable", "/usr/bin/python3.9")
    version = type("Version", (tuple,), {"major": 3, "minor": 9})((3, 9, 0))
    monkeypatch.setattr(script.sys, "version_info", version)
    with pytest.raises(SystemExit, match=r"Python 3\.9 is too old"):
        script.check_python()


def test_make_alone_prints_every_target_and_variable(root):
    done = subprocess.run(["make"], cwd=root, capture_output=True, text=True, check=True)
    wanted = (
        "data counts split train evaluate compare paper-figures predict reproduce test test-all"
    )
    for target in f"{wanted} lint clean help".split():
        assert re.search(rf"^  {target} +\w", done.stdout, re.MULTILINE), target
    assert len(re.findall(r"^  [a-z][a-z-]+ +\w", done.stdout, re.MULTILINE)) <= 20
    for variable in ("DATASET", "RECORDS", "SIZE", "JOBS", "RUN", "EXPERIMENT", "SPLIT", "TORCH"):
        assert re.search(rf"^  {variable} ", done.stdout, re.MULTILINE), variable
    assert "synthetic" in done.stdout and "800" in done.stdout


TOOLS = {"busybox": ("awk", "sed"), "original-awk": ("awk",)}


@pytest.mark.parametrize("tool", TOOLS)
def test_make_help_is_the_same_by_other_tools_than_gnus(root, tmp_path, tool):
    found = shutil.which(tool)
    if found is None:
        pytest.skip(f"no {tool} here (Debian has a package of this name)")
    for name in TOOLS[tool]:
        (tmp_path / name).symlink_to(found)
    texts = [
        subprocess.run(
            ["make", "help", "help-more"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"PATH": f"{folder}{os.environ['PATH']}"},
        ).stdout
        for folder in ("", f"{tmp_path}:")
    ]
    assert texts[0] == texts[1] and len(texts[0].splitlines()) > 60


def test_the_makefiles_keep_to_what_every_sed_knows(root):
    """What GNU's sed alone has: `\\t` and the like in a pattern, `-i` or `-r`."""
    for name in ("Makefile", "docker/docker.mk"):
        for line in (root / name).read_text(encoding="utf-8").splitlines():
            if "sed " in line and not line.startswith("#"):
                assert not re.search(r"sed (-n )?-[a-z]*[irEz]|\\[tn+?|]", line), line
            assert not re.search(r"grep -[a-zA-Z]*P|readlink -f|date -d|xargs -r|<\(", line), line


def test_make_with_an_existing_python_builds_no_environment(root):
    done = subprocess.run(
        ["make", "-n", "lint", f"PYTHON={sys.executable}"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "make_environment" not in done.stdout and sys.executable in done.stdout
