"""The simulator of pages: exact maps, exact signals, and nothing that depends on order."""

import json

import numpy as np
import pytest
import wfdb
from scipy import ndimage

from ekg.errors import ConfigError
from ekg.records.record import LEADS
from ekg.seeds import generator_for
from ekg.strips.simulate import CLASSES, clean_image, layouts, simulate_page, styles
from ekg.strips.simulate.drawing import Canvas, stripes
from ekg.strips.simulate.geometry import camera, curl, map_of, relief
from ekg.strips.simulate.kinds import KINDS
from ekg.strips.simulate.page import draw_subject
from ekg.strips.simulate.page_files import PageSettings, page_name, simulate_pages
from ekg.strips.simulate.plan import plan_page
from ekg.strips.simulate.printing import print_layers
from ekg.strips.simulate.warping import to_flat, to_image

SHEET = (150.0, 100.0)


@pytest.fixture
def signal():
    """Twelve leads, each a wave of its own."""
    time = np.arange(5000) / 500
    return np.array([0.8 * np.sin(2 * np.pi * (1 + 0.1 * k) * time) for k in range(12)])


def plan_of(signal, layout="3x4+1", style="laser-pink", **options):
    generator = np.random.default_rng(3)
    return plan_page(generator, signal, layouts.BY_NAME[layout], styles.BY_NAME[style], **options)


def bent_map(number):
    generator = np.random.default_rng(number)
    view, size = camera(
        SHEET,
        6.0,
        turn=20.0,
        tilt=25.0,
        tilt_axis=40.0,
        fill=(0.9, 0.8),
        shift=(0.01, 0.02),
        distance=1.3,
    )
    bends = [relief(generator, SHEET, 3, 20), curl(generator, SHEET, 0.3, 1.3), view]
    return bends, map_of(bends, size, 16), size


@pytest.mark.parametrize("number", range(3))
def test_a_dot_on_the_page_is_found_at_the_pixel_that_the_map_names(number):
    _, page_map, size = bent_map(number)
    resolution = 12.0
    places = np.random.default_rng(number).uniform(0.15, 0.85, (12, 2)) * SHEET
    for place in places:
        canvas = Canvas(*SHEET, resolution)
        canvas.line(np.array([place, [place[0] + 1e-3, place[1]]]), 1.0)
        image = to_image(canvas.coverage(), resolution, page_map, size).astype(float)
        y, x = np.mgrid[: size[1], : size[0]] + 0.5
        found = np.array([(image * x).sum(), (image * y).sum()]) / image.sum()
        assert np.abs(found - page_map.to_pixel(place[None])[0]).max() < 0.15


def test_the_map_and_its_inverse_agree_through_folds_and_curl():
    for number in range(4):
        bends, page_map, size = bent_map(number)
        points = np.random.default_rng(9).uniform(0, 1, (3000, 2)) * SHEET
        pixels = page_map.to_pixel(points)
        inside = ((pixels > 0) & (pixels < size)).all(axis=1)
        assert inside.mean() > 0.95
        assert np.abs(page_map.to_page(pixels) - points)[inside].max() < 1e-5
        forward = points
        for bend in bends:
            forward = bend.forward(forward)
        # Between the lattice's nodes the map is bilinear, so creases are rounded a little.
        assert np.median(np.abs(forward - pixels)[inside]) < 0.05


def test_each_bend_is_undone_by_its_inverse():
    points = np.random.default_rng(1).uniform(0, 1, (500, 2)) * SHEET
    for bend in bent_map(5)[0]:
        assert np.abs(bend.backward(bend.forward(points)) - points).max() < 1e-4


def test_scaling_and_cropping_an_image_keep_its_map_true():
    _, page_map, _ = bent_map(2)
    points = np.array([[30.0, 40.0], [90.0, 70.0]])
    pixels = page_map.to_pixel(points)
    assert page_map.scaled((0.5, 0.25)).to_pixel(points) == pytest.approx(pixels * [0.5, 0.25])
    assert page_map.cropped(7, 3).to_pixel(points) == pytest.approx(pixels - [7, 3])


