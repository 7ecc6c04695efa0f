"""The data sheets say what registry, simulator and split say, and name what exists."""

import importlib.util
import re

import pytest

from ekg.datasets.registry import read_registry
from ekg.records.diagnoses import CLASSES
from ekg.simulator import diagnoses_of, record_name
from ekg.simulator.mix import BLOCK


@pytest.fixture(scope="module")
def script(root):
    spec = importlib.util.spec_from_file_location("datasheets", root / "scripts/datasheets.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pages(root):
    return {
        path.name: path.read_text(encoding="utf-8") for path in (root / "docs/datasheets").glob("*")
    }


def test_the_tables_are_those_of_their_sources(script, pages):
    made = script.tables()
    for name, text in pages.items():
        assert script.with_tables(text, made) == text, f"{name}: scripts/datasheets.py --write"


def test_every_source_of_recordings_has_its_section(pages):
    marks = [m for text in pages.values() for m in re.findall(r"<!-- ([\w ]+): begin -->", text)]
    sources = {name for name, source in read_registry().items() if source.records}
    assert sources < set(marks) and len(marks) == len(set(marks))
    assert set(marks) - sources == {"overview", "mix", "published split"}


def test_a_changed_source_shows(script):
    text = "a\n<!-- cpsc2018: begin -->\nold\n<!-- cpsc2018: end -->\nb"
    assert script.with_tables(text, {"cpsc2018": ["new"]}) == (
        "a\n<!-- cpsc2018: begin -->\nnew\n<!-- cpsc2018: end -->\nb"
    )
    assert script.with_tables(text, {}) == text


def test_every_sheet_has_the_parts_of_a_data_sheet(pages):
    for name in ("synthetic.md", "cpsc2018.md", "ptbdb.md"):
        heads = " ".join(re.findall(r"(?m)^## (.*)$", pages[name])).lower()
        for part in ("motivation", "composition", "collection", "labels", "uses", "distribution"):
            assert part in heads, f"{name}: {part}"
        assert "Not for:" in pages[name] and "Known problems" in pages[name]
    for word in ("Not for", "Consent", "Left out", "Labels", "Known problems"):
        assert word in pages["other_hospitals.md"]


def test_numbers_written_in_prose(root, pages):
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    simulated = int(re.search(r"SIMULATED [?]= (\d+)#[?]", makefile)[1])
    assert f"makes {simulated:,} with seed" in pages["synthetic.md"]
    labels = [diagnoses_of(record_name(n), 44) for n in range(1, BLOCK + 1)]
    kept = sum(len(found) == 1 and found[0] in CLASSES for found in labels)
    assert f"({BLOCK - kept} of each {BLOCK})" in pages["synthetic.md"]


def test_everything_linked_to_exists(root, pages):
    for name, text in pages.items():
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (root / "docs/datasheets" / target).exists(), f"{name}: {target}"
        for target in re.findall(r"`((?:docs|ekg|scripts)/[^`* ]+)`", text):
            assert (root / target).exists(), f"{name}: {target}"
