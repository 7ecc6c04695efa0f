"""Image sets byte by byte: manifest, records, description, and what every refusal says.

The recordings are as short as can be and the pictures tiny, so that much can be tried.
"""

import csv
import json
import os
import shutil

import matplotlib as mpl
import pytest

from ekg import __version__
from ekg.errors import EkgError, ImageError
from ekg.files import folder_lock, sha256_of_file
from ekg.image import drawing, drawing_run
from ekg.image.image_set import make_image_set
from ekg.image.manifest import MANIFEST_COLUMNS, read_manifest
from ekg.image.selection import ImageSetConfig

TINY = ImageSetConfig(size=16)


@pytest.fixture
def few(tmp_path, write_record):
    """Two AF records, one STE, one excluded and one that cannot be used."""
    folder = tmp_path / "clinic" / "records"
    write_record(folder, "R10", "AF", samples=1600)
    write_record(folder, "R2", "AF", samples=3200)
    write_record(folder, "S1", "STE", samples=4000, sampling_frequency=1000)
    write_record(folder, "S2", "AF,STE", samples=1600)
    write_record(folder, "S3", None, samples=1600)
    return folder


@pytest.fixture
def jobs_done(monkeypatch):
    """The jobs that workers of this process are given."""
    given = []
    original = drawing_run.draw_record

    def noting(job):
        given.append(job)
        return original(job)

    monkeypatch.setattr(drawing_run, "draw_record", noting)
    return given


def error_of(kind, call):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def rows(path):
    with open(path, newline="", encoding="utf-8") as stream:
        return list(csv.reader(stream))


def test_the_tables_of_a_small_set(few, tmp_path):
    out = tmp_path / "set"
    summary = make_image_set(few, out, TINY)
    assert (out / "records.csv").read_bytes() == (
        b"record,diagnoses,sampling_frequency,n_samples,slices,status,reason\n"
        b"R2,AF,500,3200,2,kept,\n"
        b"R10,AF,500,1600,1,kept,\n"
        b"S1,STE,1000,2000,1,kept,\n"
        b'S2,"AF,STE",500,1600,0,excluded,multi-label\n'
        b"S3,,500,1600,0,skipped,no diagnosis in the header\n"
    )
    header, *lines = rows(out / "manifest.csv")
    assert tuple(header) == MANIFEST_COLUMNS
    assert [line[:4] for line in lines] == [
        ["all/AF/R2-s00_PIL.png", "R2", "AF", "0"],
        ["all/AF/R2-s01_PIL.png", "R2", "AF", "1"],
        ["all/AF/R10-s00_PIL.png", "R10", "AF", "0"],
        ["all/STE/S1-s00_PIL.png", "S1", "STE", "0"],
    ]
    assert all(len(line[5]) == 64 and len(line[6]) == 8 for line in lines)
    assert b"\r" not in (out / "manifest.csv").read_bytes()
    assert summary.folder == out
    assert (summary.images, summary.kept, summary.excluded, summary.skipped) == (4, 3, 1, 1)
    assert list(summary.classes.items()) == [("AF", 3), ("STE", 1)]


def test_the_description_of_a_small_set(few, tmp_path):
    out = tmp_path / "set"
    config = ImageSetConfig(size=16, seed=3, keep_multi=True, keep_ectopy=True)
    make_image_set(few, out, config, limit=4, pack=True)
    described = json.loads((out / "dataset.json").read_text())
    assert described == {
        "dataset": "clinic",
        "size": 16,
        "seed": 3,
        "slices": {
            "sampling_frequency": 500,
            "seconds": 2.5,
            "utilization_fraction": 0.8,
            "n_slices_max": 10,
        },
        "keep_multi": True,
        "keep_ectopy": True,
        "limit": 4,
        "images": 5,
        "records": 4,
        "excluded": 0,
        "skipped": 0,
        "classes": {"AF": 3, "AF+STE": 1, "STE": 1},
        "png": True,
        "pack": True,
        "manifest_sha256": sha256_of_file(out / "manifest.csv"),
        "made_with": {"ekg": __version__, "matplotlib": mpl.__version__},
    }
    assert list(described["classes"]) == ["AF", "AF+STE", "STE"], "most first, then by name"


