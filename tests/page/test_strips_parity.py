"""What the page's reader reads from pictures of printed pages, against the Python reader."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFilter

from tests.page import strip_stages
from tests.strips.strip_pages import figure_of, pixels_of, save_pdf, twelve_leads

pytestmark = pytest.mark.slow


def photograph(page):
    """The page tilted, on a desk, badly lit, unsharp and noisy."""
    photo = Image.fromarray(page).rotate(7, Image.Resampling.BICUBIC, True, fillcolor=(90, 70, 50))
    photo = np.asarray(photo.filter(ImageFilter.GaussianBlur(0.7))).astype(float)
    photo *= np.linspace(1.0, 0.6, photo.shape[1])[None, :, None]
    photo += np.random.default_rng([23, 2]).normal(0, 4, photo.shape)
    return np.clip(photo, 0, 255).astype(np.uint8)


def drawn(dpi, **options):
    """A small page: 5 s, so that the tests take little time."""
    page = pixels_of(figure_of(twelve_leads(5.0), **options), dpi=dpi)
    return np.ascontiguousarray(page[:, : round(160 / 25.4 * dpi)])


@pytest.fixture(scope="module")
def photo():
    return photograph(drawn(120))


@pytest.fixture(scope="module")
def read(run_node, strips_page, modules, root, tmp_path_factory):
    """Read pictures, or PDFs, in node."""

    def run(pictures, stages=(), options=None):
        given = []
        for rgb in pictures:
            folder = tmp_path_factory.mktemp("picture")
            if isinstance(rgb, Path):
                given.append({"pdf": str(rgb), "out": str(folder)})
                continue
            rgb.tofile(folder / "pixels.rgb")
            given.append(
                {
                    "pixels": str(folder / "pixels.rgb"),
                    "width": rgb.shape[1],
                    "height": rgb.shape[0],
                    "stages": list(stages),
                    "out": str(folder),
                    "options": options,
                }
            )
        answers = run_node(
            "strips.mjs",
            {
                "page": str(strips_page),
                "runtime": str(modules / "node_modules" / "onnxruntime-web"),
                "pdfjs": str(modules / "node_modules" / "pdfjs-dist"),
                "networks": str(root / "ekg" / "strips" / "networks"),
                "pictures": given,
            },
        )
        return [(answer, one["out"]) for answer, one in zip(answers, given, strict=True)]

    return run


def test_a_photograph_is_read_as_by_the_python_reader_stage_by_stage(read, photo):
    ((answer, folder),) = read([photo], stages=["grid", "ink"], options={})
    expected = strip_stages.grid_stages(photo) | strip_stages.ink_stages(photo)
    near = {"flat": 0.05}
    for name, values in expected.items():
        values = np.asarray(values, np.float64)
        found = np.fromfile(f"{folder}/{name}.f32", np.float32).reshape(values.shape)
        assert (np.isnan(found) == np.isnan(values)).all(), name
        off = np.abs(found - values)
        assert np.nanquantile(off, 0.999) < near.get(name, 1e-3), name
    expected = strip_stages.reading_of(photo)
    assert expected["layout"] == "3x4+1" and expected["namesSource"] == "picture"
    compare(expected, answer, folder)


def test_what_the_user_says_counts_and_refusals_are_worded_alike(read):
    unnamed = np.rot90(drawn(110, names=False), 2)
    given = {"layout": "3x4+1", "speed": 50, "gain": 5}
    bare = drawn(100, grid=None)
    tasks = [(np.ascontiguousarray(unnamed), given), (bare, {})]
    found = [read([rgb], options=options)[0] for rgb, options in tasks]
    expected = [strip_stages.reading_of(rgb, **options) for rgb, options in tasks]
    assert ["refused" in one for one in expected] == [False, True]
    for one, (answer, folder) in zip(expected, found, strict=True):
        compare(one, answer, folder)


def test_a_vector_pdf_is_read_as_by_the_python_reader(read, tmp_path):
    save_pdf(figure_of(twelve_leads()), tmp_path / "report.pdf")
    ((answer, folder),) = read([tmp_path / "report.pdf"])
    expected = strip_stages.pdf_reading_of(tmp_path / "report.pdf")
    assert expected["layout"] == "3x4+1"
    compare(expected, answer, folder)


def test_every_vector_pdf_of_a_machine_is_read_alike(read, shared):
    paths = sorted((shared / "strips" / "pages").glob("*.pdf"))
    for path, (answer, folder) in zip(paths, read(paths), strict=True):
        expected = strip_stages.pdf_reading_of(path)
        if expected is None:
            assert answer == {"raster": True}, path.name
            continue
        compare(expected, answer, folder)


def compare(expected, answer, folder):
    """Compare a reading with Python's: signals within 0.01 mV, all else alike."""
    if "refused" in expected:
        assert answer["refused"] == expected["refused"]
        assert answer["remedy"] == expected["remedy"]
        return
    assert "refused" not in answer, answer
    for key in ("traces", "layout", "namesSource", "warnings", "scale", "refusedLeads"):
        assert answer[key] == expected[key], key
    assert answer["facts"] == pytest.approx(expected["facts"], abs=0.011)
    assert answer["confidence"] == pytest.approx(expected["confidence"], abs=0.01)
    signal = expected["signal"]
    found = np.fromfile(f"{folder}/signal.f64").reshape(signal.shape)
    assert (np.isnan(found) != np.isnan(signal)).mean() < 0.002
    off = np.abs(found - signal)
    assert np.mean(off[np.isfinite(off)] <= 0.01) >= 0.995
