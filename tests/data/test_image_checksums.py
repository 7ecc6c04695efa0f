"""Images that have changed since they were drawn."""

import shutil

import numpy as np
import pytest
from PIL import Image

from ekg.data.image_sources import open_source
from ekg.errors import ImageError
from ekg.images.image_set import make_image_set, read_manifest
from ekg.images.record_images import ImageSetConfig
from ekg.simulator.record_files import SimulationSettings, write_record

SIZE = 64


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("checksums")
    for name in ("S0001", "S0002"):
        write_record(folder / "records", name, SimulationSettings(classes=("AF",)))
    make_image_set(folder / "records", folder / "set", ImageSetConfig(size=SIZE), pack=True)
    return folder / "set"


def change_pack(folder):
    pack = np.load(folder / "pack.npy", mmap_mode="r+")
    pack[3, 40, 17] ^= 4
    pack.flush()


def change_png(folder):
    path = folder / read_manifest(folder)["image"][3]
    pixels = np.array(Image.open(path))
    pixels[40, 17] ^= 4
    Image.fromarray(pixels).save(path)


@pytest.mark.parametrize(("kind", "change"), [("pack", change_pack), ("png", change_png)])
def test_one_bit_of_one_pixel_is_noticed(drawn, tmp_path, kind, change):
    folder = tmp_path / "set"
    shutil.copytree(drawn, folder)
    rows = read_manifest(folder)
    whole = open_source(folder, rows, size=SIZE, source=kind)
    everything = whole.read(np.arange(len(rows)), 0)
    change(folder)
    source = open_source(folder, rows, size=SIZE, source=kind)
    others = np.array([row for row in range(len(rows)) if row != 3])
    assert np.array_equal(source.read(others, 0), everything[others])
    with pytest.raises(ImageError, match=r"(pack\.npy|_PIL\.png): the pixels of all/AF/S0"):
        source.read(np.array([3]), 0)


def test_each_image_is_asked_once(drawn, monkeypatch):
    rows = read_manifest(drawn)
    source = open_source(drawn, rows, size=SIZE, source="pack")
    source.read(np.arange(len(rows)), 0)
    monkeypatch.setattr(
        "ekg.data.image_sources.hashlib.sha256", lambda data: pytest.fail("asked again")
    )
    source.read(np.arange(len(rows)), 1)


def test_sets_without_checksums_are_read(drawn):
    rows = read_manifest(drawn)
    for table in (rows.assign(sha256=""), rows.drop(columns="sha256")):
        assert len(open_source(drawn, table, size=SIZE, source="pack").read(np.arange(2), 0)) == 2
