"""A record that could not be read once, and can be read now."""

import os

import numpy as np
import pytest

from ekg.images.image_set import make_image_set
from ekg.images.record_images import ImageSetConfig

CONFIG = ImageSetConfig(size=64)


@pytest.fixture
def sound(records):
    """The files of one record, so that they can be put back with their time of change."""
    return {path: (path.read_bytes(), path.stat()) for path in records.glob("S2.*")}


def put_back(files):
    for path, (content, status) in files.items():
        path.write_bytes(content)
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def damage_header(files):
    for path in files:
        if path.suffix == ".hea":
            path.write_bytes(path.read_bytes().replace(b"1000/mV", b"1000/mU"))


def damage_diagnosis(files):
    for path in files:
        if path.suffix == ".hea":
            path.write_bytes(path.read_bytes().replace(b"#Dx: AF", b"#Dx: AG"))


@pytest.mark.parametrize("damage", [damage_header, damage_diagnosis])
def test_a_repaired_record_is_drawn_even_if_size_and_time_are_as_before(
    records, tmp_path, sound, damage
):
    damage(sound)
    put_back({path: (path.read_bytes(), status) for path, (_, status) in sound.items()})
    assert make_image_set(records, tmp_path / "set", CONFIG, pack=True).skipped == 1
    put_back(sound)
    assert make_image_set(records, tmp_path / "set", CONFIG, pack=True).skipped == 0
    make_image_set(records, tmp_path / "fresh", CONFIG, pack=True)
    for name in ("manifest.csv", "records.csv"):
        assert (tmp_path / "set" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
    packs = [np.load(tmp_path / folder / "pack.npy") for folder in ("set", "fresh")]
    assert np.array_equal(*packs)


def test_a_record_that_stays_damaged_costs_no_new_drawing(records, tmp_path, sound, monkeypatch):
    damage_header(sound)
    make_image_set(records, tmp_path / "set", CONFIG, pack=True)
    monkeypatch.setattr(
        "ekg.images.image_set.draw_record", lambda job: pytest.fail(f"{job.header} drawn again")
    )
    assert make_image_set(records, tmp_path / "set", CONFIG, pack=True).skipped == 1
