import pytest

from ekg.errors import EvaluationError
from ekg.evaluation.stored_model import KEPT_FILES, store_model
from ekg.files import read_json


def stored_models(root):
    folders = (root / "best_model_for_paper").glob("*_simulated")
    return [folder for folder in sorted(folders) if (folder / "metrics.json").is_file()]


def test_a_stored_model_can_be_stored_again_with_the_same_card(root, tmp_path):
    (folder,) = stored_models(root)
    names = store_model(folder, tmp_path / folder.name, "make reproduce")
    assert {*KEPT_FILES, "README.md"} < set(names)
    for name in names:
        assert (tmp_path / folder.name / name).read_bytes() == (folder / name).read_bytes(), name


def test_the_card_says_what_the_files_say(root):
    (folder,) = stored_models(root)
    card = (folder / "README.md").read_text()
    test = read_json(folder / "metrics.json")["test"]
    assert f"{test['per_record']['macro_f1']:.3f}" in card
    external = read_json(folder / "external" / "cpsc2018.json")["external"]
    assert f"{external['per_record']['macro_auroc']:.3f}" in card
    assert "Not for clinical use" in card and "151,463" in card


def test_the_stored_model_learnt_something_real(root):
    (folder,) = stored_models(root)
    assert read_json(folder / "metrics.json")["test"]["record_weighted"]["macro_f1"] >= 0.6


def test_an_unfinished_run_is_refused(tmp_path):
    with pytest.raises(EvaluationError, match=r"weights\.safetensors.* missing"):
        store_model(tmp_path, tmp_path / "out", "make train")
    assert not (tmp_path / "out").exists()