def test_stripes_cover_exactly_what_lies_under_them():
    covered = stripes([1.0, 2.0], 0.25, 40, 10.0)
    assert covered.sum() == pytest.approx(2 * 2.5)
    assert covered[9] == pytest.approx(1.0) and covered[8] == pytest.approx(0.25)


@pytest.mark.parametrize("style", ["laser-pink", "thermal-red", "grey-laser"])
def test_the_signal_can_be_measured_on_the_clean_page(signal, style):
    plan = plan_of(signal, style=style)
    resolution = 12.0
    for segment in plan.segments[:4] + plan.segments[-1:]:
        alone = Canvas(*plan.sheet, resolution)
        alone.line(segment.points, plan.pen)
        coverage = alone.coverage().astype(float)
        rows = (np.arange(coverage.shape[0]) + 0.5) / resolution
        for sample in range(100, len(segment.signal) - 100, 97):
            x = segment.left + sample / 500 * plan.speed
            column = coverage[:, int(x * resolution)]
            middle = (int(x * resolution) + 0.5) / resolution
            height = (segment.baseline - (rows * column).sum() / column.sum()) / plan.gain
            at = (middle - segment.left) / plan.speed * 500
            wanted = segment.sign * np.interp(at, np.arange(len(segment.signal)), segment.signal)
            assert height == pytest.approx(wanted, abs=0.02)


def test_the_truth_lies_under_the_trace_of_the_image():
    page = simulate_page("truth", 5, kind="folded", subject="ekg")
    mask = page.masks() == CLASSES.index("trace")
    hits = total = 0
    for segment in page.plan.segments:
        x = segment.left + np.arange(len(segment.signal)) / 500 * page.plan.speed
        y = segment.baseline - segment.sign * segment.signal * page.plan.gain
        pixels = np.floor(page.page_map.to_pixel(np.column_stack([x, y]))).astype(int)
        inside = ((pixels >= 0) & (pixels < page.size)).all(axis=1)
        j, i = pixels[inside].T
        hits, total = hits + mask[i, j].sum(), total + inside.sum()
    assert hits / total > 0.9


def test_a_lead_is_nan_where_the_page_does_not_show_it(signal):
    page = simulate_page(
        "columns", 1, kind="screen", layout="3x4", signal=signal, style="laser-pink", subject="ekg"
    )
    shown = np.isfinite(page.signal)
    third = page.signal.shape[1] // 4
    assert not shown[LEADS.index("V1")][: 2 * third - 60].any()
    printed = page.signal[LEADS.index("I"), 100:third]
    inside = np.isfinite(printed)
    assert inside.any()
    source = signal[0, 100:third]
    assert printed[inside] == pytest.approx(source[inside], abs=0.01)


def test_minus_avr_is_drawn_upside_down_and_kept_upright(signal):
    plan = plan_of(signal, "cabrera-3x4")
    (turned,) = [segment for segment in plan.segments if segment.lead == "aVR"]
    assert turned.sign == -1
    heights = turned.baseline - turned.points[:, 1]
    assert np.corrcoef(heights, signal[3, : len(heights)])[0, 1] < -0.9
    assert turned.signal == pytest.approx(signal[3, : len(turned.signal)], abs=0.01)
    assert [w.lead for w in plan.words if w.lead].count("-aVR") == 1


def test_the_same_name_gives_the_same_page_and_another_name_another():
    first = simulate_page("a", 3, kind="low")
    assert first.content == simulate_page("a", 3, kind="low").content
    assert first.content != simulate_page("b", 3, kind="low").content
    assert first.content != simulate_page("a", 4, kind="low").content


def test_files_do_not_depend_on_order_or_the_number_of_processes(tmp_path):
    settings = PageSettings(seed=8, kind="low")
    assert simulate_pages(tmp_path / "one", 3, settings) == (3, 0)
    simulate_pages(tmp_path / "two", 1, settings)
    assert simulate_pages(tmp_path / "two", 3, settings, jobs=2) == (2, 1)
    names = sorted(p.name for p in (tmp_path / "one").iterdir() if not p.name.startswith("."))
    for name in names:
        if name.endswith(".npz"):
            continue  # a zip file notes the time
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    other = PageSettings(seed=9, kind="low")
    with pytest.raises(ConfigError, match="holds pages simulated with"):
        simulate_pages(tmp_path / "one", 3, other)


