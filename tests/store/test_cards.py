"""Model cards say what the files say, and what they show can be run."""

import importlib.util
import json
import re

import pytest

from ekg.cli import main
from ekg.config import load_config
from ekg.evaluation.published import read_published_metrics
from ekg.files import read_json
from ekg.markdown import wrapped
from ekg.paths import PUBLISHED_FOLDER, default_model
from ekg.store.cards import RECIPE, _images, counts, model_card, published_card


@pytest.fixture(scope="module")
def own():
    return default_model()


@pytest.fixture(scope="module")
def script(root):
    spec = importlib.util.spec_from_file_location("model_cards", root / "scripts/model_cards.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_card_is_what_its_files_say(script, capsys):
    assert script.main([]) == 0, capsys.readouterr().out


def test_a_changed_file_shows(script, monkeypatch, capsys):
    cards = script.cards()
    path = next(iter(cards))
    monkeypatch.setattr(script, "cards", lambda: {**cards, path: cards[path] + "more"})
    assert script.main([]) == 1
    assert "differs from its files" in capsys.readouterr().out


def test_figures_of_the_card_are_those_of_the_files(own):
    card = (own / "README.md").read_text()
    metrics = read_json(own / "metrics.json")
    for level in ("per_image", "record_weighted", "per_record", "per_record_majority"):
        low, high = metrics["test"][level]["intervals"]["macro_f1"]
        assert f"{metrics['test'][level]['macro_f1']:.3f} ({low:.3f}-{high:.3f})" in card
    for name, found in metrics["test"]["per_record"]["per_class"].items():
        assert re.search(rf"\| {name} \| {found['support']:.0f} \| {found['precision']:.2f}", card)
    dataset = read_json(own / "dataset.json")
    assert f"seed {dataset['simulation']['seed']}," in card
    assert f"{dataset['used']['train']['images']:,} images of" in card
    assert f"{read_json(own / 'calibration.json')['temperature']:.3f}" in card
    for source in ("cpsc2018", "other_hospitals"):
        for suffix in ("", "_published"):
            level = read_json(own / "external" / f"{source}{suffix}.json")["external"]["per_record"]
            assert f"{level['macro_auroc']:.3f}" in card


def test_the_card_says_how_training_images_were_changed(root):
    said = _images(load_config(root / "experiments" / "best_simulated.toml"))
    config = load_config(root / "experiments" / "best_simulated.toml")
    assert "new in every epoch" in said
    assert f"amplitude {config.augmentation.amplitude:g}" in said
    assert "time shift" not in said
    assert "same in every epoch; not augmented" in _images(load_config(None))


def test_what_every_card_must_say(own, root):
    cards = [(own / "README.md"), (PUBLISHED_FOLDER / "README.md")]
    for path in cards:
        text = path.read_text(encoding="utf-8")
        heads = re.findall(r"(?m)^## (.*)$", text)
        for word in (
            "Intended use and users",
            "Out of scope",
            "Factors",
            "Data",
            "Training",
            "Metrics",
            "Environmental cost",
            "How to load it",
            "Files",
        ):
            assert word in heads, f"{path}: {word}"
        assert any("thical" in head for head in heads)
        assert any("icence" in head for head in heads)
        assert "**Not for clinical use.**" in text
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
            assert (path.parent / target).exists(), target
        for name in re.findall(r"`((?:docs|scripts|ekg)/[^`* ]+)`", text):
            assert (root / name).exists(), name


def test_a_model_without_recordings_says_so(own, tmp_path):
    folder = tmp_path / own.name
    folder.mkdir()
    for path in own.glob("*.*"):
        if path.suffix in {".json", ".toml", ".csv"}:
            (folder / path.name).write_bytes(path.read_bytes())
    card = model_card(folder)
    assert "Not measured: no results" in card and "By sex and age" not in card
    # Of recordings, not simulated: no word of simulators.
    dataset = {**read_json(folder / "dataset.json"), "simulation": None, "dataset": "cpsc2018"}
    (folder / "dataset.json").write_text(json.dumps(dataset))
    card = model_card(folder)
    for name in (own.name, "docs/simulator.md", "best_simulated"):  # folder, page and recipe
        card = card.replace(name, "")
    assert "imulated" not in card
    assert "CC BY 4.0" in card and "Perez Alday" in card


def python_blocks(path):
    return re.findall(r"```python\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def one_record(tmp_path_factory):
    """A simulated record and its images, drawn as the cards say."""
    folder = tmp_path_factory.mktemp("one")
    records = str(folder / "records")
    main(["simulate", "--out", records, "--records", "1", "-j", "1"])
    main(["images", "--records", records, "--out", str(folder / "set"), "-j", "1"])
    return folder


def run_block(code, root, replaced, monkeypatch):
    for old, new in replaced.items():
        assert old in code
        code = code.replace(old, str(new))
    monkeypatch.chdir(root)
    names: dict = {}
    exec(compile(code, "card", "exec"), names)
    return names


def test_the_two_ways_of_loading_agree(own, root, one_record, monkeypatch, capsys):
    with_project, with_onnx = python_blocks(own / "README.md")
    record = {"data/synthetic/records/S0001": one_record / "records" / "S0001"}
    verdict = run_block(with_project, root, record, monkeypatch)["verdict"]
    image = sorted((one_record / "set" / "all").glob("*/*.png"))[0]
    names = run_block(with_onnx, root, {"picture.png": image}, monkeypatch)
    assert names["classes"] == list(verdict.probabilities)
    first = verdict.slices[0].probabilities
    assert names["answer"][0] == pytest.approx(list(first.values()), abs=1e-3)
    assert verdict.diagnosis in capsys.readouterr().out


def test_the_published_card_loads_what_best_model_puts_there(root, shared, one_record, monkeypatch):
    (code,) = python_blocks(PUBLISHED_FOLDER / "README.md")
    names = run_block(
        code,
        root,
        {
            "data/synthetic/records/S0001": one_record / "records" / "S0001",
            f"best_model_for_paper/{PUBLISHED_FOLDER.name}": shared / "published_model",
        },
        monkeypatch,
    )
    assert names["verdict"].diagnosis in names["verdict"].probabilities


def test_facts_typed_in_for_the_published_card_are_the_recipes(shared):
    text = re.sub(r"\s+", " ", (shared / "spec" / "recipe.md").read_text(encoding="utf-8"))
    recipe, elsewhere = RECIPE, RECIPE["elsewhere"]
    by_class = ", ".join(f"{name} {n}" for name, n in recipe["train_images_by_class"].items())
    for words in (
        f"{recipe['records']:,} records",
        f"{recipe['kept']:,} records ({recipe['single_ectopy']:,} single-label PAC/PVC and "
        f"{recipe['multi_label']} multi-label dropped)",
        f"train {recipe['train_records']:,}, val",
        f"rounding down ({recipe['in_no_fold']} records)",
        f"{by_class} ({recipe['train_images']:,})",
        f"on an {recipe['gpu']}",
        f"mean {recipe['mean']}, std {recipe['std']}",
        f"only the {recipe['changed_percent']} % of pixels on panel borders changed, "
        f"{recipe['flipped_percent']} % of its predictions flipped",
        f"single-label, {elsewhere['records']} records) the published network reaches accuracy "
        f"{elsewhere['accuracy']:.2f}, macro F1 {elsewhere['macro_f1']:.2f}, balanced accuracy "
        f"{elsewhere['balanced_accuracy']:.2f}, mean one-vs-rest AUROC {elsewhere['auroc']:.2f}",
    ):
        assert words in text, words
    assert sum(recipe["train_images_by_class"].values()) == recipe["train_images"]
    dropped = recipe["single_ectopy"] + recipe["multi_label"]
    assert recipe["records"] - dropped == recipe["kept"]


def test_the_published_card_without_a_model_to_compare_with():
    card = published_card(PUBLISHED_FOLDER, None)
    facts = read_published_metrics()["test"]["record_weighted"]
    assert f"{facts['macro_f1']:.3f}" in card
    assert "On small samples" not in card and "397 single-label" in card


def test_text_keeps_commands_whole():
    words = "word " * 17 + "`python -m ekg store --run RUN --out FOLDER` end"
    lines = wrapped(f"* {words}\n\n    code  as it is\n\n\n{words}").splitlines()
    assert max(map(len, lines)) <= 98
    assert "    code  as it is" in lines and lines.count("") == 2
    assert sum("`python -m ekg store --run RUN --out FOLDER`" in line for line in lines) == 2


def test_counts_leave_out_what_is_not_there():
    assert counts({"AF": 1200, "STE": 0, "STD": 2}) == "AF 1,200, STD 2"
