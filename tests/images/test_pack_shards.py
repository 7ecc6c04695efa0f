"""A pack in shards, as a cluster writes it: the same pixels in several files."""

from concurrent.futures import BrokenExecutor

import numpy as np
import pytest

from ekg.data.image_sources import open_source
from ekg.errors import ImageError
from ekg.images import drawing_run, image_set, pack_shards
from ekg.images.image_set import make_image_set
from ekg.images.manifest import read_manifest
from ekg.images.pack import has_pack, open_pack, pack_files
from ekg.workers import Workers
from tests.images.tiny_set import SMALL

NAMES = [f"pack-{number:06d}.npy" for number in range(3)]


@pytest.fixture
def draw(records, monkeypatch):
    """Draw the set as on a cluster, by processes of this machine: eight records, three shards."""
    monkeypatch.setattr(pack_shards, "SHARD_RECORDS", 3)
    monkeypatch.setattr(image_set, "open_workers", lambda jobs, _, *start: Workers(jobs, *start))

    def drawn(out, jobs=1, scheduler="tcp://here:1"):
        return make_image_set(records, out, SMALL, jobs=jobs, pack=True, scheduler=scheduler)

    return drawn


@pytest.mark.parametrize("jobs", [1, 2])
def test_shards_hold_the_pixels_of_one_file(draw, tmp_path, jobs):
    draw(tmp_path / "one", scheduler=None)
    draw(tmp_path / "shards", jobs)
    assert [path.name for path in pack_files(tmp_path / "shards")] == NAMES
    for name in ("manifest.csv", "records.csv", "pack.csv"):
        assert (tmp_path / "shards" / name).read_bytes() == (tmp_path / "one" / name).read_bytes()
    one, index = open_pack(tmp_path / "one")
    images, same = open_pack(tmp_path / "shards")
    assert same.equals(index) and images.shape == one.shape and has_pack(tmp_path / "shards", 32)
    np.testing.assert_array_equal(np.stack([images[place] for place in range(len(images))]), one)
    np.testing.assert_array_equal(np.stack(list(images)), one)
    assert not list((tmp_path / "shards").glob(".pack-raw"))


def test_training_reads_shards(draw, tmp_path):
    draw(tmp_path / "shards")
    rows = read_manifest(tmp_path / "shards")
    sources = [open_source(tmp_path / "shards", rows, size=32, source=s) for s in ("auto", "png")]
    chosen = np.array([len(rows) - 1, 0, 5])
    packed, single = (source.read(chosen, 0) for source in sources)
    np.testing.assert_array_equal(packed, single)


def test_an_interrupted_set_keeps_its_whole_shards(draw, tmp_path, monkeypatch):
    draw(tmp_path / "fresh")
    out, original, drawn = tmp_path / "set", drawing_run.draw_record, []

    def interrupted(job):
        if len(drawn) == 5:
            raise KeyboardInterrupt
        drawn.append(job.header.stem)
        return original(job)

    with monkeypatch.context() as patch:
        patch.setattr(drawing_run, "draw_record", interrupted)
        patch.setattr(pack_shards, "_UNDER_WAY", 0)
        with pytest.raises(KeyboardInterrupt):
            draw(out)
    first = (out / NAMES[0]).stat().st_ino
    assert not pack_files(out), "it is not finished"
    draw(out, scheduler=None)
    assert (out / NAMES[0]).stat().st_ino == first
    for name in (*NAMES, "pack.csv", "manifest.csv"):
        assert (out / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
    time = (out / NAMES[2]).stat().st_mtime_ns
    draw(out)
    assert (out / NAMES[2]).stat().st_mtime_ns == time, "it was current"


def test_changed_records_change_the_shards(draw, records, tmp_path, write_record):
    draw(tmp_path / "set")
    write_record(records, "S2", "AF", samples=8000)
    (records / "T3.hea").unlink()
    draw(tmp_path / "set")
    draw(tmp_path / "fresh")
    for name in (*NAMES, "pack.csv", "manifest.csv"):
        assert (tmp_path / "set" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()


def test_a_lost_or_torn_shard_is_named_and_drawn_again(draw, tmp_path):
    draw(tmp_path / "set")
    whole = (tmp_path / "set" / NAMES[1]).read_bytes()
    (tmp_path / "set" / NAMES[1]).unlink()
    with pytest.raises(ImageError, match=f"{NAMES[1]} is missing"):
        open_pack(tmp_path / "set")
    draw(tmp_path / "set")
    assert (tmp_path / "set" / NAMES[1]).read_bytes() == whole
    (tmp_path / "set" / NAMES[1]).write_bytes(whole[:-10])
    with pytest.raises(ImageError, match=f"{NAMES[1]}: is corrupt"):
        open_pack(tmp_path / "set")
    (tmp_path / "set" / NAMES[2]).unlink()
    (tmp_path / "set" / NAMES[1]).write_bytes(whole)
    with pytest.raises(ImageError, match="the index has"):
        open_pack(tmp_path / "set")
    draw(tmp_path / "set")
    assert (tmp_path / "set" / NAMES[1]).read_bytes() == whole


def test_a_worker_that_is_killed_writing_a_shard_costs_nothing(draw, tmp_path, monkeypatch):
    draw(tmp_path / "fresh")
    submit = Workers.submit

    def killed(workers, function, *arguments):
        future = submit(workers, function, *arguments)
        if function is pack_shards.write_shard:
            arguments[0].unlink()
            future = type(future)()
            future.set_exception(BrokenExecutor())
        return future

    monkeypatch.setattr(Workers, "submit", killed)
    draw(tmp_path / "set")
    for name in (*NAMES, "pack.csv"):
        assert (tmp_path / "set" / name).read_bytes() == (tmp_path / "fresh" / name).read_bytes()
