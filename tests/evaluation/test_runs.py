import json

import pytest

from ekg.cli import main
from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.runs import differences, find_runs, read_run
from tests.evaluation.conftest import toy_predictions

HISTORY = """epoch,train_loss,val_loss,elapsed_time
0,1.9,1.8,1.5
1,1.7,1.6,3.0
2,1.5,1.7,4.5
"""


@pytest.fixture
def runs(tmp_path):
    for name, rate, dataset in (("r2", 0.001, "toy"), ("r10", 0.01, "toy"), ("z", 0.001, "real")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "config.toml").write_text(
            f"[train]\nbatch_size = 32\nlearning_rate = {rate}\n[data]\nsize = 800\n"
        )
        (folder / "train_results.csv").write_text(HISTORY)
        metrics = evaluate_predictions(toy_predictions(20), resamples=20)
        content = {"schema": 1, "dataset": dataset, "classes": [], "test": metrics}
        (folder / "metrics.json").write_text(json.dumps(content))
    (tmp_path / "young").mkdir()
    (tmp_path / "young" / "config.toml").write_text("[train]\nbatch_size = 16\n")
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_runs_are_found_in_natural_order(runs):
    assert [run.name for run in find_runs(runs)] == ["r2", "r10", "young", "z"]
    assert find_runs(runs / "r2") == [runs / "r2"]


def test_a_run_is_read(runs):
    entry = read_run(runs / "r2")
    assert (entry.epochs, entry.best_epoch, entry.best_val_loss) == (3, 1, 1.6)
    assert entry.minutes == 4.5 and entry.dataset == "toy"
    value, interval = entry.metrics["test"]["accuracy"]
    assert interval[0] < value < interval[1]


def test_only_what_differs_is_shown(runs):
    entries = [read_run(runs / name) for name in ("r2", "r10")]
    assert differences(entries) == {
        "r2": {"train.learning_rate": 0.001},
        "r10": {"train.learning_rate": 0.01},
    }


def test_the_table_keeps_datasets_apart(runs, capsys):
    assert main(["runs", str(runs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    headings = [line for line in lines if "record-weighted" in line]
    assert [heading.split(" (")[0] for heading in headings] == ["not evaluated", "real", "toy"]
    assert any("train.learning_rate=0.01" in line and "r10" in line for line in lines)


def test_json(runs, capsys):
    assert main(["runs", str(runs), "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["run"] for row in rows] == ["r2", "r10", "young", "z"]
    assert rows[2]["epochs"] is None and rows[2]["figures"] == {}
    assert rows[1]["settings"]["train.learning_rate"] == 0.01


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.toml", "a = ", "not a TOML file"),
        ("train_results.csv", "epoch,loss\n1,2\n", "not a training history"),
        ("metrics.json", '{"schema": 9}', "field `schema` is not 1"),
    ],
)
def test_damaged_files_are_named(runs, capsys, name, text, message):
    (runs / "r2" / name).write_text(text)
    assert main(["runs", str(runs)]) == 2
    error = capsys.readouterr().err
    assert message in error and name in error


def test_no_runs_yet(tmp_path, capsys):
    assert main(["runs", str(tmp_path)]) == 2
    assert "no runs yet" in capsys.readouterr().err
    assert main(["runs", str(tmp_path / "none")]) == 2
    assert "folder not found" in capsys.readouterr().err
