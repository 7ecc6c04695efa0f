import json
import shutil

import numpy as np
import pandas as pd
import pytest

from ekg.cli import main
from ekg.errors import EvaluationError
from ekg.evaluation.comparison import (
    NOT_COMPARABLE,
    UNPAIRED,
    check_demands,
    compare_sides,
    parse_demand,
    resampled_p,
)
from ekg.evaluation.comparison_report import markdown_report, terminal_lines
from ekg.evaluation.levels import levels_of
from ekg.evaluation.metrics import metrics_of
from ekg.evaluation.predictions import fingerprints, make_predictions
from ekg.evaluation.published import PUBLISHED_METRICS_FILE
from ekg.evaluation.sides import (
    DIFFERENT,
    SAME_IMAGES,
    SAME_RECORDS,
    SAME_SLICES,
    Side,
    load_side,
    relation,
)
from ekg.paths import PUBLISHED_FOLDER
from ekg.records.diagnoses import CLASSES
from tests.evaluation.conftest import make_toy_images, toy_predictions


def side(name="a", table=None, dataset="toy", **identity):
    table = toy_predictions() if table is None else table
    return Side(
        name=name,
        dataset=dataset,
        fold="test",
        source=name,
        classes=CLASSES,
        predictions=table,
        identity=fingerprints(table) | identity,
    )


def better(table):
    """The same images, a third of the errors put right."""
    columns = [f"p_{c}" for c in CLASSES]
    p = table[columns].to_numpy().copy()
    wrong = np.flatnonzero((table["label"] != table["pred"]).to_numpy())[::3]
    p[wrong] = 0.05 * p[wrong]
    p[wrong, [CLASSES.index(table["label"].iloc[k]) for k in wrong]] += 0.95
    return make_predictions(table["image"], table["record"], table["label"], p)


def test_relations():
    a = side(images_sha256="i", slices_sha256="s")
    assert relation(a, side(images_sha256="i", slices_sha256="s")) == SAME_IMAGES
    assert relation(a, side(images_sha256="j", slices_sha256="s")) == SAME_SLICES
    assert relation(a, side(images_sha256="j", slices_sha256="t")) == SAME_RECORDS
    assert relation(a, side()) == SAME_RECORDS
    assert relation(a, side(table=toy_predictions(59))) == DIFFERENT
    three = toy_predictions(classes=("x", "y", "z"))
    other = Side("b", "toy", "test", "b", ("x", "y", "z"), three, None, fingerprints(three))
    assert relation(a, other) == DIFFERENT


def test_simulated_records_of_another_seed_are_other_records():
    a = side(dataset="synthetic", images_sha256="i", slices_sha256="s")
    assert relation(a, side(dataset="synthetic", images_sha256="j", slices_sha256="t")) == DIFFERENT
    assert relation(a, side(dataset="synthetic")) == DIFFERENT
    same = side(dataset="synthetic", images_sha256="i", slices_sha256="s")
    assert relation(a, same) == SAME_IMAGES


def test_paired_differences():
    table = toy_predictions(120)
    content = compare_sides(side("a", better(table)), side("b", table), resamples=500)
    assert content["paired"] and content["comparable"]
    for level, units in levels_of(table).items():
        entry = content["levels"][level]["figures"]["accuracy"]
        assert entry["b"] == pytest.approx(metrics_of(units)["accuracy"])
        assert entry["difference"] == pytest.approx(entry["a"] - entry["b"])
        assert entry["interval"][0] <= entry["difference"] <= entry["interval"][1]
        assert entry["difference"] > 0 and entry["p"] < 0.05
    entry = content["levels"]["record_weighted"]["figures"]["accuracy"]
    unpaired = entry["a_interval"][1] - entry["a_interval"][0]
    assert entry["interval"][1] - entry["interval"][0] < unpaired  # pairing takes noise out


def test_a_model_against_itself_differs_in_nothing():
    content = compare_sides(side("a"), side("b"), resamples=100)
    for level in content["levels"].values():
        for entry in level["figures"].values():
            assert entry["difference"] == 0 and entry["p"] in (None, 1.0)
            assert entry["interval"] == [0, 0]
    assert content["records"]["mcnemar_p"] == 1 and content["differing_records"] == []


