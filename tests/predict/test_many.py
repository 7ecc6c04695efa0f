"""Reading in parallel: a killed process costs a retry, a bad record a line."""

import os
import signal

import pytest

from ekg.predict.inputs import expand
from ekg.predict.many import ReadingSettings, identity_of, open_reader, predict_many
from ekg.predict.predictor import Predictor
from ekg.workers import Workers


@pytest.fixture
def inputs(tmp_path, limb_consistent_signal, write_record):
    for number in range(6):
        signal_of = limb_consistent_signal(seconds=5, seed=number)
        write_record(tmp_path / "records", f"M{number}", signal_of)
    return list(expand([str(tmp_path / "records")]))


def predictions(small_model, inputs, jobs):
    settings = ReadingSettings(str(small_model))
    # Forked processes see what a test has changed.
    with Workers(jobs, start_method="fork") as workers:
        return list(predict_many(settings, inputs, workers))


def kill_at(name, mark, monkeypatch):
    """Let the process that reads the record kill itself: once with a mark, else every time."""
    usual = Predictor.predict_input

    def predict_input(self, found):
        if found.record == name and not (mark and mark.exists()):
            if mark:
                mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return usual(self, found)

    monkeypatch.setattr(Predictor, "predict_input", predict_input)


def test_a_process_killed_once_costs_nothing(small_model, inputs, tmp_path, monkeypatch):
    expected = predictions(small_model, inputs, 1)
    assert all(one.error is None for one in expected)
    mark = tmp_path / "killed"
    kill_at("M3", mark, monkeypatch)
    assert predictions(small_model, inputs, 2) == expected
    assert mark.exists()


def test_a_record_that_kills_every_process_costs_itself(small_model, inputs, monkeypatch):
    expected = predictions(small_model, inputs, 1)
    kill_at("M3", None, monkeypatch)
    found = predictions(small_model, inputs, 2)
    assert "killed twice" in found[3].error
    assert found[:3] + found[4:] == expected[:3] + expected[4:]


def test_what_no_reader_foresaw_is_the_records_own_line(small_model, inputs, monkeypatch):
    def fail(found, begin, end):
        raise IndexError("list index out of range")

    monkeypatch.setattr("ekg.predict.predictor.recording_of", fail)
    errors = {one.error for one in predictions(small_model, inputs[:2], 1)}
    assert errors == {
        f"{found.path}: cannot be read (IndexError: list index out of range)"
        for found in inputs[:2]
    }


def test_processes_refuse_another_model_than_the_first(small_model, inputs):
    engine = open_reader(ReadingSettings(str(small_model)))
    settings = ReadingSettings(str(small_model), expected=identity_of(engine))
    with Workers(1) as workers:
        assert len(list(predict_many(settings, inputs, workers))) == len(inputs)
        other = ReadingSettings(str(small_model), expected="TorchEngine 00")
        with pytest.raises(Exception, match="is another model than that of the process"):
            next(predict_many(other, inputs, workers))