def test_the_record_beside_a_page_is_its_signal(tmp_path):
    simulate_pages(tmp_path, 2, PageSettings(seed=8, kind="low"))
    for number in (1, 2):
        facts = json.loads((tmp_path / f"{page_name(number)}.json").read_text())
        if facts["subject"] != "ekg":
            continue
        page = simulate_page(page_name(number), 8, kind="low")
        record = wfdb.rdrecord(str(tmp_path / page_name(number)))
        assert np.array_equal(np.isfinite(record.p_signal.T), np.isfinite(page.signal))
        assert np.nanmax(np.abs(record.p_signal.T - page.signal)) < 0.001


@pytest.mark.parametrize("subject", ["table", "prose", "animal", "blank", "paper", "plot"])
def test_a_page_that_is_no_ekg_has_no_signal(subject):
    page = simulate_page("n", 2, kind="low", subject=subject)
    assert (page.plan.segments == [] and page.signal.size == 0) or np.isnan(page.signal).all()
    assert not (page.masks() == CLASSES.index("trace")).any()
    assert page.facts()["subject"] == subject


def test_a_tenth_of_the_pages_is_no_ekg():
    subjects = [draw_subject(generator_for(1, f"page/{k}/subject")) for k in range(4000)]
    assert 0.08 < np.mean([subject != "ekg" for subject in subjects]) < 0.12
    assert len(set(subjects)) == 7


def test_held_out_pages_use_only_machines_and_fonts_that_training_never_sees():
    held = {style.name for style in styles.STYLES if style.held_out}
    assert len(held) == 3 and len(styles.STYLES) == 10 and len(layouts.LAYOUTS) == 16
    assert sum(layout.held_out for layout in layouts.LAYOUTS) == 4
    for number in range(3):
        page = simulate_page(f"h{number}", 1, kind="low", held_out=True, subject="ekg")
        assert page.plan.style in held
        assert simulate_page(f"h{number}", 1, kind="low", subject="ekg").plan.style not in held


@pytest.mark.parametrize("kind", ["tilted", "copy", "photographed", "low"])
def test_flattening_by_the_map_puts_the_ink_where_the_clean_page_has_it(kind):
    page = simulate_page("flat2", 2, kind=kind, subject="ekg", finest=6.0)
    flat = to_flat(page.image, page.page_map, page.plan.sheet, 6.0).astype(float).mean(axis=2)
    trace = print_layers(page.plan, 6.0).trace / 255
    black = np.full(page.image.shape[:2], 255, dtype=np.uint8)
    seen = to_flat(black, page.page_map, page.plan.sheet, 6.0) == 255
    seen &= ndimage.binary_dilation(trace > 0.5, iterations=8)
    fits = {
        (down, across): np.corrcoef(np.roll(trace, (down, across), (0, 1))[seen], -flat[seen])[0, 1]
        for down in (-1, 0, 1)
        for across in (-1, 0, 1)
    }
    assert max(fits, key=fits.get) == (0, 0)
    assert fits[0, 0] > 0.35


def test_a_signal_that_is_too_short_or_a_name_that_does_not_exist_is_refused(signal):
    with pytest.raises(ConfigError, match="cannot fill the layout"):
        simulate_page("x", 1, signal=signal[:, :900], subject="ekg")
    with pytest.raises(ConfigError, match="unknown kind 'xerox'"):
        simulate_page("x", 1, kind="xerox")
    with pytest.raises(ConfigError, match="unknown layout"):
        simulate_page("x", 1, layout="5x5")
    assert {kind.name for kind in KINDS} == {
        "screen",
        "scan",
        "copy",
        "tilted",
        "photographed",
        "folded",
        "stained",
        "low",
    }


def test_the_clean_image_has_the_size_of_the_sheet(signal):
    plan = plan_of(signal)
    image = clean_image(plan, 4.0)
    assert image.shape == (round(plan.sheet[1] * 4), round(plan.sheet[0] * 4), 3)