def test_row_order_of_the_files_does_not_matter():
    table = toy_predictions(40)
    shuffled = better(table).sample(frac=1, random_state=1)
    one = compare_sides(side("a", better(table)), side("b", table), resamples=50)
    two = compare_sides(side("a", shuffled), side("b", table), resamples=50)
    for name, entry in one["levels"]["per_record"]["figures"].items():
        again = two["levels"]["per_record"]["figures"][name]
        assert again["difference"] == pytest.approx(entry["difference"])
        assert again["interval"] == pytest.approx(entry["interval"], abs=1e-5)
    assert one["records"] == two["records"]


def test_different_data_is_refused_unless_asked_for():
    a, b = side("a"), side("b", toy_predictions(59))
    with pytest.raises(EvaluationError, match=r"different data: a \(toy, 60 records"):
        compare_sides(a, b)
    content = compare_sides(a, b, allow_different_data=True, resamples=50)
    assert content["statement"] == NOT_COMPARABLE and not content["paired"]
    assert content["records"] is None and content["differing_records"] == []
    for level in content["levels"].values():
        entries = list(level["figures"].values())
        entries += [e for c in level["per_class"].values() for e in c.values()]
        assert entries and all(e["difference"] is None and e["p"] is None for e in entries)
    for text in ("\n".join(terminal_lines(content)), markdown_report(content)):
        assert NOT_COMPARABLE in text and "McNemar" not in text and "difference" not in text


def test_figures_alone_are_unpaired_and_said_so():
    from ekg.evaluation.intervals import evaluate_predictions

    table = toy_predictions()
    metrics = Side(
        "b",
        "toy",
        "test",
        "b",
        CLASSES,
        None,
        evaluate_predictions(table, resamples=50),
        fingerprints(table),
    )
    content = compare_sides(side("a", better(table)), metrics, resamples=50)
    assert content["comparable"] and not content["paired"]
    assert content["statement"] == UNPAIRED and UNPAIRED in markdown_report(content)
    entry = content["levels"]["record_weighted"]["figures"]["accuracy"]
    assert entry["difference"] > 0 and entry["interval"] is None and entry["p"] is None
    assert entry["a_interval"] and entry["b_interval"] and content["records"] is None


def test_fewer_than_ten_records_have_no_intervals():
    table = toy_predictions(9)
    content = compare_sides(side("a", better(table)), side("b", table))
    entries = [e for v in content["levels"].values() for e in v["figures"].values()]
    assert all(e["interval"] is None and e["p"] is None for e in entries)
    assert content["records"]["kappa_interval"] is None
    assert 0 < content["records"]["mcnemar_p"] <= 1  # exact, for any number of records
    assert "9 records: too few for intervals" in " ".join(content["notes"])


def test_hard_labels_on_one_side():
    table = toy_predictions()
    hard = table[["image", "record", "label", "pred", "weight"]]
    content = compare_sides(side("a", table), side("b", hard), resamples=50)
    assert "per_record" not in content["levels"]
    assert "macro_auroc" not in content["levels"]["per_image"]["figures"]
    assert sum("hard labels only" in note for note in content["notes"]) == 1


def test_missing_classes_are_named_and_blank():
    table = toy_predictions()
    table = table[table["label"] != "STE"]
    content = compare_sides(side("a", better(table)), side("b", table), resamples=50)
    entry = content["levels"]["per_image"]["per_class"]["STE"]["recall"]
    assert entry["a"] is None and entry["difference"] is None
    assert sum("STE" in note for note in content["notes"]) == 1


def test_p_of_resampled_differences():
    assert resampled_p(np.r_[np.full(95, 1.0), np.full(4, -1.0)]) == pytest.approx(2 * 5 / 100)
    assert resampled_p(np.ones(999)) == pytest.approx(2 / 1000)
    assert resampled_p(np.zeros(50)) == 1.0
    assert resampled_p(np.array([np.nan])) is None


