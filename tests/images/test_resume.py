"""Image sets made before: what is kept, drawn again, mended or refused."""

import errno
import hashlib
import json
import os
import shutil

import pytest

from ekg.errors import ImageError, RecordError
from ekg.images import drawing_run
from ekg.images import record_images as drawing
from ekg.images.image_set import make_image_set
from ekg.images.journal import Journal
from ekg.images.manifest import read_manifest
from ekg.images.pack import open_pack
from ekg.images.png import read_image
from ekg.images.record_images import ImageSetConfig
from tests.images.tiny_set import SMALL, TINY, contents, error_of, rows


@pytest.fixture
def count_drawn(monkeypatch):
    """Names of the records that are drawn (by workers of this process)."""
    drawn = []
    original = drawing_run.draw_record

    def noting(job):
        drawn.append(job.header.stem)
        return original(job)

    monkeypatch.setattr(drawing_run, "draw_record", noting)
    return drawn


@pytest.mark.parametrize("finished", range(0, 8, 3))
def test_going_on_after_an_interruption(records, tmp_path, monkeypatch, finished):
    make_image_set(records, tmp_path / "fresh", SMALL, pack=True)
    out = tmp_path / "set"
    drawn = []
    original = drawing.draw_record

    def interrupted(job):
        if len(drawn) == finished:
            raise KeyboardInterrupt
        drawn.append(job.header.stem)
        return original(job)

    with monkeypatch.context() as patch:
        patch.setattr(drawing_run, "draw_record", interrupted)
        with pytest.raises(KeyboardInterrupt):
            make_image_set(records, out, SMALL, pack=True)
    assert not any((out / n).exists() for n in ("manifest.csv", "dataset.json", "pack.npy"))
    again = []
    monkeypatch.setattr(
        drawing_run, "draw_record", lambda job: (again.append(job.header.stem), original(job))[1]
    )
    make_image_set(records, out, SMALL, pack=True)
    assert contents(out) == contents(tmp_path / "fresh")
    assert len(drawn) == finished
    assert len(again) + finished == 11


def test_damage_and_change_are_mended(records, tmp_path, count_drawn, write_record):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL)
    fresh = contents(out)
    images = sorted((out / "all" / "AF").glob("S2-*.png"))
    images[0].write_bytes(images[0].read_bytes()[:-20])
    images[1].unlink()
    (out / "all" / "AF" / ".S2-s00_PIL.part-12ab34cd.png").write_bytes(b"left by a killed run")
    (out / "all" / "AF" / "S2-s09_PIL.png").write_bytes(b"of an older record")
    with open(out / ".journal.jsonl", "ab") as stream:
        stream.write(b'{"record": "torn li')
    count_drawn.clear()
    make_image_set(records, out, SMALL)
    assert count_drawn == ["S2"]
    assert contents(out) == fresh
    assert not list(out.rglob(".*part-*"))

    write_record(records, "S2", "AF", samples=9000)
    (records / "T10.hea").unlink()
    count_drawn.clear()
    make_image_set(records, out, SMALL)
    assert count_drawn == ["S2"]
    make_image_set(records, tmp_path / "fresh", SMALL)
    assert contents(out) == contents(tmp_path / "fresh")


def test_a_full_disk_keeps_what_is_finished(records, tmp_path, monkeypatch, count_drawn):
    out = tmp_path / "set"
    original = drawing.write_png

    def full_after_a_while(path, image):
        if path.name.startswith("S10"):
            raise OSError(errno.ENOSPC, "No space left on device", str(path))
        return original(path, image)

    with monkeypatch.context() as patch:
        patch.setattr(drawing, "write_png", full_after_a_while)
        with pytest.raises(ImageError, match="free some disk space and run the same command again"):
            make_image_set(records, out, SMALL)
    assert not (out / "manifest.csv").exists()
    for image in (out / "all").rglob("*.png"):
        read_image(image, 32)
    count_drawn.clear()
    make_image_set(records, out, SMALL)
    assert "S1" not in count_drawn
    make_image_set(records, tmp_path / "fresh", SMALL)
    assert contents(out) == contents(tmp_path / "fresh")


