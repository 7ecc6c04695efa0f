"""The maps of reporting standards: complete, and naming only what exists."""

import importlib.util
import re
import shlex
import string

import pytest

from ekg.cli import build_parser

# Sub-items of TRIPOD+AI 2024: how many letters each lettered item has.
LETTERED = {3: 3, 5: 2, 6: 3, 8: 3, 9: 3, 12: 7, 18: 6, 20: 3, 23: 2, 27: 3}
TRIPOD = [
    f"{n}{letter}"
    for n in range(1, 28)
    for letter in (string.ascii_lowercase[: LETTERED[n]] if n in LETTERED else [""])
]


@pytest.fixture(scope="module")
def script(root):
    spec = importlib.util.spec_from_file_location("reporting", root / "scripts/reporting.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(root):
    return {
        path: path.read_text(encoding="utf-8")
        for path in sorted((root / "docs/reporting").glob("*"))
    }


def test_every_item_is_there_once_and_in_order(script):
    numbers = {name: [row[0] for row in rows] for name, rows in script.lists().items()}
    tripod, claim, paper, reproducibility = numbers.values()
    assert tripod == TRIPOD
    assert claim == [str(n) for n in range(1, 45)]
    assert paper == [str(n) for n in range(1, 17)]
    assert len(reproducibility) == len(set(reproducibility)) == 21


def test_every_item_has_a_status_and_a_place_or_reason(script):
    for name, rows in script.lists().items():
        for number, asks, status, where in rows:
            assert status in script.STATUSES, f"{name} {number}"
            assert asks and where, f"{name} {number}"
            if status == "met":
                assert re.search(r"\]\(|`|[Cc]ard", where), f"{name} {number} names no place"


def test_the_counts_are_those_of_the_pages(script):
    text = script.README.read_text(encoding="utf-8")
    assert script.page_with_counts(text) == text, "run scripts/reporting.py --write"


def test_a_row_is_counted_under_its_heading(script):
    text = f"# A\n## B\n{script.HEAD}\n|---|---|---|---|\n| 1 | x | met | `y` |\n\n| 2 | other |\n"
    assert script.items(text) == {"B": [["1", "x", "met", "`y`"]]}


def anchor(heading):
    """GitHub's anchor of a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def test_every_page_and_section_linked_to_exists(pages):
    linked = 0
    for page, text in pages.items():
        for target, _, section in re.findall(r"\]\((?!https?:)([^)#]*)(#([^)]+))?\)", text):
            path = (page.parent / target) if target else page
            assert path.exists(), f"{page.name}: {target}"
            if section:
                heads = re.findall(r"(?m)^#+ (.*)$", path.read_text(encoding="utf-8"))
                assert section in map(anchor, heads), f"{page.name}: {target}#{section}"
            linked += 1
    assert linked > 50


def test_every_file_and_command_named_exists(pages, root):
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"(?m)^([a-z][\w -]*):", makefile)
    targets = {name for line in targets for name in line.split()}
    seen = set()
    for page, text in pages.items():
        for code in re.findall(r"`([^`]+)`", text):
            words = shlex.split(code)
            if words[:3] == ["python", "-m", "ekg"]:
                seen.add(words[3])
                parser = build_parser(words[3])
                if "--help" in words:
                    with pytest.raises(SystemExit, match=r"^0$"):
                        parser.parse_args(words[3:])
                else:
                    parser.parse_args(words[3:])
            elif words[0] == "make":
                assert words[1] in targets, f"{page.name}: {code}"
                seen.add("make")
            elif words[0] == "python":
                assert (root / words[1]).is_file(), f"{page.name}: {code}"
            elif "/" in code:
                assert (root / code).exists(), f"{page.name}: {code}"
    assert {"make", "external", "split", "download", "evaluate"} <= seen


def test_what_lies_beside_each_model_does(pages, root):
    """Files that the pages name without a folder are those of a stored model or a run."""
    known = {path.name for path in (root / "best_model_for_paper").rglob("*.*")}
    known |= {path.name for path in root.glob("*")} | {"records.csv"}
    for page, text in pages.items():
        for name in re.findall(r"`([\w.]+\.(?:json|csv|toml|onnx|txt|md))`", text):
            assert name in known, f"{page.name}: {name}"


def test_what_is_not_met_is_said_in_short(pages, root):
    text = (root / "docs/reporting/README.md").read_text(encoding="utf-8").lower()
    for words in ("sample size", "one label a record", "sex", "prospective", "calibration", "fund"):
        assert words in text
