import pytest

from ekg.errors import EvaluationError
from ekg.evaluation.runs import run_summary
from ekg.files import read_json
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


def test_a_run_that_was_not_evaluated_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match=r"no metrics\.json; run `make evaluate`"):
        run_summary(tmp_path)