def packed(out):
    """The pack's images and rows as text, and that of the manifest."""
    images, index = open_pack(out)
    return [hashlib.sha256(image.data).hexdigest() for image in images], index.to_csv()


def test_another_limit_takes_as_many_records_and_packs_them_alone(few, tmp_path, jobs_done):
    out = tmp_path / "set"
    kept = ["R2", "R10", "S1"]
    for limit, records in (
        (2, kept[:2]),
        (3, kept),
        (1, kept[:1]),
        (2, kept[:2]),
        (None, [*kept, "S2", "S3"]),
    ):
        jobs_done.clear()
        make_image_set(few, out, TINY, limit=limit, pack=True)
        assert [row[0] for row in rows(out / "records.csv")[1:]] == records
        fresh = tmp_path / f"fresh-{limit}"
        make_image_set(few, fresh, TINY, limit=limit, pack=True)
        assert packed(out) == packed(fresh)
        assert (out / "pack.npy").read_bytes() == (fresh / "pack.npy").read_bytes()
        # A finished pack is not taken apart: its pixels are drawn again.
        assert [job.header.stem for job in jobs_done if job.folder == out] == records
    jobs_done.clear()
    make_image_set(few, out, TINY, pack=True)
    assert jobs_done == []


def test_a_pack_goes_on_where_it_was(few, tmp_path, monkeypatch):
    out = tmp_path / "set"
    original = drawing_run.draw_record
    for stop in ("S1", "R10"):

        def until(job, stop=stop):
            if job.header.stem == stop:
                raise KeyboardInterrupt
            return original(job)

        monkeypatch.setattr(drawing_run, "draw_record", until)
        with pytest.raises(KeyboardInterrupt):
            make_image_set(few, out, TINY, pack=True)
        if stop == "S1":  # ... and one of the finished records has changed in between
            os.utime(few / "R10.hea", ns=(1, 1))
    monkeypatch.setattr(drawing_run, "draw_record", original)
    make_image_set(few, out, TINY, pack=True)
    make_image_set(few, tmp_path / "fresh", TINY, pack=True)
    assert packed(out) == packed(tmp_path / "fresh")


def test_a_pack_that_no_longer_fits_is_removed(few, tmp_path, write_record):
    out = tmp_path / "set"
    make_image_set(few, out, TINY, pack=True)
    make_image_set(few, out, TINY)
    assert (out / "pack.npy").is_file(), "it still holds exactly the set"
    write_record(few, "R3", "AF", samples=1600)
    make_image_set(few, out, TINY)
    assert not (out / "pack.npy").exists() and not (out / "pack.csv").exists()


def test_records_that_could_not_be_read_are_tried_again(few, tmp_path, monkeypatch):
    out = tmp_path / "set"

    def denied(path, *arguments):
        raise RecordError("permission denied", path=path)

    with monkeypatch.context() as patch:
        patch.setattr(drawing, "read_record", denied)
        with pytest.raises(ImageError, match="no image could be drawn"):
            make_image_set(few, out, TINY)
    make_image_set(few, out, TINY)
    assert [row[5] for row in rows(out / "records.csv")[1:]] == [
        "kept",
        "kept",
        "kept",
        "excluded",
        "skipped",
    ]


def test_a_record_that_is_gone_takes_its_images_along(few, tmp_path, write_record):
    # A name may itself look like that of an image.
    write_record(few, "R-s1", "STE", samples=3200)
    write_record(few, "R-s2", "STE", samples=3200)
    out = tmp_path / "set"
    summary = make_image_set(few, out, TINY)
    assert list(summary.classes.items()) == [("STE", 5), ("AF", 3)], "most first"
    (few / "S1.hea").unlink()
    make_image_set(few, out, TINY)
    assert sorted(path.name for path in (out / "all" / "STE").iterdir()) == [
        "R-s1-s00_PIL.png",
        "R-s1-s01_PIL.png",
        "R-s2-s00_PIL.png",
        "R-s2-s01_PIL.png",
    ]


