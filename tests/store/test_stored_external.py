"""Results on recordings beside a stored model: whose they are, and what they say together."""

import json

import numpy as np
import pandas as pd
import pytest

from ekg.errors import EvaluationError
from ekg.evaluation.groups import Person, metrics_by_group
from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.predictions import read_predictions, write_predictions
from ekg.files import read_json, write_json
from ekg.records.diagnoses import CLASSES
from ekg.store.stored_external import (
    OWN,
    POOLED,
    PUBLISHED,
    collect_external,
    published_weights,
    sources_of,
)
from tests.evaluation.conftest import toy_predictions

MINE = "a" * 64


def result(folder, dataset, seed, weights=MINE, records=12):
    """A folder as `python -m ekg external` leaves it."""
    predictions = toy_predictions(records, seed=seed)
    metrics = evaluate_predictions(predictions, CLASSES, resamples=20)
    metrics["groups"] = metrics_by_group([(Person("Male"), True)] * records)
    metrics["calibration"] = {"temperature": 1.5}
    content = {
        "schema": 1,
        "dataset": dataset,
        "model": "m",
        "classes": list(CLASSES),
        "weights_sha256": weights,
        "probabilities": "uncalibrated",
        "data": {"found": records + 3, "class_mix": dict.fromkeys(CLASSES, 1)},
        "external": metrics,
    }
    write_json(folder / "external.json", content)
    write_predictions(folder / "predictions_external.csv", predictions)
    return folder


@pytest.fixture
def stored(tmp_path):
    results = [
        result(tmp_path / "1", "cpsc2018", 1),
        result(tmp_path / "2", "here", 2),
        result(tmp_path / "3", "there", 3, records=15),
        result(tmp_path / "4", "here", 2, weights=published_weights()),
    ]
    names = collect_external(results, tmp_path / "stored", MINE)
    return tmp_path / "stored", names


def test_files_are_named_by_source_and_model(stored):
    folder, names = stored
    assert sorted(names) == sorted(
        path.relative_to(folder).as_posix() for path in folder.rglob("*.*")
    )
    assert {name for name in names if name.endswith(".json")} == {
        "external/cpsc2018.json",
        "external/here.json",
        "external/here_published.json",
        "external/there.json",
        f"external/{POOLED}.json",
    }
    assert list(sources_of(folder / "external", OWN, pooled=True)) == [
        "cpsc2018",
        "here",
        "there",
        POOLED,
    ]
    assert list(sources_of(folder / "external", PUBLISHED, pooled=True)) == ["here"]


def test_the_pooled_figures_are_those_of_all_predictions_together(stored):
    folder, _ = stored
    content = read_json(folder / "external" / f"{POOLED}.json")
    assert content["pooled_of"] == ["here", "there"]
    assert content["external"]["records"] == 27 and content["data"]["found"] == 33
    # Record T0000 of one source is not that of the other.
    tables = [toy_predictions(12, seed=2), toy_predictions(15, seed=3)]
    tables[1]["record"] = "x" + tables[1]["record"]
    together = pd.concat(tables)
    level = content["external"]["per_record"]
    expected = evaluate_predictions(together, CLASSES, resamples=0)["per_record"]
    assert level["macro_auroc"] == pytest.approx(expected["macro_auroc"], abs=1e-6)
    np.testing.assert_allclose(level["confusion_matrix"], expected["confusion_matrix"], atol=1e-6)
    assert level["intervals"]["accuracy"][0] < level["accuracy"] < level["intervals"]["accuracy"][1]
    assert content["external"]["groups"]["sex"]["Male"]["records"] == 27
    assert content["external"]["calibration"]["temperature"] == 1.5
    assert set(content["external"]["calibration"]["per_record"]) == {"before", "after"}


def test_collecting_again_from_the_stored_folder_changes_nothing(stored, tmp_path):
    folder, names = stored
    again = collect_external([folder / "external"], tmp_path / "again", MINE)
    assert sorted(again) == sorted(names)
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes(), name


def test_what_an_earlier_storing_left_goes(stored, tmp_path):
    folder, _ = stored
    names = collect_external([tmp_path / "2"], folder, MINE)
    assert names == ["external/here.json", "external/here_predictions.csv"]
    left = {path.relative_to(folder).as_posix() for path in (folder / "external").iterdir()}
    assert left == set(names)


def test_one_other_hospital_is_not_pooled(tmp_path):
    results = [result(tmp_path / "1", "cpsc2018", 1), result(tmp_path / "2", "here", 2)]
    names = collect_external(results, tmp_path / "stored", MINE)
    assert not any(POOLED in name for name in names)


def test_results_of_other_weights_and_without_predictions_are_refused(tmp_path):
    other = result(tmp_path / "1", "here", 1, weights="b" * 64)
    with pytest.raises(EvaluationError, match=r"other weights \(field `weights_sha256`, model m\)"):
        collect_external([other], tmp_path / "stored", MINE)
    bare = result(tmp_path / "2", "here", 1)
    (bare / "predictions_external.csv").unlink()
    with pytest.raises(EvaluationError, match="without their predictions"):
        collect_external([bare], tmp_path / "stored", MINE)
    with pytest.raises(EvaluationError, match=r"no external\.json"):
        collect_external([tmp_path], tmp_path / "stored", MINE)
    assert not (tmp_path / "stored").exists()


def test_saved_predictions_can_be_read_again(stored):
    folder, _ = stored
    saved = read_predictions(folder / "external" / "here_predictions.csv")
    assert len(saved) == len(toy_predictions(12, seed=2))
    assert json.loads((folder / "external" / "here.json").read_text())["external"]["records"] == 12
