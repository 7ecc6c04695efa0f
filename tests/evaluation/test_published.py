import json
import subprocess
import sys

import pytest

from ekg.errors import EvaluationError
from ekg.evaluation import published
from ekg.evaluation.published import (
    applies,
    build_published_metrics,
    criteria,
    criteria_table,
    prediction_folder,
    read_published_metrics,
    reproduced_lines,
)
from ekg.evaluation.runs import flatten
from ekg.paths import PUBLISHED_FOLDER


def test_the_stored_figures_are_what_the_files_give(shared):
    stored = flatten(read_published_metrics())
    built = flatten(build_published_metrics(shared / "published_model"))
    assert stored.keys() == built.keys() and len(stored) > 400
    for name, value in built.items():
        if isinstance(value, float):
            assert stored[name] == pytest.approx(value, abs=2e-6), name
        elif isinstance(value, list) and ".intervals." in name:
            # Sums in float32 differ in the last bits between processors.
            assert stored[name] == pytest.approx(value, abs=2e-5), name
        else:
            assert stored[name] == value, name


def test_the_abstract(shared):
    abstract = read_published_metrics()["abstract"]
    assert (abstract["lowest"], abstract["highest"]) == (52, 91)


def test_facts_and_sources(shared):
    facts = read_published_metrics()
    expected = json.loads((shared / "spec" / "published_results.json").read_text())
    assert facts["source"]["doi"] == expected["doi"]
    assert facts["source"]["data_doi"] == expected["data_doi"]
    assert facts["source"]["commit"] == expected["commit"]
    assert facts["classes"] == expected["classes_in_index_order"]
    assert facts["model_facts"]["parameters"] == expected["parameters"]
    assert facts["model_facts"]["best_epoch"] == expected["best_epoch"]
    assert facts["model_facts"]["minutes_stored"] == expected["training_minutes"]
    for fold in ("test", "val"):
        for key in ("records", "images", "records_by_class", "images_by_class"):
            assert facts[fold][key] == expected["sets"][fold][key]


def test_the_test_records_are_those_of_the_published_split(shared):
    import pandas as pd

    from ekg.evaluation.predictions import fingerprints

    split = pd.read_csv(shared / "spec" / "paper_split.csv", dtype=str)
    split = split.rename(columns={"diagnoses": "label"})
    for fold in ("test", "val"):
        digest = fingerprints(split[split["split"] == fold])["records_sha256"]
        assert digest == read_published_metrics()[fold]["records_sha256"]


def test_script_prints_the_figures(shared, root):
    done = subprocess.run(
        [sys.executable, "scripts/published_figures.py"],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "0.790 (0.767-0.813)" in done.stdout and "52-91" in done.stdout


def test_missing_files_say_how_to_get_them(tmp_path, monkeypatch):
    monkeypatch.setenv("EKG_SHARED", str(tmp_path))
    monkeypatch.setattr(published, "PUBLISHED_FOLDER", tmp_path)
    with pytest.raises(EvaluationError, match="python -m ekg best-model"):
        prediction_folder()
    with pytest.raises(EvaluationError, match="published_figures"):
        read_published_metrics(tmp_path)


def run_like_the_paper(**changes):
    """Metrics of a run whose metrics are the published ones, but for the changes."""
    facts = read_published_metrics()
    metrics = json.loads(json.dumps(facts))
    for name, value in changes.items():
        level = metrics["test"]["record_weighted"]
        if name in level:
            level[name] = value
        else:
            level["per_class"][name]["recall"] = value
    return metrics


def test_a_run_like_the_paper_is_reproduced():
    lines = reproduced_lines(run_like_the_paper())
    assert lines[-1] == "reproduced: yes" and len(lines) == 1 + 2 + 7 + 1
    assert all(" inside " in line for line in lines[1:-1])


@pytest.mark.parametrize(
    ("change", "verdict", "last"),
    [
        ({"accuracy": 0.9}, "above", "reproduced: yes"),
        ({"accuracy": 0.76}, "below", "reproduced: no, below: accuracy"),
        ({"macro_f1": 0.70}, "below", "reproduced: no, below: macro_f1"),
        ({"Normal": 0.55}, "below", "reproduced: no, below: recall Normal"),
        ({"STE": 0.99}, "above", "reproduced: yes"),
    ],
)
def test_inside_above_below(change, verdict, last):
    metrics = run_like_the_paper(**change)
    found = [c for c in criteria(metrics, read_published_metrics()) if c.verdict != "inside"]
    assert [c.verdict for c in found] == [verdict]
    assert reproduced_lines(metrics)[-1] == last


def test_the_edges_are_inside():
    low, high = read_published_metrics()["test"]["record_weighted"]["intervals"]["accuracy"]
    for value in (low, high):
        assert reproduced_lines(run_like_the_paper(accuracy=value))[-1] == "reproduced: yes"


def test_other_data_is_not_judged():
    metrics = run_like_the_paper()
    assert reproduced_lines({**metrics, "dataset": "synthetic"}) == []
    metrics["test"]["records_sha256"] = "other"
    metrics["test"]["records"] = 4
    assert not applies(metrics, read_published_metrics())
    (line,) = reproduced_lines(metrics)
    assert "these 4 test records are not its 784" in line
    del metrics["test"]
    assert reproduced_lines(metrics) == []


def test_the_criteria_are_written_down(root):
    text = (root / "docs" / "evaluation.md").read_text()
    assert "What counts as reproduced" in text
    assert (PUBLISHED_FOLDER / "published_figures.json").is_file()


def test_the_written_bounds_are_the_computed_ones(root):
    text = (root / "docs" / "evaluation.md").read_text()
    for line in criteria_table(read_published_metrics()):
        assert line in text.splitlines()
