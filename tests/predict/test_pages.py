"""The slice of a page: columns, rhythm rows, short columns, missing leads."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.ndimage import distance_transform_edt

from ekg.cli import main
from ekg.errors import RecordError
from ekg.model import load_model
from ekg.model.engines import open_engine
from ekg.predict.inputs import expand, recording_of
from ekg.predict.pages import page_slices
from ekg.predict.predictor import Predictor
from ekg.predict.saliency import Explainer
from ekg.records.record import LEADS, Header, Record
from ekg.strips import read_strip

WHOLE = np.arange(5000.0) + 10_000 * np.arange(12)[:, None]  # tells lead and moment


def page(signal: np.ndarray) -> Record:
    header = Header(
        name="page",
        path=Path("page.jpg"),
        leads=LEADS,
        sampling_frequency=500.0,
        n_samples=signal.shape[1],
        comments=(),
        diagnoses=(),
    )
    return Record(header=header, signal=signal, sampling_frequency=500.0)


def columns(rows: int = 3, length: int = 1250) -> np.ndarray:
    """A page of `rows` leads a column."""
    signal = np.full((12, 5000), np.nan)
    for lead in range(12):
        start = lead // rows * (5000 * rows // 12)
        signal[lead, start : start + length] = WHOLE[lead, start : start + length]
    return signal


def test_each_column_gives_its_own_seconds():
    (cut,) = page_slices(page(columns()))
    assert cut.begins == (0, 0, 0, 2.5, 2.5, 2.5, 5, 5, 5, 7.5, 7.5, 7.5)
    np.testing.assert_array_equal(cut.signal[7], WHOLE[7, 2500:3750])
    assert cut.warnings == ()


@pytest.mark.parametrize("lead", [1, 6, 10])
def test_a_rhythm_row_is_cut_with_its_column(lead):
    signal = columns()
    signal[lead] = WHOLE[lead]
    (cut,) = page_slices(page(signal))
    start = lead // 3 * 1250
    np.testing.assert_array_equal(cut.signal[lead], WHOLE[lead, start : start + 1250])


def test_pages_of_two_columns_and_of_one_give_several_slices():
    two = page_slices(page(columns(6, 2500)))
    assert [cut.begins for cut in two] == [(0,) * 6 + (5,) * 6, (2.5,) * 6 + (7.5,) * 6]
    one = page_slices(page(WHOLE))
    assert len(one) == 4
    np.testing.assert_array_equal(one[3].signal, WHOLE[:, 3750:])


def test_a_column_that_ends_early_stays_blank_there():
    signal = columns()
    signal[9:, 4900:] = np.nan
    (cut,) = page_slices(page(signal))
    assert np.isnan(cut.signal[9:, 1150:]).all() and np.isfinite(cut.signal[9:, :1150]).all()
    assert "0.20 s early" in cut.warnings[0]


def test_a_page_without_a_lead_is_refused_by_its_name():
    signal = columns()
    signal[8] = np.nan
    signal[2, 700:] = np.nan
    with pytest.raises(RecordError, match=r"page.jpg: .* of III, V3.*ekg read"):
        page_slices(page(signal))


@pytest.fixture(scope="module")
def screen_page(tmp_path_factory):
    """An image of a printed page, and what is printed on it."""
    from ekg.simulator import simulate_record
    from ekg.strips.simulate import simulate_page

    signal, _, _ = simulate_record("printed", 44, ["Normal"], seconds=10, noise=0.3)
    made = simulate_page("printed", 44, kind="screen", layout="3x4+1", signal=signal, subject="ekg")
    path = tmp_path_factory.mktemp("pages") / f"printed{made.suffix}"
    path.write_bytes(made.content)
    return path, made.plan.segments


def test_a_printed_page_is_read_like_its_recording(predictor, screen_page):
    path, segments = screen_page
    (found,) = expand([str(path)])
    prediction = predictor.predict_input(found)
    assert prediction.error is None
    content = prediction.as_json()["page"]
    assert content["pages"][0]["layout"] == "3x4+1"
    assert set(content["leads"]) == set(LEADS)
    assert all(0 < lead["confidence"] <= 1 for lead in content["leads"].values())
    begins = [round(lead["begins"] * 500) for lead in content["leads"].values()]
    assert begins[9] > begins[6] > begins[3] > begins[0]
    assert any("ekg read" in warning for warning in prediction.warnings)
    (cut,) = page_slices(read_strip(path).record)
    for segment in segments:
        if not segment.rhythm:
            read = cut.signal[LEADS.index(segment.lead), 100:1000]
            fits = [
                np.corrcoef(read, segment.signal[k : k + 900])[0, 1]
                for k in range(min(len(segment.signal) - 900, 200))
            ]
            assert max(fits) > 0.9, segment.lead


def test_what_is_no_ekg_is_refused_with_the_reason(predictor, tmp_path):
    path = tmp_path / "blank.png"
    Image.new("RGB", (640, 480), "white").save(path)
    (found,) = expand([str(path)])
    prediction = predictor.predict_input(found)
    assert prediction.diagnosis is None and "blank.png" in str(prediction.error)
    locked = tmp_path / "report.pdf"
    locked.write_bytes(b"%PDF-1.7\nnothing")
    (found,) = expand([str(locked)])
    assert found.kind == "page"
    assert "report.pdf" in str(predictor.predict_input(found).error)
    assert [found.kind for found in expand([str(tmp_path)])] == ["image", "page"]


def test_a_verdict_is_explained_on_the_page_itself(small_model, screen_page, tmp_path):
    path, _ = screen_page
    model = load_model(small_model)
    predictor = Predictor(open_engine(small_model, "torch"), explainer=Explainer(model, tmp_path))
    prediction = predictor.predict_page(path)
    reading = read_strip(path)
    with Image.open(prediction.page["explanation"]) as image:
        drawn = np.asarray(image.convert("RGB"), int)
    plain = np.asarray(reading.overlay.convert("RGB"), int)
    changed = np.abs(drawn - plain).max(axis=2) > 40
    assert changed.any()
    # Colour lies on the traces of the slice, and nowhere else.
    near = np.zeros(changed.shape, bool)
    for begin, places in zip(page_slices(reading.record)[0].begins, reading.places, strict=True):
        shown = places[round(500 * begin) :][:1250]
        shown = shown[np.isfinite(shown).all(axis=1)].round().astype(int)
        near[shown[:, 1], shown[:, 0]] = True
    distance = distance_transform_edt(~near)
    assert distance[changed].max() < np.ptp(shown[:, 0]) / 16


def test_places_lie_on_the_traces_of_the_overlay(screen_page):
    path, _ = screen_page
    reading = read_strip(path)
    assert reading.places.shape == (12, reading.record.signal.shape[1], 2)
    shown = np.isfinite(reading.record.signal)
    assert np.isfinite(reading.places[shown]).mean() > 0.98
    for lead, row in enumerate(reading.record.signal):
        known = np.isfinite(row) & np.isfinite(reading.places[lead, :, 1])
        up = -reading.places[lead, known, 1]
        assert np.corrcoef(up, row[known])[0, 1] > 0.99


def test_a_file_of_several_ekgs_is_refused_with_the_way_out(predictor, screen_page, tmp_path):
    path, _ = screen_page
    with Image.open(path) as image:
        page = image.convert("RGB")
    several = tmp_path / "two.pdf"
    page.save(several, save_all=True, append_images=[page], resolution=150)
    (found,) = expand([str(several)])
    error = str(predictor.predict_input(found).error)
    assert "two.pdf: contains 2 EKGs" in error and "ekg read" in error


def test_a_record_that_was_read_from_a_page_is_read_like_the_page(predictor, screen_page, tmp_path):
    path, _ = screen_page
    assert main(["read", str(path), "--out", str(tmp_path)]) == 0
    (found,) = expand([str(tmp_path / f"{path.stem}.hea")])
    again, page = recording_of(found), read_strip(path).record
    np.testing.assert_allclose(again.signal, page.signal, atol=0.00051)  # NaN where it has NaN
    assert predictor.predict_input(found).diagnosis is not None
