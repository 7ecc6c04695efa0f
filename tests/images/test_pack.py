"""The packed images: the same pixels, kept in step with the set."""

import numpy as np
import pytest

from ekg.errors import ImageError
from ekg.images import drawing_run
from ekg.images.image_set import make_image_set, read_image, read_manifest
from ekg.images.pack import open_pack
from ekg.images.record_images import ImageSetConfig

SMALL = ImageSetConfig(size=32)


def assert_pack_equals_images(out) -> None:
    images, index = open_pack(out)
    assert images.dtype == np.uint8
    assert isinstance(images, np.memmap)
    assert index.equals(read_manifest(out))
    assert images.shape == (len(index), 32, 32)
    for image, name in zip(images, index["image"], strict=True):
        np.testing.assert_array_equal(image, read_image(out / name))


@pytest.fixture
def drawn(monkeypatch):
    names = []
    original = drawing_run.draw_record

    def noting(job):
        names.append(job.header.stem)
        return original(job)

    monkeypatch.setattr(drawing_run, "draw_record", noting)
    return names


def test_pixels_equal_the_single_images(records, tmp_path):
    make_image_set(records, tmp_path / "set", SMALL, pack=True)
    assert_pack_equals_images(tmp_path / "set")
    images, _ = open_pack(tmp_path / "set")
    assert not images.flags.writeable


def test_a_pack_can_be_added_later_without_touching_the_images(records, tmp_path):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL)
    times = {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}
    make_image_set(records, out, SMALL, pack=True)
    assert_pack_equals_images(out)
    assert times == {path: path.stat().st_mtime_ns for path in out.rglob("*.png")}


def test_without_single_images(records, tmp_path):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL, png=False, pack=True)
    assert not list(out.rglob("*.png"))
    images, index = open_pack(out)
    assert len(images) == len(index) > 0
    make_image_set(records, out, SMALL, pack=True)
    assert_pack_equals_images(out)


def test_a_changed_record_changes_the_pack(records, tmp_path, write_record):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL, pack=True)
    write_record(records, "S2", "AF", samples=8000)
    make_image_set(records, out, SMALL, pack=True)
    assert_pack_equals_images(out)


def test_a_pack_that_would_be_out_of_date_is_removed(records, tmp_path, write_record):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL, pack=True)
    make_image_set(records, out, SMALL)
    assert_pack_equals_images(out)  # nothing changed: it stays
    write_record(records, "S2", "AF", samples=8000)
    make_image_set(records, out, SMALL)
    with pytest.raises(ImageError, match=r"no finished pack.*--pack"):
        open_pack(out)


def test_an_open_pack_outlives_a_new_one(records, tmp_path):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL, pack=True)
    images, _ = open_pack(out)
    before = images.copy()
    make_image_set(records, out, SMALL, pack=True, limit=2)
    np.testing.assert_array_equal(images, before)


def test_a_damaged_pack_is_drawn_again(records, tmp_path, drawn):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL, pack=True)
    with open(out / "pack.npy", "r+b") as stream:
        stream.truncate(5000)
    with pytest.raises(ImageError, match="corrupt"):
        open_pack(out)
    drawn.clear()
    make_image_set(records, out, SMALL, pack=True)
    assert_pack_equals_images(out)
    assert len(drawn) == 8


def test_index_and_pack_of_different_sets(records, tmp_path):
    make_image_set(records, tmp_path / "a", SMALL, pack=True)
    make_image_set(records, tmp_path / "b", SMALL, pack=True, limit=1)
    (tmp_path / "a" / "pack.npy").write_bytes((tmp_path / "b" / "pack.npy").read_bytes())
    with pytest.raises(ImageError, match="the index has"):
        open_pack(tmp_path / "a")