def test_an_unfinished_set_is_not_taken_for_whole(few, tmp_path, monkeypatch):
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    (out / "all" / "STE" / "S1-s00_PIL.png").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(drawing_run, "draw_record", lambda job: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_image_set(few, out, TINY)
    for name in ("manifest.csv", "records.csv", "dataset.json"):
        assert not (out / name).exists()
    # A finished one that is merely looked at stays where it is.
    make_image_set(few, out, TINY)
    before = (out / "manifest.csv").stat().st_ino
    with monkeypatch.context() as patch:
        patch.setattr(drawing_run.DrawingRun, "draw", lambda run, workers: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            make_image_set(few, out, TINY)
    assert (out / "manifest.csv").stat().st_ino == before


def test_a_changed_diagnosis_moves_the_images(few, tmp_path, write_record, jobs_done):
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    write_record(few, "R10", "STE", samples=1600)
    write_record(few, "S1", "PVC", samples=4000, sampling_frequency=1000)
    jobs_done.clear()
    make_image_set(few, out, TINY)
    assert [job.header.stem for job in jobs_done] == ["R10", "S1"]
    assert sorted(path.name for path in (out / "all").glob("*/*.png")) == [
        "R10-s00_PIL.png",
        "R2-s00_PIL.png",
        "R2-s01_PIL.png",
    ]
    assert (out / "all" / "STE" / "R10-s00_PIL.png").is_file()


def test_other_exclusions_look_again_at_what_they_change_alone(few, tmp_path, jobs_done):
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    jobs_done.clear()
    make_image_set(few, out, ImageSetConfig(size=16, keep_multi=True))
    assert [job.header.stem for job in jobs_done] == ["S2"]
    assert (out / "all" / "AF+STE" / "S2-s00_PIL.png").is_file()
    jobs_done.clear()
    make_image_set(few, out, TINY)
    assert [job.header.stem for job in jobs_done] == ["S2"]
    assert not (out / "all" / "AF+STE" / "S2-s00_PIL.png").exists()


def test_strays_are_removed_and_other_files_stay(few, tmp_path):
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    af = out / "all" / "AF"
    strays = [
        af / "R2-s02_PIL.png",
        af / "R2-sxx_PIL.png",
        af / "R3-s00_PIL.png",
        af / "R2_PIL.png",
        out / "all" / "STE" / "R2-s00_PIL.png",
    ]
    for path in strays:
        shutil.copy(af / "R2-s00_PIL.png", path)
    (af / "notes.txt").write_text("mine")
    (out / ".manifest.csv.part-12ab34cd").write_text("left by a killed run")
    make_image_set(few, out, TINY)
    assert not [path for path in strays if path.exists()]
    assert (af / "notes.txt").is_file()
    assert not (out / ".manifest.csv.part-12ab34cd").exists()
    assert len(list(out.rglob("*_PIL.png"))) == 4


def test_images_of_another_length_are_drawn_again(few, tmp_path, jobs_done):
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    with open(out / "all" / "AF" / "R10-s00_PIL.png", "ab") as stream:
        stream.write(b"more")
    jobs_done.clear()
    make_image_set(few, out, TINY)
    assert [job.header.stem for job in jobs_done] == ["R10"]


def test_other_pixels_than_before_are_refused(few, tmp_path, monkeypatch):
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    original = drawing.draw_record

    def other(job):
        entry = original(job)
        entry["images"][0]["sha256"] = "0" * 64
        return entry

    monkeypatch.setattr(drawing_run, "draw_record", other)
    message = error_of(ImageError, lambda: make_image_set(few, out, TINY, pack=True))
    assert message == (
        f"{few / 'R2.hea'}: gives different pixels than before; "
        f"restore the record, or delete the folder {out} and draw it again"
    )


def test_progress_counts_images_and_knows_what_was_there(few, tmp_path, monkeypatch):
    shown = []

    class Noting(drawing_run.Progress):
        def __init__(self, total, what, unit, done=0):
            shown.append([total, what, unit, done, 0])
            super().__init__(total, what, unit, done)

        def update(self, count=1):
            shown[-1][4] += count
            super().update(count)

    monkeypatch.setattr(drawing_run, "Progress", Noting)
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    (out / "all" / "AF" / "R2-s01_PIL.png").unlink()
    make_image_set(few, out, TINY)
    make_image_set(few, out, TINY, limit=1)
    assert shown == [
        [4, "drawing", "image", 0, 4],
        [4, "drawing", "image", 2, 2],
        [None, "drawing", "image", 2, 0],
    ]


@pytest.mark.parametrize(
    ("jobs", "options", "expected"),
    [(9, {}, 5), (2, {}, 2), (9, {"pack": True}, 5), (0, {}, 1)],
)
def test_no_more_workers_than_work(few, tmp_path, jobs, options, expected, monkeypatch):
    asked = []
    original = drawing_run.DrawingRun.useful_workers

    def noting(run, _jobs):
        asked.append(original(run, jobs))
        return 1

    monkeypatch.setattr(drawing_run.DrawingRun, "useful_workers", noting)
    make_image_set(few, tmp_path / "set", TINY, **options)
    make_image_set(few, tmp_path / "set", TINY, **options)
    assert asked == [expected, 1], "none is left to do the second time"
    # A pack of what is drawn already is work for all.
    make_image_set(few, tmp_path / "set", TINY, png=False, pack=True)
    assert asked[2] == (1 if options else max(1, min(jobs, 5)))


def test_a_set_that_is_as_asked_for_is_never_unfinished(few, tmp_path, monkeypatch):
    out = tmp_path / "set"
    make_image_set(few, out, TINY, limit=2)

    def power_cut(run, *arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(drawing_run.DrawingRun, "draw", power_cut)
    with pytest.raises(KeyboardInterrupt):
        make_image_set(few, out, TINY, limit=2)
    assert (out / "manifest.csv").is_file()
    with pytest.raises(KeyboardInterrupt):
        make_image_set(few, out, TINY, limit=3)
    assert not (out / "manifest.csv").exists()


def test_what_workers_are_asked_for(few, tmp_path, jobs_done):
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    assert [job.header.stem for job in jobs_done] == ["R2", "R10", "S1", "S2", "S3"]
    assert {(job.folder, job.config, job.write_png, job.raw) for job in jobs_done} == {
        (out, TINY, True, None)
    }
    # A pack for a finished set: pixels are drawn again, PNG files are not.
    jobs_done.clear()
    make_image_set(few, out, TINY, pack=True)
    assert [job.header.stem for job in jobs_done] == ["R2", "R10", "S1"]
    assert {job.write_png for job in jobs_done} == {False}
    assert len({job.raw for job in jobs_done}) == 3
    images, index = open_pack(out)
    assert [hashlib.sha256(image.data).hexdigest() for image in images] == list(index["sha256"])
    assert list(index["image"]) == list(read_manifest(out)["image"])
    jobs_done.clear()
    make_image_set(few, out, TINY, pack=True)
    make_image_set(few, out, TINY)
    assert jobs_done == []


def test_journal_keeps_the_last_entry_of_a_name(tmp_path):
    with Journal(tmp_path / "j") as journal:
        journal.append({"record": "a", "n": 1})
        journal.append({"record": "b", "n": 2})
        journal.append({"record": "a", "n": 3})
        assert journal.get("a") == {"record": "a", "n": 3}
    with Journal(tmp_path / "j") as journal:
        assert journal.names() == ["a", "b"]
        assert journal.get("a") == {"record": "a", "n": 3}
        assert journal.get("c") is None


@pytest.mark.parametrize("torn", [b'{"record": "c"', b"\x00\x00\x00\n", b"[1]\n", b'{"n": 1}\n'])
def test_journal_drops_a_torn_end(tmp_path, torn):
    with Journal(tmp_path / "j") as journal:
        journal.append({"record": "a", "ü": 1})
    with open(tmp_path / "j", "ab") as stream:
        stream.write(torn)
    with Journal(tmp_path / "j") as journal:
        assert journal.names() == ["a"]
        journal.append({"record": "d"})
    lines = (tmp_path / "j").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["record"] for line in lines] == ["a", "d"]
