"""The script that runs the pipeline under other circumstances; the slow test runs it."""

import pytest

from campaigns import determinism as script
from ekg.cli import build_parser


def left(**changes):
    found = {stage: {"a": "1", "b": "2"} for stage in script.STAGES}
    return found | changes


def test_what_differs_is_named_by_stage():
    other = left(images={"a": "1", "b": "3"}, split={"a": "1"}, pack={"a": "1", "c": "9"})
    found = script.compare(left(), other)
    assert found["images"] == (2, ["b"])
    assert found["split"] == (2, ["b"])
    assert found["pack"] == (3, ["b", "c"])
    assert found["weights"] == (2, [])


def test_its_commands_parse():
    road = script.commands("..", 3, 64, 30)
    assert [words[0] for words in road] == ["simulate", "images", "split", "train", "evaluate"]
    for words in road:
        build_parser(words[0]).parse_args(words)


def test_the_last_variation_has_all_that_the_others_have():
    *single, last = script.VARIATIONS
    for name in ("jobs", "shuffled", "elsewhere", "umask", "own_settings", "locale"):
        plain = getattr(script.Variation("plain"), name)
        assert any(getattr(variation, name) != plain for variation in single)
        assert getattr(last, name) != plain
    assert last.environment.keys() == {"TZ", "PYTHONHASHSEED"}


def test_records_made_backwards_are_those_of_the_command(tmp_path):
    from ekg.simulator.record_files import SimulationSettings, simulate_folder

    script.simulate_backwards(tmp_path / "a", 3)
    assert simulate_folder(tmp_path / "a", 3, SimulationSettings()) == (0, 3)
    simulate_folder(tmp_path / "b", 3, SimulationSettings())
    for path in (tmp_path / "b").glob("[!.]*"):
        assert (tmp_path / "a" / path.name).read_bytes() == path.read_bytes()


@pytest.mark.slow
def test_all_circumstances_at_once_change_nothing(tmp_path):
    table = script.measure(32, 30, tmp_path, only=["all at once"])
    assert table["compared"].tolist()[0] > 150
    assert table["different"].tolist() == [0]


@pytest.mark.slow
def test_another_road_is_noticed(tmp_path):
    script.walk(script.Variation("one"), tmp_path / "one", 32, 30, tmp_path / "locales")
    script.walk(script.Variation("two"), tmp_path / "two", 33, 30, tmp_path / "locales")
    found = script.compare(script.left_by(tmp_path / "one"), script.left_by(tmp_path / "two"))
    assert found["records"][1] == [] and found["split"][1] == []
    for stage in ("images", "pack", "weights", "history", "predictions", "metrics"):
        assert found[stage][1], stage
