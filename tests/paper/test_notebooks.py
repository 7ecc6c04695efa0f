"""Notebooks as papermill executes them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from ekg.cli import main
from ekg.errors import EkgError
from ekg.paper.notebooks import run_notebook, source_of

SOURCE = """# %% tags=["parameters"]
name = "nobody"

# %%
import sys
print(name, sys.executable)
"""


def test_the_kernel_is_this_interpreter_and_takes_parameters(tmp_path: Path) -> None:
    source = tmp_path / "small.py"
    source.write_text(SOURCE)
    target = run_notebook(source, tmp_path / "out" / "small.ipynb", {"name": "somebody"})
    cells = json.loads(target.read_text())["cells"]
    printed = "".join(cells[-1]["outputs"][0]["text"])
    assert printed.strip() == f"somebody {sys.executable}"
    assert [path.name for path in target.parent.iterdir()] == ["small.ipynb"]


def test_a_failing_cell_leaves_no_notebook_but_its_trace(tmp_path: Path) -> None:
    source = tmp_path / "small.py"
    source.write_text(SOURCE + "\n# %%\nraise ValueError('no such thing')\n")
    target = tmp_path / "small.ipynb"
    with pytest.raises(EkgError, match=r"small\.py: cell \d+: ValueError: no such thing; see"):
        run_notebook(source, target, {})
    assert not target.exists()
    assert "no such thing" in (tmp_path / "small.failed.ipynb").read_text()


def test_an_unknown_notebook_is_refused() -> None:
    with pytest.raises(
        EkgError, match="notebook not found; choose one of classes_test, classes_val"
    ):
        source_of("9_nothing")


def test_one_notebook_then_the_report_from_the_command_line(
    made_up: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["paper", "--run", str(made_up / "run"), "--out", str(tmp_path)]
    assert main([*arguments, "--notebook", "loss"]) == 0
    assert (tmp_path / "loss.ipynb").exists()
    assert (tmp_path / "figures" / "loss.pdf").read_bytes().startswith(b"%PDF")
    assert (tmp_path / "figures" / "loss.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "report.html").exists()
    assert main([*arguments, "--report"]) == 0
    assert "kept of epoch 6" in (tmp_path / "report.html").read_text()
    assert str(tmp_path / "report.html") in capsys.readouterr().out
    assert main(["paper", "--run", str(tmp_path / "nowhere")]) == 2