def test_markdown_names_the_dataset_in_every_heading():
    table = toy_predictions()
    content = compare_sides(side("a", better(table)), side("b", table), resamples=50)
    lines = markdown_report(content).splitlines()
    headings = [line for line in lines if line.startswith(("# ", "## "))]
    assert len(headings) >= 8
    assert all("toy" in heading for heading in headings if heading != "## Notes")
    assert "Not for clinical use." in lines
    matrix_head = "| true \\ predicted | " + " | ".join(CLASSES) + " |"
    assert lines.count(matrix_head) == 2


@pytest.mark.parametrize("text", ["macro_f1", "macro_f1=", "=1", "x.macro_f1=0", "macro_f1=nan"])
def test_demands_of_another_form_are_refused(text):
    with pytest.raises(EvaluationError, match="METRIC=DELTA"):
        parse_demand(text)


def test_demands():
    table = toy_predictions()
    content = compare_sides(side("a", better(table)), side("b", table), resamples=0)
    difference = content["levels"]["per_record"]["figures"]["accuracy"]["difference"]
    texts = ["macro_f1=0", f"per_record.accuracy={difference}", "accuracy=0.9"]
    results = check_demands(content, [parse_demand(text) for text in texts])
    assert [r["met"] for r in results] == [True, True, False]
    with pytest.raises(EvaluationError, match="no such metric"):
        check_demands(content, [parse_demand("beauty=1")])


# --- the command, with real folders ---------------------------------------------------------


@pytest.fixture
def evaluated(toy_model, toy_images, tmp_path):
    """A run evaluated on the toy images, and a second model that was not."""
    import torch

    from ekg.model import EkgModel, build_network, save_weights

    first = shutil.copytree(toy_model, tmp_path / "first")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(9)
        model = EkgModel(build_network(), image_size=32, mean=0.5, std=0.2)
    second = tmp_path / "second"
    save_weights(second / "weights.safetensors", model.network.state_dict(), model.metadata)
    assert (
        main(
            [
                "evaluate",
                "--model",
                str(first),
                "--images",
                str(toy_images),
                "--split",
                str(toy_images / "split.csv"),
                "--out",
                str(first),
                "--resamples",
                "20",
            ]
        )
        == 0
    )
    return first, second


def test_the_other_model_is_run_on_the_same_images_once(evaluated, capsys):
    first, second = evaluated
    assert main(["compare", str(first), str(second), "--resamples", "20"]) == 0
    content = json.loads((first / "comparison.json").read_text())
    assert content["relation"] == SAME_IMAGES and content["dataset"] == "toy"
    assert content["a"]["name"] == "first" and content["b"]["name"] == "second"
    assert content["published"]["statement"] == NOT_COMPARABLE
    cached = first / "compared" / "second" / "predictions_test.csv"
    written = cached.stat().st_mtime_ns
    assert not (second / "metrics.json").exists()
    capsys.readouterr()
    assert main(["compare", str(first), str(second), "--resamples", "20"]) == 0
    assert cached.stat().st_mtime_ns == written
    output = capsys.readouterr().out
    assert "McNemar's exact test, by record" in output and "toy" in output.splitlines()[0]


def test_status_says_whether_a_demand_is_met(evaluated):
    first, second = map(str, evaluated)
    command = ["compare", first, second, "--resamples", "0", "--at-least"]
    assert main([*command, "accuracy=-1"]) == 0
    assert main([*command, "accuracy=1"]) == 1
    assert main([*command, "accuracy"]) == 2


def test_a_named_other_on_different_data_is_refused(evaluated, capsys):
    first, _ = evaluated
    metrics = str(PUBLISHED_FOLDER / PUBLISHED_METRICS_FILE)
    assert main(["compare", str(first), metrics]) == 2
    assert "different data" in capsys.readouterr().err
    assert not (first / "comparison.json").exists()
    command = ["compare", str(first), metrics, "--allow-different-data", "--resamples", "0"]
    assert main(command) == 0
    assert NOT_COMPARABLE in capsys.readouterr().out
    assert main([*command, "--at-least", "accuracy=0"]) == 2


