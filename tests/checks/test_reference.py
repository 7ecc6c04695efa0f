"""The published reference, on a few of its slices."""

from functools import cache

import pandas as pd
import pytest

from checks import reference
from checks import stored as figures
from checks.findings import Repository
from checks.reference import check_reference
from checks.stored import check_published_metrics
from ekg.images.renderer import Renderer


@cache
def one_renderer(size):
    return Renderer(size)


@pytest.fixture
def few(shared, tmp_path, monkeypatch):
    """Reference data with two golden slices; the rest is linked."""
    (tmp_path / "golden").mkdir()
    table = pd.read_csv(shared / "golden" / "golden.csv", dtype=str).iloc[:2]
    table.to_csv(tmp_path / "golden" / "golden.csv", index=False)
    for name in ("real", "published_model"):
        (tmp_path / name).symlink_to(shared / name)
    monkeypatch.setattr(reference, "Renderer", one_renderer)
    return Repository(tmp_path / "top", shared=tmp_path)


def change(repository, column, value):
    path = repository.shared / "golden" / "golden.csv"
    table = pd.read_csv(path, dtype=str)
    table.loc[1, column] = value
    table.to_csv(path, index=False)


def test_pixels_and_logits_agree(few, verdicts):
    found = verdicts(check_reference(few))
    assert found["reference-pixels"] == [("pass", "2 of 2 equal")]
    assert found["reference-logits"][0][0] == "pass"


def test_other_pixels_and_logits_are_found(few, verdicts):
    change(few, "sha256", "0" * 64)
    change(few, "logit_LBBB", "9.0")
    found = verdicts(check_reference(few))
    assert found["reference-pixels"][0] == ("fail", "1 of 2 equal; not: A0001 from 2058")
    assert found["reference-logits"][0][0] == "fail"


def test_without_the_weights_the_logits_are_skipped(few, verdicts):
    (few.shared / "published_model").unlink()
    found = verdicts(check_reference(few))
    assert found["reference-pixels"][0][0] == "pass"
    assert found["reference-logits"][0][0] == "skipped"


def test_without_reference_data_both_are_skipped(empty):
    assert [finding.verdict for finding in check_reference(empty)] == ["skipped", "skipped"]


@pytest.fixture
def quick_figures(monkeypatch, root):
    """The published figures as if computed; a test of evaluation computes them."""
    content = figures.read_published_metrics()
    monkeypatch.setattr(figures, "prediction_folder", lambda: root)
    monkeypatch.setattr(figures, "build_published_metrics", lambda folder: content)
    return content


def test_published_figures_agree_or_are_named(quick_figures, root, tmp_path):
    (finding,) = check_published_metrics(Repository(root))
    assert finding.verdict == "pass" and "all equal" in finding.found
    quick_figures["test"]["record_weighted"]["accuracy"] += 0.001
    del quick_figures["abstract"]
    (finding,) = check_published_metrics(Repository(root))
    assert finding.verdict == "fail"
    assert "test.record_weighted.accuracy" in finding.found and "abstract" in finding.found


def test_published_figures_without_their_files_are_skipped(tmp_path, monkeypatch, root):
    from ekg.evaluation import published

    monkeypatch.setenv("EKG_SHARED", str(tmp_path))
    monkeypatch.setattr(published, "PUBLISHED_FOLDER", tmp_path)
    (finding,) = check_published_metrics(Repository(root))
    assert finding.verdict == "skipped" and "python -m ekg best-model" in finding.found