def test_a_set_without_single_images_says_so(few, tmp_path):
    out = tmp_path / "pack"
    make_image_set(few, out, TINY, png=False, pack=True, dataset="mine")
    described = json.loads((out / "dataset.json").read_text())
    assert (described["png"], described["pack"], described["dataset"]) == (False, True, "mine")
    assert not list(out.rglob("*.png"))
    # Single images can be added later, and then it has both.
    make_image_set(few, out, TINY, pack=True)
    assert json.loads((out / "dataset.json").read_text())["png"] is True
    assert len(list(out.rglob("*_PIL.png"))) == 4


def test_the_name_of_the_data_is_that_of_the_folder(few, tmp_path):
    renamed = tmp_path / "ward"
    few.rename(renamed)
    make_image_set(renamed, tmp_path / "set", TINY)
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["dataset"] == "ward"


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
    jobs_done.clear()
    make_image_set(few, out, TINY, pack=True)
    make_image_set(few, out, TINY)
    assert jobs_done == []


def test_alone_each_record_is_noted_before_the_next_is_begun(few, tmp_path, monkeypatch):
    noted = []
    original = drawing_run.draw_record

    def counting(job):
        journal = tmp_path / "set" / ".journal.jsonl"
        noted.append(len(journal.read_bytes().splitlines()))
        return original(job)

    monkeypatch.setattr(drawing_run, "draw_record", counting)
    make_image_set(few, tmp_path / "set", TINY)
    assert noted == [0, 1, 2, 3, 4]


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
        patch.setattr(drawing_run.DrawingRun, "draw", lambda run, executor, jobs: 1 / 0)
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
        "R10-s00_PIL.png", "R2-s00_PIL.png", "R2-s01_PIL.png",
    ]  # fmt: skip
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
        af / "R2-s02_PIL.png", af / "R2-sxx_PIL.png", af / "R3-s00_PIL.png", af / "R2_PIL.png",
        out / "all" / "STE" / "R2-s00_PIL.png",
    ]  # fmt: skip
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
        f"{few / 'R2.hea'}: gives other pixels than before; "
        f"put the record back as it was, or delete the folder {out} and draw it again"
    )


def test_strict_names_record_reason_and_remedy(few, tmp_path):
    message = error_of(ImageError, lambda: make_image_set(few, tmp_path / "set", TINY, strict=True))
    assert message == (
        f"{few / 'S3.hea'}: skipped: no diagnosis in the header; "
        "repair or remove the record, or run without --strict"
    )


def test_nothing_to_draw_says_how_many_and_why(few, tmp_path, write_record):
    for name in ("R2", "R10", "S1", "S2"):
        (few / f"{name}.hea").unlink()
    out = tmp_path / "set"
    told = f"{out / 'records.csv'}: no image could be drawn: "
    see = "; see that file for each record's reason"
    only = error_of(ImageError, lambda: make_image_set(few, out, TINY))
    assert only == told + "0 records excluded, 1 skipped (no diagnosis in the header)" + see
    write_record(few, "A1", "PVC", samples=1600)
    both = error_of(ImageError, lambda: make_image_set(few, out, TINY))
    assert both == told + "1 records excluded, 1 skipped (ectopy (PVC), ...)" + see


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"jobs": 0}, "the number of processes and the limit must be at least 1"),
        ({"limit": 0}, "the number of processes and the limit must be at least 1"),
        ({"png": False}, "neither single images nor a pack are asked for"),
    ],
)
def test_senseless_options_are_named(few, tmp_path, options, message):
    assert error_of(ImageError, lambda: make_image_set(few, tmp_path / "s", TINY, **options)) == (
        message
    )
    assert not (tmp_path / "s").exists()


