"""Pictures of pages: grid, rows, names and traces, from what the tests draw themselves."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from ekg.records.record import LEADS
from ekg.strips import StripError, read_strip
from ekg.strips.flatten import FLAT
from ekg.strips.metrics import score_page
from ekg.strips.picture import PictureOptions, _scale
from ekg.strips.pulses import Pulse
from tests.strips.strip_pages import RATE, figure_of, pixels_of, printed, twelve_leads


@pytest.fixture(scope="module")
def signal():
    return twelve_leads()


@pytest.fixture(scope="module")
def page(signal):
    return pixels_of(figure_of(signal), dpi=180)


def read(pixels, path, **options):
    Image.fromarray(pixels).save(path)
    return read_strip(path, **options)


def test_a_rendered_page_is_read(tmp_path, page, signal):
    reading = read(page, tmp_path / "page.png")
    assert reading.leads == LEADS
    score = score_page(reading.record.signal, printed(signal), RATE)
    assert score.median > 20 and min(lead.snr for lead in score.leads) > 12
    assert score.faults == ()
    (facts,) = reading.report["pages"]
    assert facts["layout"] == "3x4+1" and facts["gain_from"] == "pulse"
    assert facts["facts"]["pixels_per_mm"] == pytest.approx(180 / 25.4, rel=0.01)


def test_a_tilted_shaded_and_noisy_photograph_is_read(tmp_path, page, signal):
    photo = Image.fromarray(page).rotate(7, Image.Resampling.BICUBIC, True, fillcolor=(90, 70, 50))
    photo = np.asarray(photo.filter(ImageFilter.GaussianBlur(0.7))).astype(float)
    photo *= np.linspace(1.0, 0.6, photo.shape[1])[None, :, None]
    photo += np.random.default_rng([3, 1]).normal(0, 4, photo.shape)
    reading = read(np.clip(photo, 0, 255).astype(np.uint8), tmp_path / "photo.png")
    score = score_page(reading.record.signal, printed(signal), RATE)
    assert score.median > 13 and score.faults == ()


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_on_its_side_or_upside_down_is_read_as_if_upright(tmp_path, page, signal, turns):
    reading = read(np.ascontiguousarray(np.rot90(page, turns)), tmp_path / "turned.png")
    score = score_page(reading.record.signal, printed(signal), RATE)
    assert score.median > 18 and score.faults == ()


def test_the_overlay_lies_on_the_trace(tmp_path, page):
    reading = read(page, tmp_path / "page.png", keep_page=True)
    drawn = np.abs(np.asarray(reading.overlay).astype(int) - page).sum(axis=2) > 150
    black = page.max(axis=2) < 90
    near = np.asarray(
        Image.fromarray((black * 255).astype(np.uint8)).filter(ImageFilter.MaxFilter(5))
    )
    labels = drawn[:, : page.shape[1]].sum()
    assert labels > 5000 and (drawn & (near > 0)).sum() > 0.8 * labels


def test_the_paper_between_four_corners_is_read(tmp_path, page, signal):
    desk = np.full((page.shape[0] + 300, page.shape[1] + 500, 3), 60, np.uint8)
    desk[100 : 100 + page.shape[0], 200 : 200 + page.shape[1]] = page
    right, bottom = 200 + page.shape[1], 100 + page.shape[0]
    corners = ((200, 100), (right, 100), (right, bottom), (200, bottom))
    reading = read(desk, tmp_path / "desk.png", corners=corners)
    assert score_page(reading.record.signal, printed(signal), RATE).median > 18
    assert abs(reading.overlay.width - page.shape[1]) < 3
    with pytest.raises(StripError, match="is outside"):
        read(desk, tmp_path / "desk.png", corners=((0, 0), (9999, 0), (9999, 500), (0, 500)))


def test_a_page_without_names_is_refused_and_read_with_a_given_layout(tmp_path, signal):
    pixels = pixels_of(figure_of(signal, names=False), dpi=180)
    with pytest.raises(StripError, match="names"):
        read(pixels, tmp_path / "page.png")
    reading = read(pixels, tmp_path / "page.png", layout="3x4+1")
    assert reading.report["pages"][0]["names_from"] == "given"
    assert score_page(reading.record.signal, printed(signal), RATE).faults == ()


def test_columns_in_another_order_than_printed_names_say_are_refused(tmp_path, signal):
    swapped = signal[[1, 2, 0, *range(3, 12)]]  # lead II's trace beside the name I, and so on
    with pytest.raises(StripError, match="II - I - III"):
        read(pixels_of(figure_of(swapped, rhythm=False), dpi=180), tmp_path / "page.png")


@pytest.mark.parametrize(
    ("heights", "gain", "source"),
    [
        ((9.67, 9.67), 10.0, "pulse"),
        ((19.6, 19.6), 20.0, "pulse"),
        ((4.9, 5.1), 5.0, "pulse"),
        ((19.17, 19.17), 10.0, "assumed"),  # two wide QRS of a paced rhythm
        ((7.0, 7.0), 10.0, "assumed"),
        ((5.0,), 10.0, "assumed"),
    ],
)
def test_only_pulses_of_a_usual_height_tell_the_gain(heights, gain, source):
    pulses = [
        Pulse(row, left=10, right=40, top=100, foot=100 + height * FLAT, clarity=0.8)
        for row, height in enumerate(heights)
    ]
    scale, warnings = _scale(pulses, PictureOptions())
    assert (scale.gain, scale.gain_source) == (gain, source)
    assert any("--gain" in text for text in warnings) == (source == "assumed")


@pytest.mark.slow
def test_the_photographs_with_a_signal_are_read_and_none_wrong(shared):
    import sys

    sys.path.insert(0, "scripts")
    from bench_strips import SETS, evaluate

    outcomes = list(evaluate(SETS["photos"](shared)))
    scores = [outcome.score for outcome in outcomes if outcome.score is not None]
    assert not any(score.faults for score in scores)
    assert len(scores) >= 19
