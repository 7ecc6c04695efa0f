"""Static layers kept on disk: those that matplotlib draws, or drawn again."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from ekg.images import static_layers as module
from ekg.images.layout import PAPER_LAYOUT
from ekg.images.paper_figure import draw_static_layers
from ekg.images.renderer import Renderer
from ekg.images.static_layers import PACKAGED, static_layers


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EKG_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def assert_equal(a, b):
    np.testing.assert_array_equal(a.background, b.background)
    for one, other in zip(a.panels, b.panels, strict=True):
        assert one.area == other.area
        pairs = zip((one.trace, *one.border), (other.trace, *other.border), strict=True)
        for left, right in pairs:
            assert left.pen == right.pen
            np.testing.assert_array_equal(left.vertices, right.vertices)
            np.testing.assert_array_equal(left.affine, right.affine)


def test_the_packaged_file_is_what_matplotlib_draws_now(cache):
    assert len(list(PACKAGED.iterdir())) == 1, "run ekg.images.static_layers.write_packaged"
    assert_equal(static_layers(800, PAPER_LAYOUT), draw_static_layers(800, PAPER_LAYOUT))
    assert not cache.exists(), "the packaged file was not used"


def test_another_size_is_drawn_once_and_then_read(cache, monkeypatch):
    first = static_layers(48, PAPER_LAYOUT)
    assert len(list(cache.iterdir())) == 1
    monkeypatch.setattr("ekg.images.paper_figure.draw_static_layers", None)
    assert_equal(static_layers(48, PAPER_LAYOUT), first)


@pytest.mark.parametrize("damage", ["cut", "flipped", "another key", "empty"])
def test_a_damaged_file_is_drawn_again(cache, damage):
    first = static_layers(48, PAPER_LAYOUT)
    (path,) = cache.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "flipped":
        content[len(content) // 2] ^= 1
    if damage == "another key":
        module.write(first, path, "0" * 64)
    else:
        path.write_bytes({"cut": content[:-9], "empty": b""}.get(damage, content))
    assert_equal(static_layers(48, PAPER_LAYOUT), first)
    assert module._read(path, module._key(48, PAPER_LAYOUT)) is not None, "not written again"


def test_files_belong_to_one_matplotlib_version_and_layout(cache, monkeypatch):
    static_layers(48, PAPER_LAYOUT)
    static_layers(48, dataclasses.replace(PAPER_LAYOUT, trace_width=2.0))
    monkeypatch.setattr(module, "matplotlib_version", lambda: "0.0.1")
    static_layers(48, PAPER_LAYOUT)
    assert len(list(cache.iterdir())) == 3


def test_the_version_is_that_of_the_installed_matplotlib():
    import matplotlib as mpl

    assert module.matplotlib_version() == mpl.__version__


def test_a_cache_that_cannot_be_written_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("EKG_CACHE", str(tmp_path / "file" / "cache"))
    assert Renderer(48).draw(np.zeros((12, 1250))).shape == (48, 48)


def test_drawing_imports_no_matplotlib_and_leaves_it_usable(root):
    code = """
import sys
import numpy as np
from ekg.images.renderer import Renderer
signal = np.random.default_rng(0).normal(size=(12, 1250))
image = Renderer(800).draw(signal)
assert "matplotlib" not in sys.modules
from ekg.images.reference import draw_slowly
assert (image == draw_slowly(signal)).all()
assert (Renderer(800).draw(signal) == image).all()
"""
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True)
