"""The golden set that ships with the project, and that it notices changes."""

import shutil
from functools import cache

import pandas as pd
import pytest

from checks import golden
from checks.findings import Repository
from checks.golden import FACTS, FOLDER, TABLE, check_golden, golden_names
from ekg.files import read_json, write_json
from ekg.images.renderer import Renderer
from ekg.paths import default_model
from ekg.records.diagnoses import CLASSES
from ekg.simulator import diagnoses_of


@cache
def one_renderer(size):
    return Renderer(size)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Make the renderer once for all tests of this file."""
    monkeypatch.setattr(golden, "Renderer", one_renderer)


@pytest.fixture
def copied(root, tmp_path):
    """A repository with one golden record, and the default model."""
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    shutil.copy(root / FOLDER / FACTS, folder / FACTS)
    table = pd.read_csv(root / FOLDER / TABLE, dtype=str)
    first = table[table["record"] == table["record"].iloc[0]]
    first.to_csv(folder / TABLE, index=False)
    stored = default_model()
    target = tmp_path / "best_model_for_paper" / stored.name
    target.mkdir(parents=True)
    for name in ("weights.safetensors", "metrics.json"):
        shutil.copy(stored / name, target / name)
    (target.parent / "default").write_text(f"{stored.name}\n")
    return Repository(tmp_path)


def change(repository, column, value):
    path = repository.root / FOLDER / TABLE
    table = pd.read_csv(path, dtype=str)
    table.loc[0, column] = value
    table.to_csv(path, index=False)


def test_the_golden_set_of_this_repository(root, verdicts):
    found = verdicts(check_golden(Repository(root)))
    assert found.keys() == {"golden-pixels", "golden-logits", "golden-split"}
    assert all(entry[0] == "pass" for entries in found.values() for entry in entries), found


def test_it_is_small_and_has_every_class(root):
    assert sum(path.stat().st_size for path in (root / FOLDER).iterdir()) < 500_000
    names = golden_names()
    assert [diagnoses_of(name)[0] for name in names].count("AF") == 2
    assert {diagnoses_of(name) for name in names} == {(name,) for name in CLASSES}
    table = pd.read_csv(root / FOLDER / TABLE)
    assert list(dict.fromkeys(table["record"])) == names


def test_one_record_alone_passes_too(copied, verdicts):
    found = verdicts(check_golden(copied))
    assert [entries[0][0] for entries in found.values()] == ["pass", "pass", "pass"]


@pytest.mark.parametrize(
    ("column", "value", "check"),
    [
        ("pixels_sha256", "0" * 64, "golden-pixels"),
        ("signal_sha256", "0" * 64, "golden-pixels"),
        ("start", "1", "golden-pixels"),
        ("diagnosis", "none", "golden-pixels"),
        ("logit_AF", "1000.0", "golden-logits"),
    ],
)
def test_a_change_is_noticed(copied, verdicts, column, value, check):
    change(copied, column, value)
    found = verdicts(check_golden(copied))
    assert {name for name, entries in found.items() if entries[0][0] == "fail"} == {check}
    if check == "golden-pixels":
        assert f"{column} differs" in found[check][0][1]


def test_a_missing_slice_is_noticed(copied, verdicts):
    path = copied.root / FOLDER / TABLE
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:-1]))
    verdict, said = verdicts(check_golden(copied))["golden-pixels"][0]
    assert verdict == "fail" and "slices, not" in said


def test_logits_of_another_model_are_not_compared(copied, verdicts):
    facts = read_json(copied.root / FOLDER / FACTS)
    write_json(copied.root / FOLDER / FACTS, {**facts, "weights_sha256": "0" * 64})
    verdict, said = verdicts(check_golden(copied))["golden-logits"][0]
    assert verdict == "fail" and "python scripts/golden_set.py" in said


def test_another_split_is_noticed(copied, verdicts):
    facts = read_json(copied.root / FOLDER / FACTS)
    facts["split"]["paper"]["sizes"]["test"] += 1
    write_json(copied.root / FOLDER / FACTS, facts)
    verdict, said = verdicts(check_golden(copied))["golden-split"][0]
    assert verdict == "fail" and "paper differ" in said


def test_made_again_it_is_the_same(copied, root, monkeypatch):
    monkeypatch.setattr(golden, "golden_names", lambda seed: golden_names(seed)[:1])
    folder, slices = golden.make_golden_set(copied.root)
    made = (folder / TABLE).read_text().splitlines()
    kept = (root / FOLDER / TABLE).read_text().splitlines()
    assert slices == len(made) - 1
    # Logits may differ in the last digits between processors.
    columns = made[0].split(",").index("logit_AF")
    assert [line.split(",")[:columns] for line in made] == [
        line.split(",")[:columns] for line in kept[: len(made)]
    ]
    assert read_json(folder / FACTS) == read_json(root / FOLDER / FACTS)
