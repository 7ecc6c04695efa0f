"""What a command imports: none waits for a library that it does not use."""

import json
import subprocess
import sys

import pytest

HEAVY = {"torch", "pandas", "scipy", "matplotlib", "wfdb", "distributed", "pyarrow"}
PROGRAM = """
import json, sys
from ekg.cli import main
status = 0
try:
    status = main(sys.argv[1:])
except SystemExit as stop:
    status = stop.code
print(json.dumps([status, sorted(sys.modules)]), file=sys.stderr)
"""


def imported_by(root, *arguments) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *map(str, arguments)],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    status, modules = json.loads(done.stderr.splitlines()[-1])
    assert status == 0
    # The compiled part of matplotlib that draws is loaded alone.
    return set(modules) - {"matplotlib.backends._backend_agg"}


def test_prediction_by_the_export_of_the_default_model_imports_nothing_heavy(root, records):
    loaded = imported_by(root, "predict", records, "-j", "2", "--format", "json")
    assert {"onnxruntime", "ekg.images.renderer"} <= loaded
    packages = {name.split(".")[0] for name in loaded}
    # The record at 250 Hz is resampled by scipy.
    assert packages & HEAVY == {"scipy"}
    loaded = imported_by(root, "predict", records / "R2", records / "R10")
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()


def test_drawing_one_slice_imports_nothing_heavy(root, records, tmp_path):
    loaded = imported_by(root, "render", records / "R2", "-o", tmp_path / "R2.png")
    assert {name.split(".")[0] for name in loaded} & HEAVY == set()
    assert (tmp_path / "R2.png").is_file()


@pytest.mark.parametrize("arguments", [["--help"], ["predict", "--help"], ["images", "--help"]])
def test_help_imports_no_arithmetic(root, arguments):
    loaded = imported_by(root, *arguments)
    assert {name.split(".")[0] for name in loaded} & (HEAVY | {"numpy", "tqdm", "PIL"}) == set()
