import json

import pytest

from checks import runner as checks
from checks.findings import (
    Repository,
    agree,
    as_json,
    exit_status,
    skipped,
    some,
    summary_line,
    table_lines,
)
from checks.runner import CHECKS, find_repository, run_checks
from ekg.cli import main
from ekg.errors import EkgError

GOOD = agree("one", "a = b", "3 equal", True)
BAD = agree("two", "c = d", "1 differs", False)
LEFT = skipped("three", "e = f", "no data here")


@pytest.mark.parametrize(
    ("findings", "status"),
    [([GOOD], 0), ([GOOD, LEFT], 0), ([GOOD, BAD], 1), ([BAD], 1), ([LEFT], 1), ([], 1)],
)
def test_only_what_passed_counts_as_passed(findings, status):
    assert exit_status(findings) == status


def test_the_table_names_every_finding_and_counts_them():
    lines = table_lines([GOOD, BAD, LEFT])
    assert [line.split()[0] for line in lines[1:4]] == ["pass", "fail", "skipped"]
    assert "no data here" in lines[3]
    assert lines[-1] == "1 passed, 1 failed, 1 skipped (not checked: skipped is not passed)"
    assert summary_line([GOOD]) == "1 passed, 0 failed, 0 skipped"


def test_json_says_the_same():
    content = as_json([GOOD, BAD])
    assert (content["passed"], content["failed"], content["exit_status"]) == (1, 1, 1)
    assert content["findings"][1] == {
        "check": "two",
        "compared": "c = d",
        "found": "1 differs",
        "verdict": "fail",
    }


def test_some_names():
    assert some(["a", "b"]) == "a, b"
    assert some(["a", "b", "c", "d", "e"]) == "a, b, c and 2 more"


def test_paths_inside_and_outside(tmp_path):
    repository = Repository(tmp_path / "top")
    assert repository.short(tmp_path / "top" / "docs" / "a.md") == "docs/a.md"
    assert repository.short(tmp_path / "else") == str(tmp_path / "else")


def test_reference_data_is_found_by_its_golden_file(tmp_path, monkeypatch):
    monkeypatch.setenv("EKG_SHARED", str(tmp_path))
    assert find_repository().shared is None
    (tmp_path / "golden").mkdir()
    (tmp_path / "golden" / "golden.csv").touch()
    assert find_repository(full=True).shared == tmp_path


def test_an_input_that_cannot_be_read_fails_its_check_and_no_other(empty, monkeypatch):
    def broken(repository):
        raise EkgError("is damaged", path="x.csv")
        yield

    monkeypatch.setattr(checks, "CHECKS", {"broken": broken, "good": lambda r: iter([GOOD])})
    findings = run_checks(empty)
    assert [f.verdict for f in findings] == ["fail", "pass"]
    assert findings[0].found == "x.csv: is damaged"


def test_every_check_of_an_empty_repository_says_skipped_or_fails(empty):
    for name in CHECKS:
        if name == "published-figures":  # looks for the published files beside the code
            continue
        findings = run_checks(empty, [name])
        assert findings and all(f.verdict in ("skipped", "fail") for f in findings), name


def test_the_command_runs_one_check_and_writes_json(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(checks, "CHECKS", {"good": lambda r: iter([GOOD]), "bad": lambda r: [BAD]})
    out = tmp_path / "findings.json"
    assert main(["verify", "--only", "good", "--json", str(out)]) == 0
    assert "1 passed, 0 failed" in capsys.readouterr().out
    assert json.loads(out.read_text())["passed"] == 1
    assert main(["verify"]) == 1


def test_an_unknown_check_is_refused(capsys):
    assert main(["verify", "--only", "nonsense"]) == 2
    assert "choose from reference, golden" in capsys.readouterr().err
