"""The fast renderer against golden pixels and against plain matplotlib."""

import csv
import hashlib
from functools import cache

import matplotlib as mpl
import numpy as np
import pytest

from ekg.errors import ImageError
from ekg.images.layout import Layout
from ekg.images.reference import draw_slowly
from ekg.images.renderer import Renderer
from ekg.records.record import read_record

FAST_SIZES = (64, 333, 800)
SLOW_SIZES = (
    16,
    17,
    19,
    23,
    33,
    50,
    100,
    127,
    224,
    256,
    400,
    511,
    512,
    640,
    801,
    1000,
    1023,
    1367,
    1600,
    2048,
)


@cache
def signals_of_every_temper() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(20230401)
    shape = (12, 1250)
    wander = rng.normal(size=shape).cumsum(axis=1) / 4
    return {
        "flat": np.zeros(shape),
        "at the edge": np.full(shape, 3.0),
        "clipped": np.clip(wander, -3, 3),
        "spikes": np.where(rng.random(shape) < 0.01, 50.0, 0.0),
        "noise": rng.normal(size=shape),
        "extreme": rng.normal(size=shape) * 1e6,
        "integer": rng.integers(-4, 5, shape),
        "single precision": wander.astype(np.float32),
        "sine": 4 * np.sin(np.arange(15_000).reshape(shape) / 20),
    }


def all_tempers_in_one(first: int = 0) -> np.ndarray:
    """One slice whose leads differ in temper: a plain figure takes a second, so one must do."""
    tempers = list(signals_of_every_temper().values())
    return np.array([tempers[(first + lead) % len(tempers)][lead] for lead in range(12)])


def assert_same_pixels(size: int, signals: dict[str, np.ndarray]) -> None:
    renderer = renderer_of(size)
    for name, signal in signals.items():
        different = renderer.draw(signal) != draw_slowly(signal, size)
        assert not different.any(), f"{name} at {size}: {different.sum()} pixels differ"


@cache
def renderer_of(size: int) -> Renderer:
    return Renderer(size)


def test_golden_pixels(shared):
    with open(shared / "golden" / "golden.csv", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 436
    renderer = renderer_of(800)
    signals = {}
    wrong = []
    for row in rows:
        name, start = row["record"], int(row["start"])
        if name not in signals:
            signals = {name: read_record(shared / "real" / "cpsc2018" / name).signal}
        image = renderer.draw(signals[name][:, start : start + 1250])
        if hashlib.sha256(image).hexdigest() != row["sha256"]:
            wrong.append(f"{name} from {start}")
    assert wrong == []


@pytest.mark.parametrize("size", FAST_SIZES)
def test_same_pixels_as_plain_matplotlib(size):
    assert_same_pixels(size, {"mixed": all_tempers_in_one(first=size % 9)})


@pytest.mark.slow
@pytest.mark.parametrize("size", SLOW_SIZES)
def test_same_pixels_at_many_sizes(size):
    mixtures = {f"mixed from {first}": all_tempers_in_one(first) for first in (0, 3, 6)}
    assert_same_pixels(size, mixtures)


@pytest.mark.slow
@pytest.mark.parametrize("temper", list(signals_of_every_temper()))
def test_same_pixels_with_one_temper_on_all_leads(temper):
    assert_same_pixels(100, {temper: signals_of_every_temper()[temper]})


def test_another_layout_is_exact_too():
    layout = Layout(rows=3, columns=1, samples=500, seconds=1.0, millivolts=(-1.5, 1.5))
    renderer = Renderer(120, layout)
    signal = np.random.default_rng(1).normal(size=(3, 500))
    np.testing.assert_array_equal(renderer.draw(signal), draw_slowly(signal, 120, layout))


def test_an_image_does_not_depend_on_the_one_before():
    signals = signals_of_every_temper()
    renderer = renderer_of(64)
    first = renderer.draw(signals["sine"])
    kept = first.copy()
    renderer.draw(signals["extreme"])
    np.testing.assert_array_equal(renderer.draw(signals["sine"]), kept)
    np.testing.assert_array_equal(first, kept, err_msg="an earlier image was written over")


def test_the_signal_is_left_as_it_was():
    signal = np.random.default_rng(2).normal(size=(12, 1250))
    before = signal.copy()
    renderer_of(64).draw(signal)
    np.testing.assert_array_equal(signal, before)


def test_settings_of_the_user_change_no_pixel_and_are_left_alone():
    signal = signals_of_every_temper()["noise"]
    expected = renderer_of(64).draw(signal)
    odd = {
        "lines.linewidth": 9,
        "lines.antialiased": False,
        "path.simplify": False,
        "path.simplify_threshold": 1.0,
        "path.snap": False,
        "agg.path.chunksize": 101,
        "axes.linewidth": 5,
        "axes.facecolor": "red",
        "axes.xmargin": 0.3,
        "axes.spines.left": False,
        "figure.facecolor": "blue",
        "figure.autolayout": True,
        "grid.linestyle": ":",
        "savefig.facecolor": "green",
        "savefig.bbox": "tight",
        "text.usetex": True,
    }
    with mpl.rc_context(odd):
        before = dict(mpl.rcParams)
        renderer = Renderer(64)
        image = renderer.draw(signal)
        assert dict(mpl.rcParams) == before
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("size", [15, 2049, 0, -800, 100.5, True])
def test_sizes_that_cannot_be_drawn(size):
    with pytest.raises(ImageError, match="from 16 to 2048"):
        Renderer(size)


@pytest.mark.parametrize(
    ("signal", "message"),
    [
        (np.zeros((11, 1250)), r"shape \(11, 1250\)"),
        (np.zeros((12, 1249)), r"12 leads of 1250 samples"),
        (np.full((12, 1250), np.nan), "not numbers"),
    ],
)
def test_signals_that_cannot_be_drawn(signal, message):
    with pytest.raises(ImageError, match=message):
        renderer_of(64).draw(signal)


def test_leads_that_a_page_does_not_show_are_left_blank():
    signal = np.random.default_rng(1).normal(0, 0.5, (12, 1250))
    renderer = Renderer(240)
    whole = renderer.draw(signal)
    signal[4] = np.nan
    signal[7, 600:] = np.nan
    image = renderer.draw(signal, gaps=True)
    middle = image[60:120, 80:160][5:-5, 5:-5]  # aVL, the fifth of 4 x 3 panels
    assert middle.min() > 150  # the grid alone
    assert whole[60:120, 80:160][5:-5, 5:-5].min() < 60
    shown, hidden = image[120:180, 80:119], image[125:175, 125:155]
    np.testing.assert_array_equal(shown[5:-5, 5:-5], whole[120:180, 80:119][5:-5, 5:-5])
    assert hidden.min() > 150
    np.testing.assert_array_equal(image[180:], whole[180:])
    signal[0, 0] = np.inf
    with pytest.raises(ImageError, match="not numbers"):
        renderer.draw(signal, gaps=True)


def test_a_coloured_layout_is_refused():
    with pytest.raises(ImageError, match="not a grey"):
        Renderer(64, Layout(rows=1, columns=1, grid_colour="#FF9999"))
    with pytest.raises(ImageError, match="not a grey"):
        Renderer(64, Layout(rows=1, columns=1, trace_colour="#0000FF"))
