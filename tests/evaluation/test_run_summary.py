import shutil

import pytest

from ekg.errors import EvaluationError
from ekg.evaluation.runs import run_summary
from ekg.files import read_json, write_json
from ekg.paths import default_model


@pytest.fixture
def stored():
    return default_model()


def test_the_summary_says_data_training_results_and_places(stored, tmp_path):
    (tmp_path / "manifest.csv").write_text("image,record,diagnosis\na,R1,AF\nb,R1,AF\nc,R2,STE\n")
    (tmp_path / "report.html").write_text("")
    text = "\n".join(run_summary(stored, tmp_path, tmp_path))
    metrics = read_json(stored / "metrics.json")
    assert f"{metrics['test']['record_weighted']['macro_f1']:.3f}" in text
    for words in (
        "Data: synthetic",
        "3 of 2 records: AF 2, STE 1",
        "best epoch",
        "open this first",
    ):
        assert words in text


@pytest.mark.parametrize("comparable", [True, False])
def test_the_summary_says_what_the_run_was_compared_with(stored, tmp_path, comparable):
    shutil.copy(stored / "metrics.json", tmp_path)
    entry = {"a": 0.91, "a_interval": [0.88, 0.94], "b": 0.98, "b_interval": None}
    entry["difference"] = -0.07 if comparable else None
    content = {
        "heading": "run against stored, synthetic, fold test (paired: the same images)",
        "comparable": comparable,
        "levels": {"record_weighted": {"figures": {"macro_f1": entry}}},
    }
    write_json(tmp_path / "comparison.json", content)
    lines = run_summary(tmp_path)
    at = lines.index(f"compared  {content['heading']}")
    line = "          record-weighted macro f1 0.910 (0.880-0.940) against 0.980"
    assert lines[at + 1] == line + (", difference -0.070" if comparable else "")
    assert lines[at + 2] == f"details:  {tmp_path / 'comparison.md'}"


def test_a_run_that_was_not_evaluated_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match=r"no metrics\.json; run `make evaluate`"):
        run_summary(tmp_path)
