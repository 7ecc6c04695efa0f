"""The shape of the code; who may import whom is checked by `make lint` (import-linter)."""

import ast
import re

import pytest

LONGEST_FUNCTION = 80
PARTS = ("ekg", "page", "checks", "campaigns", "scripts", "tests")


def python_files(root, *parts):
    files = [path for part in parts for path in sorted((root / part).rglob("*.py"))]
    return [path for path in files if "node_modules" not in path.parts]


@pytest.mark.parametrize("part", PARTS)
def test_functions_have_at_most_eighty_lines(root, part):
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    long = [
        f"{path.relative_to(root)}:{node.lineno} {node.name}"
        for path in python_files(root, part)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, functions) and node.end_lineno - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_no_code_is_kept_from_the_formatter(root):
    marked = re.compile(r"#\s*fmt:\s*(skip|off)")
    found = [
        str(path.relative_to(root))
        for path in python_files(root, *PARTS)
        if marked.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []


def test_library_code_leaves_matplotlibs_global_state_alone(root):
    for path in python_files(root, "ekg"):
        text = path.read_text(encoding="utf-8")
        for form in ("import matplotlib.pyplot", "import pyplot", "plt."):
            assert form not in text, f"{path} uses pyplot, a global state"


def test_every_answer_of_the_ten_second_table_is_a_name_of_its_file(root):
    page = (root / "docs" / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| .+\? \| `([^`]+)` \| (.*) \|$", page, re.MULTILINE)
    assert len(rows) >= 10
    for file, names in rows:
        text = (root / file).read_text(encoding="utf-8")
        for name in re.findall(r"`([^`]+)`", names):
            assert re.search(rf"\b{re.escape(name)}\b", text), f"{file} has no {name}"
