"""The numeric ground of the page's reader against numpy, scipy and Pillow."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from scipy import linalg, ndimage, optimize

from ekg.predict.pages import page_slices
from ekg.records.record import LEADS, Header, Record
from ekg.strips.flatten import _middle_of_seven, complete, spline_matrix
from ekg.strips.grid import enlarge
from ekg.strips.layout import describe, lead_of
from ekg.strips.picture import PictureOptions, _scale
from ekg.strips.pulses import Pulse
from ekg.strips.read import record_name
from ekg.strips.rows import _shortest
from ekg.strips.trace import _visits
from ekg.strips.words import _words
from ekg.strips.writing import write_record

RNG = np.random.default_rng([23, 1])
PICTURE = RNG.normal(0, 1, (41, 53)).astype(np.float32)
SMALL = RNG.normal(0, 1, (6, 4)).astype(np.float32)
MASK = RNG.random((37, 45)) < 0.45
LINE = RNG.normal(0, 1, 61)
BITS = RNG.random(200) < 0.2
COST = RNG.random((7, 11))
INK = np.clip(RNG.normal(0.1, 0.4, (60, 80)), 0, 1).astype(np.float32)
HIDDEN = RNG.random(INK.shape) < 0.05


def plane(values, kind="Float32Array"):
    return {"plane": np.asarray(values).astype(float).tolist(), "kind": kind}


def line(values):
    return {"line": [None if one is None else float(one) for one in values]}


def mask(values):
    return plane(values, "Uint8Array")


def told(value):
    """What node printed, as arrays."""
    if isinstance(value, dict):
        if set(value) == {"plane"}:
            return np.array(value["plane"], float)
        if set(value) == {"line"}:
            return np.array([np.nan if one is None else one for one in value["line"]], float)
        return {key: told(one) for key, one in value.items()}
    return [told(one) for one in value] if isinstance(value, list) else value


def opening(values, size):
    return ndimage.grey_opening(values, (size, size))


def labelled(values, structure):
    labels, count = ndimage.label(values, structure)
    return {"labels": labels, "count": count}


def banded(diagonal, first, second, right):
    return linalg.solveh_banded(np.stack([diagonal, first, second]), right, lower=True)


def closed_line(values, size):
    return ndimage.binary_closing(values, np.ones(size))


FILTERS, SHAPES, ARRAYS = "filters.js", "shapes.js", "arrays.js"
POSITIVE = (RNG.random(40) + 3, RNG.random(40) - 0.5, RNG.random(40) - 0.5, LINE[:40])
CASES = {
    "quantiles": [
        (ARRAYS, "quantile", [line(LINE), share], lambda share=share: np.quantile(LINE, share))
        for share in (0.0, 0.25, 0.6, 0.98, 1.0)
    ],
    "medians": [
        (ARRAYS, "median", [line(LINE[:n])], lambda n=n: np.median(LINE[:n])) for n in (1, 8, 9)
    ],
    "halves go to even numbers": [
        (ARRAYS, "rint", [x], lambda x=x: np.rint(x))
        for x in (0.5, 1.5, 2.5, -0.5, -1.5, 2.49, -2.51, 7.0)
    ],
    "interpolation": [
        (
            ARRAYS,
            "interpolated",
            [line(np.linspace(-1, 9, 57)), line(np.arange(8)), line(LINE[:8])],
            lambda: np.interp(np.linspace(-1, 9, 57), np.arange(8), LINE[:8]),
        )
    ],
    "sums in windows": [
        (
            ARRAYS,
            "windowSums",
            [line(LINE), 7],
            lambda: np.convolve(LINE, np.ones(7), mode="same"),
        ),
        (
            ARRAYS,
            "windowSums",
            [line(LINE), 30],
            lambda: np.convolve(LINE, np.ones(30), mode="same"),
        ),
    ],
    "slopes": [(ARRAYS, "gradient", [line(LINE)], lambda: np.gradient(LINE))],
    "correlation": [
        (
            ARRAYS,
            "correlation",
            [line(LINE), line(LINE[::-1])],
            lambda: np.corrcoef(LINE, LINE[::-1])[0, 1],
        )
    ],
    "means": [
        (
            FILTERS,
            "uniformFilter",
            [plane(PICTURE), size],
            lambda size=size: ndimage.uniform_filter(PICTURE, size),
        )
        for size in (3, 4, 5)
    ],
    "means of lines": [
        (
            FILTERS,
            "uniformLine",
            [line(LINE), size],
            lambda size=size: ndimage.uniform_filter1d(LINE, size),
        )
        for size in (1, 5, 12, 13, 80)
    ],
    "extremes": [
        (
            FILTERS,
            name,
            [plane(PICTURE), size, axis],
            lambda of=of, size=size, axis=axis: of(PICTURE, size, axis=axis),
        )
        for name, of in (
            ("maximumAlong", ndimage.maximum_filter1d),
            ("minimumAlong", ndimage.minimum_filter1d),
        )
        for size in (1, 3, 4, 27, 60)
        for axis in (0, 1)
    ],
    "opening": [
        (FILTERS, "greyOpening", [plane(PICTURE), size], lambda size=size: opening(PICTURE, size))
        for size in (3, 9)
    ],
    "ranks": [
        (
            FILTERS,
            "rankFilter",
            [plane(SMALL), 5, 12, "nearest"],
            lambda: ndimage.median_filter(SMALL, 5, mode="nearest"),
        ),
        (
            FILTERS,
            "rankFilter",
            [plane(PICTURE), 5, 18],
            lambda: ndimage.percentile_filter(PICTURE, 75, size=5),
        ),
        (FILTERS, "medianLine", [line(LINE), 7], lambda: ndimage.median_filter(LINE, 7)),
    ],
    "bells": [
        (
            FILTERS,
            "gaussianFilter",
            [plane(SMALL), 0.8],
            lambda: ndimage.gaussian_filter(SMALL, 0.8),
        ),
        (
            FILTERS,
            "gaussianLine",
            [line(LINE), 0.8, True],
            lambda: ndimage.gaussian_filter1d(LINE, 0.8, mode="wrap"),
        ),
    ],
    "samples between pixels": [
        (
            FILTERS,
            "sampledAt",
            [plane(PICTURE), line(17 * LINE + 20), line(17 * LINE[::-1] + 20)],
            lambda: ndimage.map_coordinates(
                PICTURE, (17 * LINE[::-1] + 20, 17 * LINE + 20), order=1, mode="nearest"
            ),
        )
    ],
    "labels": [
        (
            SHAPES,
            "labelled",
            [mask(MASK), corners],
            lambda corners=corners: labelled(MASK, np.ones((3, 3)) if corners else None),
        )
        for corners in (True, False)
    ],
    "growing and closing": [
        (
            SHAPES,
            "dilated",
            [mask(MASK), 2],
            lambda: ndimage.binary_dilation(MASK, iterations=2),
        ),
        (
            SHAPES,
            "dilated",
            [mask(MASK), 2, True],
            lambda: ndimage.binary_dilation(MASK, np.ones((3, 3)), iterations=2),
        ),
        (SHAPES, "closed", [mask(MASK), 3], lambda: ndimage.binary_closing(MASK, iterations=3)),
        (
            SHAPES,
            "dilatedLine",
            [line(BITS), 5],
            lambda: ndimage.binary_dilation(BITS, np.ones(5)),
        ),
        (SHAPES, "closedLine", [line(BITS), 7], lambda: closed_line(BITS, 7)),
        (SHAPES, "closedLine", [line(BITS), 48], lambda: closed_line(BITS, 48)),
    ],
    "spectra": [
        (
            "fourier.js",
            "magnitudes",
            [plane(PICTURE[:30, :30]), size],
            lambda size=size: np.abs(np.fft.rfft2(PICTURE[:30, :30], (size, size))),
        )
        for size in (64, 60, 74)
    ],
    "systems": [
        (
            "linear.js",
            "solved",
            [COST[:, :7].tolist(), LINE[:7].tolist()],
            lambda: np.linalg.solve(COST[:, :7], LINE[:7]),
        ),
        (
            "linear.js",
            "solvedBanded",
            [line(values) for values in POSITIVE],
            lambda: banded(*POSITIVE),
        ),
    ],
    "cheapest pairs": [
        (
            "linear.js",
            "cheapestPairs",
            [cost.tolist()],
            lambda cost=cost: np.stack(optimize.linear_sum_assignment(cost), axis=1),
        )
        for cost in (COST, COST.T, COST[:, :7])
    ],
}


@pytest.mark.parametrize("name", CASES)
def test_a_numeric_function_is_that_of_the_libraries(run_node, strips_page, name):
    calls = [
        {"module": f"strips/numeric/{module}", "name": function, "args": args}
        for module, function, args, _ in CASES[name]
    ]
    answers = run_node("call.mjs", {"page": str(strips_page), "calls": calls})
    for (_, function, args, expected), answer in zip(CASES[name], answers, strict=True):
        check(told(answer), expected(), f"{function} {args[1:]}")


def check(found, expected, what):
    if isinstance(expected, dict):
        for key, value in expected.items():
            check(found[key], value, what)
        return
    expected = np.asarray(expected, float)
    found = np.asarray(found, float).reshape(expected.shape)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-5, err_msg=what)


def call(run_node, page, module, name, *args):
    given = {"page": str(page), "calls": [{"module": module, "name": name, "args": list(args)}]}
    return told(run_node("call.mjs", given)[0])


def test_numbers_are_resized_as_pillow_does(run_node, strips_page):
    for rows, columns in ((20, 33), (70, 60), (5, 80)):
        size = (columns, rows)
        expected = np.asarray(Image.fromarray(PICTURE).resize(size, Image.Resampling.BILINEAR))
        found = call(
            run_node,
            strips_page,
            "strips/numeric/pillow.js",
            "resized",
            plane(PICTURE),
            rows,
            columns,
        )
        np.testing.assert_allclose(found.reshape(rows, columns), expected, atol=1e-5)


@pytest.mark.parametrize("factor", [2, 3, 5, 7])
def test_a_picture_is_reduced_to_pillow_s_bytes(run_node, strips_page, factor):
    rgb = RNG.integers(0, 256, (37, 52, 3), dtype=np.uint8)
    expected = np.asarray(Image.fromarray(rgb).reduce(factor))
    picture = {"width": 52, "height": 37, "data": rgb.ravel().tolist()}
    found = call(run_node, strips_page, "strips/numeric/pillow.js", "reduced", picture, factor)
    assert found["data"].reshape(expected.shape).tolist() == expected.tolist()


def test_a_picture_is_straightened_as_pillow_does(run_node, strips_page):
    rgb = RNG.integers(0, 256, (37, 52, 3), dtype=np.uint8)
    eight = [0.7, 0.1, 3.0, -0.05, 0.9, -2.0, 0.001, -0.002]
    expected = np.asarray(
        Image.fromarray(rgb).transform(
            (60, 44), Image.Transform.PERSPECTIVE, eight, Image.Resampling.BILINEAR
        )
    )
    picture = {"width": 52, "height": 37, "data": rgb.ravel().tolist()}
    found = call(
        run_node, strips_page, "strips/numeric/pillow.js", "straightened", picture, 60, 44, eight
    )
    off = np.abs(found["data"].reshape(expected.shape) - expected)
    assert off.max() <= 1 and (off > 0).mean() < 1e-3


def test_splines_are_scipy_s(run_node, strips_page):
    found = call(
        run_node, strips_page, "strips/numeric/linear.js", "splineCoefficients", line(LINE[:9])
    )
    expected = ndimage.spline_filter1d(LINE[:9], order=3, mode="mirror")
    np.testing.assert_allclose(found, expected, atol=1e-12)
    places = spline_matrix(9, np.arange(9.0)) @ LINE[:9]
    np.testing.assert_allclose(places, LINE[:9], atol=1e-12)


def test_blocks_are_enlarged_as_in_python(run_node, strips_page):
    found = call(run_node, strips_page, "strips/grid.js", "enlarge", plane(SMALL), 50, 30, 9, 7)
    np.testing.assert_allclose(found, enlarge(SMALL, (50, 30), (9, 7)), atol=1e-6)


def test_the_grid_of_a_flat_page_is_the_median_of_its_cells(run_node, strips_page):
    from ekg.strips.flatten import grid_of

    dark = RNG.normal(0, 1, (97, 131)).astype(np.float32)
    found = call(run_node, strips_page, "strips/flatten.js", "gridOf", plane(dark), 2.0)
    np.testing.assert_array_equal(found.astype(np.float32), grid_of(dark, 2.0))
    seven = [RNG.normal(0, 1, (3, 4)) for _ in range(7)]
    np.testing.assert_array_equal(_middle_of_seven(list(seven)), np.median(seven, axis=0))


def test_missing_nodes_are_filled_alike(run_node, strips_page):
    places = np.stack(np.meshgrid(np.arange(6.0) * 30, np.arange(5.0) * 31), axis=2)
    places += RNG.normal(0, 1, places.shape)
    places[1:3, 2] = places[4, 5] = np.nan
    lattice = {
        "rows": 5,
        "columns": 6,
        **{
            axis: {"line": [None if np.isnan(one) else float(one) for one in values.ravel()]}
            for axis, values in zip("xy", np.moveaxis(places, 2, 0), strict=True)
        },
    }
    given = {
        "page": str(strips_page),
        "calls": [{"module": "strips/flatten.js", "name": "complete", "args": [lattice]}],
    }
    found = told(run_node("call.mjs", given)[0])
    expected = complete(places)
    np.testing.assert_allclose(found["x"].reshape(expected.shape[:2]), expected[..., 0])
    np.testing.assert_allclose(found["y"].reshape(expected.shape[:2]), expected[..., 1])


def test_both_searches_for_a_path_take_the_same_steps(run_node, strips_page):
    rough = call(run_node, strips_page, "strips/rows.js", "shortest", plane(INK), 25)
    assert rough.tolist() == _shortest(INK, 25).tolist()
    ends = call(run_node, strips_page, "strips/trace.js", "visits", plane(INK), mask(HIDDEN))
    assert ends.tolist() == _visits(INK, HIDDEN).tolist()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_turned_as_its_orientation_says(run_node, strips_page, orientation):
    rgb = RNG.integers(0, 256, (7, 5, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(rgb)
    image.info["exif"] = exif.tobytes()
    expected = np.asarray(ImageOps.exif_transpose(image))
    picture = {"width": 5, "height": 7, "data": rgb.ravel().tolist()}
    found = call(run_node, strips_page, "strips/intake.js", "upright", picture, orientation)
    assert (found["height"], found["width"]) == expected.shape[:2]
    data = found["data"]
    assert np.asarray(data).reshape(expected.shape).tolist() == expected.tolist()


@pytest.mark.parametrize("turns", range(4))
def test_a_page_is_turned_by_quarters_alike(run_node, strips_page, turns):
    found = call(run_node, strips_page, "strips/picture.js", "turned", plane(SMALL), turns)
    np.testing.assert_array_equal(found.astype(np.float32), np.rot90(SMALL, -turns))


def test_words_and_layouts_are_named_alike(run_node, strips_page):
    texts = [
        "V1",
        " aVR ",
        "Lead II",
        "C4",
        "abl. I",
        "\N{MINUS SIGN}aVR",
        "V7",
        "V3R",
        "x",
        "Miller",
    ]
    rows = [
        [["I", "aVR", "V1", "V4"], ["II", "aVL", "V2", "V5"], ["III", "aVF", "V3", "V6"], ["V1"]],
        [["I", "V1"], ["II", "V2"], ["III"]],
        [],
    ]
    boxes = [[0, 5, 0, 12], [7, 12, 1, 12], [40, 52, 0, 20], [50, 58, 30, 44], [6, 9, 20, 33]]
    files = ["my photo.jpg", "EKG \N{LATIN SMALL LETTER E WITH ACUTE}.b.png", ".png", "a-b_1"]
    calls = [
        *(("strips/layout.js", "leadOf", [text]) for text in texts),
        *(("strips/layout.js", "describe", [one]) for one in rows),
        ("strips/words.js", "joined", [boxes]),
        *(("strips/read.js", "recordName", [name]) for name in files),
    ]
    given = [{"module": module, "name": name, "args": args} for module, name, args in calls]
    found = run_node("call.mjs", {"page": str(strips_page), "calls": given})
    expected = [
        *map(lead_of, texts),
        *map(describe, rows),
        [list(word) for word in _words([tuple(box) for box in boxes])],
        *(record_name(Path(name)) for name in files),
    ]
    assert found == expected


def test_a_recording_is_saved_and_cut_as_in_python(run_node, strips_page, tmp_path):
    signal = RNG.normal(0, 0.5, (12, 5010))
    for lead in range(12):
        column = lead // 3
        if lead != 1:
            signal[lead, : 1252 * column] = signal[lead, 1252 * column + 1240 :] = np.nan
    header = Header("page", tmp_path / "page", LEADS, 500.0, 5010, (), ())
    record = Record(header=header, signal=signal, sampling_frequency=500.0)
    write_record(record, tmp_path)
    rows = [line([None if np.isnan(one) else one for one in row]) for row in signal]
    slicing = {"rate": 500, "length": 1250}
    calls = [
        {"module": "strips/writing.js", "name": "recordFiles", "args": ["page", rows]},
        {"module": "recording/page_slices.js", "name": "pageSlices", "args": [rows, slicing, "a"]},
    ]
    saved, slices = told(run_node("call.mjs", {"page": str(strips_page), "calls": calls}))
    assert saved["header"].split() == (tmp_path / "page.hea").read_text().split()
    assert bytes(saved["data"].astype(np.uint8)) == (tmp_path / "page.dat").read_bytes()
    expected = page_slices(record)
    assert len(slices) == len(expected)
    for found, wanted in zip(slices, expected, strict=True):
        np.testing.assert_array_equal(np.array(found["signal"]), wanted.signal)
        assert [begin / 500 for begin in found["begins"]] == list(wanted.begins)
        assert found["warnings"] == list(wanted.warnings)


@pytest.mark.parametrize(
    "heights", [[], [10.0], [10.9], [5.0], [4.9, 5.1], [19.0, 21.0], [6.2, 6.1]]
)
def test_pulses_tell_the_gain_alike(run_node, strips_page, heights):
    feet = [{"top": 0, "foot": height * 6} for height in heights]
    found = call(run_node, strips_page, "strips/picture.js", "scaleOf", feet, {"speed": 50})
    pulses = [Pulse(0, 0, 0, 0, foot["foot"], 1.0) for foot in feet]
    scale, warnings = _scale(pulses, PictureOptions(speed=50))
    assert found["warnings"] == warnings
    assert (found["scale"]["gain"], found["scale"]["gainSource"]) == (scale.gain, scale.gain_source)
    assert found["scale"]["speedSource"] == scale.speed_source
