"""Pages whose numbers are, or are not, those of their sources."""

import pandas as pd
import pytest

from checks.findings import Repository
from checks.pages import CARD_SCRIPT, REGISTRY, check_pages, load_script, pages, read_registry
from ekg.errors import EkgError
from ekg.markdown import blocks, hand_tables, table_lines

TABLE = "| name | the value |\n|---|---|\n| a | 1.50 |\n| b |  |"
SCRIPT = '''"""A script."""

from __future__ import annotations

from dataclasses import dataclass

from beside import VALUE


@dataclass
class Row:
    value: int | None = None


def lines():
    return [f"The value is {Row(VALUE).value}."]


def broken():
    return {}["seed"]
'''


@pytest.fixture
def small(tmp_path):
    """A repository with one table of a CSV file, one of a script, and one fact."""

    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    write("docs/a.md", f"x\n\n<!-- good: begin -->\n{TABLE}\n<!-- good: end -->\n")
    write(
        "README.md",
        "There are\n1,234 things.\n\n<!-- s: begin -->\nThe value is 7.\n<!-- s: end -->\n",
    )
    write("values.csv", "name,the_value,more\na,1.50,x\nb,,y\n")
    write("facts.json", '{"deep": {"count": 1234}}')
    write("scripts/make.py", SCRIPT)
    write("scripts/beside.py", "VALUE = 7\n")
    write(CARD_SCRIPT.as_posix(), "def cards():\n    return {}\n")
    write(
        REGISTRY.as_posix(),
        '[[table]]\npage = "docs/a.md"\nmark = "good"\nsource = "values.csv"\n'
        'columns = ["name", "the_value"]\n'
        '[[table]]\npage = "README.md"\nmark = "s"\nsource = "values.csv"\n'
        'made_by = "scripts/make.py:lines"\n'
        '[[fact]]\npage = "README.md"\ntext = "are {} things"\nsource = "facts.json"\n'
        'key = "deep.count"\nform = "{:,}"\n',
    )
    return Repository(tmp_path)


def change(repository, name, before, after):
    path = repository.root / name
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def failures(repository):
    return [
        f"{f.check}: {f.compared}: {f.found}"
        for f in check_pages(repository)
        if f.verdict == "fail"
    ]


def test_equal_pages_pass(small, verdicts):
    found = verdicts(check_pages(small))
    assert [verdict for verdict, _ in found["page-tables"]] == ["pass", "pass"]
    assert found["page-facts"] == [("pass", "1 of 1 found")]
    assert found["hand-made-tables"] == [("pass", "0 registered")]


@pytest.mark.parametrize(
    ("name", "before", "after", "said"),
    [
        ("docs/a.md", "| 1.50 |", "| 1.51 |", "1 lines differ, first '| a | 1.51 |' for"),
        ("values.csv", "1.50", "1.5", "1 lines differ"),
        ("docs/a.md", "| b |  |\n", "", "3 lines, not 4"),
        ("README.md", "value is 7", "value is 8", "1 lines differ"),
        ("scripts/beside.py", "7", "8", "1 lines differ"),
        ("README.md", "1,234", "1,235", "0 of 1 found; not: 'are 1,234 things'"),
        ("docs/a.md", "<!-- good: begin -->", "", "the page lacks the marks"),
        ("docs/a.md", TABLE, "Not measured yet.", "the page says not measured, the file is there"),
        (REGISTRY.as_posix(), "values.csv", "gone.csv", "gone.csv is not here"),
        (REGISTRY.as_posix(), '"the_value"', '"lost"', "column lost missing"),
        (REGISTRY.as_posix(), ":lines", ":broken", "KeyError('seed')"),
        (REGISTRY.as_posix(), ":lines", ":other", "no function"),
        (REGISTRY.as_posix(), "make.py", "none.py", "script not found"),
    ],
)
def test_what_differs_is_named(small, name, before, after, said):
    change(small, name, before, after)
    assert any(said in line for line in failures(small)), failures(small)


def test_marks_without_a_registered_source_fail(small):
    (small.root / "docs" / "new.md").write_text(
        f"<!-- new: begin -->\n{TABLE}\n<!-- new: end -->\n"
    )
    (line,) = failures(small)
    assert "docs/new.md, table `new`" in line and "no source is registered" in line


def test_a_measured_table_outside_marks_fails_until_it_is_registered(small):
    (small.root / "docs" / "new.md").write_text("Text.\n\n" + TABLE + "\n")
    (line,) = failures(small)
    assert "hand-made-tables" in line and "docs/new.md:3" in line
    path = small.root / REGISTRY
    entry = '[[by_hand]]\npage = "docs/new.md"\nheader = "| name | the value |"\nwhy = "limits"\n'
    path.write_text(path.read_text() + entry)
    assert failures(small) == []


def test_columns_can_be_left_out(small):
    change(small, REGISTRY.as_posix(), '["name", "the_value"]', '["*", "-more"]')
    assert failures(small) == []


def test_not_measured_yet_is_skipped_not_passed(small, verdicts):
    change(small, "docs/a.md", TABLE, "Not measured yet.")
    (small.root / "values.csv").unlink()
    found = verdicts(check_pages(small))["page-tables"]
    assert found[0] == ("skipped", "not measured yet, as the page says")


def test_a_missing_or_damaged_registry_is_one_clear_line(small):
    path = small.root / REGISTRY
    path.write_text("[[table]]\nnonsense = 1\n")
    with pytest.raises(EkgError, match="is not a registry of pages"):
        read_registry(small.root)
    path.unlink()
    with pytest.raises(EkgError, match="no registry of pages"):
        read_registry(small.root)


def test_a_wrong_key_of_a_fact_is_named(small):
    change(small, REGISTRY.as_posix(), "deep.count", "deep.none")
    with pytest.raises(EkgError, match=r"no field `deep\.none`"):
        list(check_pages(small))


def test_scripts_leave_no_trace(small):
    import sys

    before = list(sys.path)
    assert load_script(small.root / "scripts" / "make.py").lines() == ["The value is 7."]
    assert sys.path == before and "_ekg_script_make" not in sys.modules


def test_blocks_and_hand_tables():
    text = (
        "a\n```\n<!-- code: begin -->\n| x |\n|---|\n| 1.5 |\n```\n"
        f"<!-- in: begin -->\n{TABLE}\n<!-- in: end -->\n\n"
        "| plain | words |\n|---|---|\n| 12 | 3 of 1.0.2 at 127.0.0.1 |\n\n| h |\n|---|\n| 0.25 |\n"
        "<!-- open: begin -->\nrest\n"
    )
    assert blocks(text) == {"in": TABLE, "open": "rest"}
    (table,) = hand_tables(text)
    assert (table.header, text.splitlines()[table.line - 1]) == ("| h |", "| h |")


def test_table_lines():
    table = pd.DataFrame({"name": ["a", "b"], "the_value": ["1.50", None]}, dtype=object)
    assert "\n".join(table_lines(table, ["name", "the_value"])) == TABLE


def test_every_mark_of_this_repository_is_registered_once(root):
    registry = read_registry(root)
    known = [(table.page, table.mark) for table in registry.tables]
    there = [
        (page.relative_to(root).as_posix(), mark)
        for page in pages(root)
        for mark in blocks(page.read_text(encoding="utf-8"))
    ]
    assert set(there) <= set(known)
    assert len(set(known)) == len(known) and len(set(there)) == len(there)


def test_the_pages_of_this_repository_say_what_their_sources_say(root):
    assert failures(Repository(root)) == []
