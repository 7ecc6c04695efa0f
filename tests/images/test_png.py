"""Single images as PNG files: exact, grey, never half-written."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ekg.errors import ImageError
from ekg.files import is_temporary
from ekg.images.png import read_image, write_png


@pytest.mark.parametrize("shape", [(20, 20), (1, 1), (3, 700)])
def test_png_files_are_grey_and_exact(tmp_path, shape):
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    size = write_png(tmp_path / "a.png", image)
    assert (tmp_path / "a.png").stat().st_size == size
    with Image.open(tmp_path / "a.png") as stored:
        stored.verify()  # checks every checksum
    with Image.open(tmp_path / "a.png") as stored:
        assert stored.mode == "L"
        np.testing.assert_array_equal(np.asarray(stored), image)
    write_png(tmp_path / "b.png", np.asfortranarray(image))
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "a.png").read_bytes()


def test_a_failed_write_leaves_nothing(tmp_path, monkeypatch):
    seen = []
    write = Path.write_bytes

    def fail(self, data):
        seen.append(self)
        write(self, data[:10])
        raise OSError("disk full")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(OSError, match="disk full"):
        write_png(tmp_path / "a.png", np.zeros((4, 4), np.uint8))
    assert list(tmp_path.iterdir()) == []
    assert is_temporary(seen[0]), "what a killed process leaves is found and removed"


def test_images_that_cannot_be_used(tmp_path):
    with pytest.raises(ImageError, match="image not found"):
        read_image(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(ImageError, match="not a usable image"):
        read_image(tmp_path / "text.png")
    Image.new("L", (30, 20)).save(tmp_path / "oblong.png")
    with pytest.raises(ImageError, match="30 x 20 pixels, not a square"):
        read_image(tmp_path / "oblong.png")
    Image.new("L", (30, 30)).save(tmp_path / "square.png")
    with pytest.raises(ImageError, match="30 x 30 pixels, not 20 x 20"):
        read_image(tmp_path / "square.png", 20)
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    write_png(tmp_path / "cut.png", noise)
    data = (tmp_path / "cut.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImageError, match="corrupt"):
        read_image(tmp_path / "cut.png")


def test_colours_become_grey_as_in_the_paper(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, (16, 16, 4), dtype=np.uint8)
    Image.fromarray(colours).save(tmp_path / "c.png")
    red, green, blue = (colours[..., i].astype(np.int64) for i in range(3))
    expected = (19595 * red + 38470 * green + 7471 * blue + 32768) >> 16
    np.testing.assert_array_equal(read_image(tmp_path / "c.png"), expected)