def test_a_folder_of_other_settings_is_refused(few, tmp_path):
    out = tmp_path / "set"
    make_image_set(few, out, TINY, limit=1)
    other = ImageSetConfig(size=16, seed=45)
    assert error_of(ImageError, lambda: make_image_set(few, out, other)) == (
        f"{out}: its images were made with seed 44, now 45 is asked for; "
        "choose another folder, or delete this one to draw it again"
    )
    settings = json.loads((out / ".settings.json").read_text())
    assert settings == {**TINY.pixel_settings(), "matplotlib": mpl.__version__}
    (out / ".settings.json").write_text(json.dumps(settings | {"matplotlib": "1.0"}))
    assert "made with matplotlib 1.0, now" in error_of(
        ImageError, lambda: make_image_set(few, out, TINY)
    )


@pytest.mark.parametrize("name", ["manifest.csv", "all/AF/x.png"])
def test_a_folder_of_another_maker_is_refused(few, tmp_path, name):
    out = tmp_path / "set"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("")
    assert error_of(ImageError, lambda: make_image_set(few, out, TINY)) == (
        f"{out}: holds images that this command did not make; choose another folder"
    )


def test_a_folder_at_work_is_left_alone(few, tmp_path):
    with folder_lock(tmp_path / "set", "drawing images"):
        message = error_of(EkgError, lambda: make_image_set(few, tmp_path / "set", TINY))
    assert "drawing images" in message


def manifest_text(*lines):
    return "\n".join([",".join(MANIFEST_COLUMNS), *lines]) + "\n"


def test_a_manifest_is_read_as_text_where_it_is_text(tmp_path):
    line = "all/AF/0012-s00_PIL.png,0012,NA,0,17,1e5,0.25"
    (tmp_path / "manifest.csv").write_text(manifest_text(line))
    (tmp_path / "pack.csv").write_text(manifest_text(line, line.replace("0012", "13")))
    table = read_manifest(tmp_path)
    row = table.iloc[0].to_dict()
    assert row == {
        "image": "all/AF/0012-s00_PIL.png", "record": "0012", "diagnosis": "NA", "slice": 0,
        "start": 17, "sha256": "1e5", "clipped_fraction": 0.25,
    }  # fmt: skip
    assert list(read_manifest(str(tmp_path / "pack.csv"))["record"]) == ["0012", "13"]


def test_manifests_that_are_none_say_which_and_why(tmp_path):
    path = tmp_path / "manifest.csv"
    assert error_of(ImageError, lambda: read_manifest(tmp_path)) == (
        f"{path}: no such manifest; "
        "draw the images first (`python -m ekg images`), or let it finish"
    )
    path.write_text("image,record,diagnosis,slice,start\n")
    assert error_of(ImageError, lambda: read_manifest(tmp_path)) == (
        f"{path}: column sha256, clipped_fraction missing"
    )
    path.write_text("")
    assert error_of(ImageError, lambda: read_manifest(tmp_path)).startswith(
        f"{path}: is not a manifest (No columns"
    )
    path.write_bytes(b"\xff\xfe\x00")
    assert error_of(ImageError, lambda: read_manifest(path)).startswith(f"{path}: is not a man")
    good = "all/AF/A1-s00_PIL.png,A1,AF,0,0,ab,0"
    path.write_text(manifest_text(good, "../../etc/passwd,A1,AF,0,0,ab,0"))
    assert error_of(ImageError, lambda: read_manifest(path)) == (
        f"{path}: line 3: field `image` is '../../etc/passwd', not a plain path below the "
        "set's folder; do not use this manifest"
    )


def test_a_folder_that_cannot_be_written_to_says_what_to_do(few, tmp_path, monkeypatch):
    def no_room(*arguments, **options):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(drawing, "write_png", no_room)
    message = error_of(ImageError, lambda: make_image_set(few, tmp_path / "set", TINY))
    assert message.startswith(f"{tmp_path / 'set'}") and "No space left on device" in message
    assert message.endswith("and run the same command again: what is finished is kept")
