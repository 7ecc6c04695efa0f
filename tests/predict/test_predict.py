import json
import shutil

import numpy as np
import pytest

from ekg.api import load, read_record
from ekg.errors import ModelError, RecordError
from ekg.model.engines import open_engine
from ekg.predict.formats import text_lines
from ekg.predict.inputs import Input, expand
from ekg.predict.predictor import Predictor
from ekg.records.slicing import slice_starts


def record_of(folder, write, signal, **options):
    return read_record(write(folder, "A1", signal, **options))


def test_slices_lie_where_the_image_sets_have_them(
    predictor, tmp_path, write_record, limb_consistent_signal
):
    record = record_of(tmp_path, write_record, limb_consistent_signal(seconds=12))
    prediction = predictor.predict(record)
    assert [s.start for s in prediction.slices] == list(slice_starts("A1", 6000))


@pytest.mark.parametrize(("samples", "slices"), [(1250, 1), (1562, 1), (3125, 2), (80_000, 10)])
def test_any_length_from_one_slice_on(
    predictor, tmp_path, write_record, limb_consistent_signal, samples, slices
):
    record = record_of(tmp_path, write_record, limb_consistent_signal(seconds=samples / 500))
    prediction = predictor.predict(record)
    assert len(prediction.slices) == slices
    assert (prediction.spread is None) == (slices == 1)
    assert any("very short" in warning for warning in prediction.warnings) == (slices == 1)


def test_too_short_a_record_is_refused(predictor, tmp_path, write_record, limb_consistent_signal):
    record = record_of(tmp_path, write_record, limb_consistent_signal(seconds=2.498))
    with pytest.raises(RecordError, match="one slice needs 1250"):
        predictor.predict(record)


def test_a_record_without_any_signal_is_refused(predictor, tmp_path, write_record):
    record = record_of(tmp_path, write_record, np.full((12, 5000), 0.1))
    with pytest.raises(RecordError, match="no EKG in this recording"):
        predictor.predict(record)


def test_blank_slices_have_no_vote(predictor, tmp_path, write_record, limb_consistent_signal):
    signal = limb_consistent_signal()
    whole = predictor.predict(record_of(tmp_path, write_record, signal))
    starts = [reading.start for reading in whole.slices]
    signal[:, starts[-1] + 300 :] = 0.0
    padded = predictor.predict(record_of(tmp_path, write_record, signal))
    assert [reading.start for reading in padded.slices] == starts[:-1]
    assert f"1 of 3 slices (from sample {starts[-1]}) is blank and without a vote" in "".join(
        padded.warnings
    )
    assert padded.slices[0].probabilities == whole.slices[0].probabilities
    signal[:, 600:] = 0.0
    signal[:, :100] = 0.0
    with pytest.raises(RecordError, match="all slices are blank"):
        predictor.predict(record_of(tmp_path, write_record, signal[:, 500:]))


def test_a_part_of_a_record_is_read(small_model, tmp_path, write_record, limb_consistent_signal):
    header = write_record(tmp_path, "A1", limb_consistent_signal(seconds=20))
    predictor = Predictor(open_engine(small_model), part=(5.0, 9.0))
    prediction = predictor.predict_input(Input(str(header), "A1", "record"))
    assert prediction.diagnosis and max(s.start for s in prediction.slices) <= 2000 - 1250


@pytest.mark.parametrize("rate", [100, 360, 1000])
def test_any_rate(predictor, tmp_path, write_record, limb_consistent_signal, rate):
    record = record_of(tmp_path, write_record, limb_consistent_signal(rate=rate), rate=rate)
    prediction = predictor.predict(record)
    assert len(prediction.slices) == 3
    assert prediction.warnings == ()


def test_missing_leads_and_damage_are_refused(
    predictor, tmp_path, write_record, limb_consistent_signal
):
    signal = limb_consistent_signal()
    header = write_record(tmp_path, "few", signal[:3], leads=("I", "II", "III"))
    prediction = predictor.predict_input(Input(str(header), "few", "record"))
    assert "missing" in prediction.error
    assert prediction.diagnosis is None
    signal[4, 77] = np.nan
    header = write_record(tmp_path, "gap", signal)
    prediction = predictor.predict_input(Input(str(header), "gap", "record"))
    assert "lead aVL has 1 samples that are not numbers" in prediction.error


def test_the_order_of_inputs_changes_nothing(predictor, records):
    one_way = {p.record: p for p in map(predictor.predict_input, expand([str(records)]))}
    inputs = list(expand([str(records)]))[::-1]
    for prediction in map(predictor.predict_input, inputs):
        assert prediction == one_way[prediction.record]


def test_the_package_in_five_lines(small_model, records):
    model = load(small_model)
    record = read_record(records / "R2")
    verdict = model.predict(record)
    why = model.saliency(record)
    assert verdict.diagnosis == why["class"]
    assert set(why["occlusion"]) == {
        "I",
        "II",
        "III",
        "aVR",
        "aVL",
        "aVF",
        "V1",
        "V2",
        "V3",
        "V4",
        "V5",
        "V6",
    }
    assert why["gradcam"].ndim == 2
    surest = max(verdict.slices, key=lambda s: s.probabilities[verdict.diagnosis])
    assert why["start"] == surest.start
    assert why["probability"] == pytest.approx(surest.probabilities[verdict.diagnosis], abs=1e-5)
    other = next(name for name in verdict.probabilities if name != verdict.diagnosis)
    assert model.saliency(record, other)["class"] == other
    with pytest.raises(ModelError, match="has no class 'flu'"):
        model.saliency(record, "flu")


def test_rules_beside_the_weights_withhold_verdicts(
    small_model, tmp_path, write_record, limb_consistent_signal
):
    folder = tmp_path / "model"
    shutil.copytree(small_model, folder)
    engine = open_engine(folder, "torch")
    rules = {"coverage": 0.8, "promised": 0.9, "fixed_on": "val"}
    rules |= {"weights_sha256": engine.weights_sha256}
    record = record_of(tmp_path, write_record, limb_consistent_signal())
    for least, withheld in ((0.0, False), (1.0, True)):
        content = rules | {"least_probability": least, "least_in_set": least}
        (folder / "abstention.json").write_text(json.dumps(content))
        prediction = Predictor(open_engine(folder, "torch")).predict(record)
        assert prediction.withheld is withheld
        assert prediction.possible[0] == prediction.diagnosis
        assert len(prediction.possible) == (1 if withheld else 7)
        assert prediction.as_json()["withheld"] is withheld
        line = next(text_lines(prediction))
        assert ("not sure" in line) is withheld
    assert Predictor(open_engine(small_model)).predict(record).withheld is None


def test_stated_priors_change_the_verdict(
    small_model, tmp_path, write_record, limb_consistent_signal
):
    engine = open_engine(small_model, "torch")
    record = record_of(tmp_path, write_record, limb_consistent_signal())
    plain = Predictor(engine).predict(record)
    rare = min(plain.probabilities, key=plain.probabilities.__getitem__)
    priors = np.array([1e9 if name == rare else 1.0 for name in engine.classes])
    found = Predictor(engine, priors=priors / priors.sum()).predict(record)
    assert found.diagnosis == rare != plain.diagnosis
    assert sum(found.probabilities.values()) == pytest.approx(1)
    assert found.as_json()["priors"][rare] == pytest.approx(1, abs=1e-6)