def test_images_of_other_data_do_not_make_it_comparable(evaluated, tmp_path, capsys):
    first, second = evaluated
    other = make_toy_images(tmp_path / "other" / "im_res_32", per_class=7)
    command = ["compare", str(first), str(second), "--images", str(other)]
    manifest = pd.read_csv(other / "manifest.csv", dtype=str)
    manifest["record"] = "Q" + manifest["record"]
    manifest.to_csv(other / "manifest.csv", index=False)
    split = pd.read_csv(other / "split.csv", dtype=str)
    split["record"] = "Q" + split["record"]
    split.to_csv(other / "split.csv", index=False)
    assert main([*command, "--split", str(other / "split.csv")]) == 2
    assert "different data" in capsys.readouterr().err


def test_a_model_of_another_size_is_not_run(evaluated, tmp_path, capsys):
    from ekg.model import EkgModel, build_network, save_weights

    first, _ = evaluated
    model = EkgModel(build_network(), image_size=48, mean=0.5, std=0.2)
    large = tmp_path / "large"
    save_weights(large / "weights.safetensors", model.network.state_dict(), model.metadata)
    assert main(["compare", str(first), str(large)]) == 2
    assert "expects images of 48 pixels, not 32" in capsys.readouterr().err


def test_without_another_the_published_figures_are_shown_but_not_compared(
    evaluated, monkeypatch, tmp_path, capsys
):
    from ekg.evaluation import sides as pairing

    monkeypatch.setattr(pairing, "default_model", lambda: evaluated[0])
    metrics = tmp_path / "figures_only"
    shutil.copytree(
        PUBLISHED_FOLDER, metrics, ignore=lambda _, names: set(names) - {PUBLISHED_METRICS_FILE}
    )
    monkeypatch.setattr(pairing, "PUBLISHED_FOLDER", metrics)
    assert main(["compare", str(evaluated[0]), "--resamples", "0"]) == 0
    content = json.loads((evaluated[0] / "comparison.json").read_text())
    assert content["statement"] == NOT_COMPARABLE and "published" not in content
    assert "toy against cpsc2018" in capsys.readouterr().out.splitlines()[0]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["nowhere"], "run or model not found"),
        (["--images", "x"], "--images and --split must be given together"),
    ],
)
def test_bad_input_is_one_line(evaluated, capsys, more, message):
    assert main(["compare", str(evaluated[0]), *more]) == 2
    error = capsys.readouterr().err.strip()
    assert message in error and "\n" not in error


def test_a_run_without_results_says_what_to_do(toy_model, tmp_path, capsys):
    bare = shutil.copytree(toy_model, tmp_path / "bare")
    assert main(["compare", str(bare)]) == 2
    assert "python -m ekg evaluate --fold test" in capsys.readouterr().err


def test_predictions_that_do_not_fit_their_metrics_are_refused(evaluated):
    first, _ = evaluated
    lines = (first / "predictions_test.csv").read_text().splitlines(keepends=True)
    (first / "predictions_test.csv").write_text("".join(lines[:-2]))
    with pytest.raises(EvaluationError, match=r"predictions_test\.csv: is not the file that"):
        load_side(first, "test")
    metrics = json.loads((first / "metrics.json").read_text())
    del metrics["test"]["predictions_sha256"]  # as before it was written down
    (first / "metrics.json").write_text(json.dumps(metrics))
    with pytest.raises(EvaluationError, match="different records"):
        load_side(first, "test")


def test_published_predictions_against_published_figures(shared, tmp_path):
    folder = shared / "published_model"
    command = ["compare", str(folder), str(PUBLISHED_FOLDER / PUBLISHED_METRICS_FILE)]
    assert main([*command, "--out", str(tmp_path), "--resamples", "0"]) == 0
    content = json.loads((tmp_path / "comparison.json").read_text())
    assert content["statement"] == UNPAIRED and content["dataset"] == "cpsc2018"
    entry = content["levels"]["record_weighted"]["figures"]["accuracy"]
    assert entry["difference"] == pytest.approx(0, abs=1e-6)
