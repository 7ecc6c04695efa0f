"""Image sets byte by byte: manifest, records, description, and what every refusal says.

The recordings are as short as can be and the pictures tiny, so that much can be tried.
"""

import json
import os

import matplotlib as mpl
import pytest

from ekg import __version__
from ekg.errors import EkgError, ImageError
from ekg.files import atomic_path, folder_lock, sha256_of_file
from ekg.images import image_set
from ekg.images import image_set as drawing_run
from ekg.images import record_images as drawing
from ekg.images.image_set import make_image_set
from ekg.images.manifest import MANIFEST_COLUMNS, read_manifest
from ekg.images.record_images import ImageSetConfig
from tests.images.tiny_set import TINY, error_of, rows


def read_table(path):
    header, *lines = rows(path)
    return [dict(zip(header, line, strict=True)) for line in lines]


def test_the_tables_of_a_small_set(few, tmp_path):
    out = tmp_path / "set"
    summary = make_image_set(few, out, TINY)
    table = (out / "records.csv").read_bytes()
    for row in read_table(out / "records.csv"):
        table = table.replace(f',"{row["warnings"]}"\n'.encode(), b",w\n")
    assert table == (
        b"record,diagnoses,sampling_frequency,n_samples,slices,status,reason,warnings\n"
        b"R2,AF,500,3200,2,kept,,w\n"
        b"R10,AF,500,1600,1,kept,,w\n"
        b"S1,STE,1000,2000,1,kept,,w\n"
        b'S2,"AF,STE",500,1600,0,excluded,multi-label,\n'
        b"S3,,500,1600,0,skipped,no diagnosis in the header,\n"
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
        "source": str(few.resolve()),
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
        "warned": 4,
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


def test_headers_that_say_nothing_leave_empty_fields(few, tmp_path):
    (few / "X1.hea").write_text("not a header\n")
    make_image_set(few, tmp_path / "set", TINY)
    last = rows(tmp_path / "set" / "records.csv")[-1]
    assert last[:6] == ["X1", "", "", "", "0", "skipped"] and last[6]


def test_those_under_way_count_against_the_limit(few, tmp_path, monkeypatch):
    answers = []
    original = drawing_run.in_order

    def asking(workers, function, work, may_start):
        answers.append([may_start(number) for number in range(4)])
        return original(workers, function, work, may_start=may_start)

    monkeypatch.setattr(drawing_run, "in_order", asking)
    make_image_set(few, tmp_path / "set", TINY, limit=2)
    make_image_set(few, tmp_path / "all", TINY)
    assert answers == [[True, True, False, False], [True, True, True, True]]


def test_the_name_of_the_data_is_that_of_the_folder(few, tmp_path):
    renamed = tmp_path / "ward"
    few.rename(renamed)
    make_image_set(renamed, tmp_path / "set", TINY)
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["dataset"] == "ward"


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
    assert settings == {"format": 1, **TINY.pixel_settings(), "matplotlib": mpl.__version__}
    (out / ".settings.json").write_text(json.dumps(settings | {"matplotlib": "1.0"}))
    assert "made with matplotlib 1.0, now" in error_of(
        ImageError, lambda: make_image_set(few, out, TINY)
    )


def test_a_folder_of_the_first_version_is_resumed_and_one_of_a_later_format_refused(few, tmp_path):
    out = tmp_path / "set"
    make_image_set(few, out, TINY, limit=1)
    settings = json.loads((out / ".settings.json").read_text())
    del settings["format"]
    (out / ".settings.json").write_text(json.dumps(settings))
    assert make_image_set(few, out, TINY).images > 0
    (out / ".settings.json").write_text(json.dumps(settings | {"format": 2}))
    assert error_of(ImageError, lambda: make_image_set(few, out, TINY)).endswith(
        ".settings.json: field `format` is 2: another version of this program draws such image "
        "sets, this one draws 1; use that version, or delete the folder to draw it again"
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


def test_the_folder_is_held_while_it_is_drawn_into(few, tmp_path, monkeypatch):
    def look(job):
        make_image_set(few, tmp_path / "set", TINY)

    monkeypatch.setattr(drawing_run, "draw_record", look)
    assert error_of(EkgError, lambda: make_image_set(few, tmp_path / "set", TINY)) == (
        f"{tmp_path / 'set'}: another process is drawing images in this folder; "
        "wait for it to end or choose another folder"
    )


def test_workers_are_asked_for_as_told(few, tmp_path, monkeypatch):
    asked, original = [], image_set.Workers

    def noting(*arguments):
        asked.append(arguments)
        return original(1, *arguments[1:])

    monkeypatch.setattr(image_set, "Workers", noting)
    make_image_set(few, tmp_path / "set", TINY, jobs=2, start_method="spawn")
    assert asked == [(2, drawing.warm_up, (TINY,), "spawn")]


def test_what_killed_runs_left_is_removed(few, tmp_path):
    out = tmp_path / "set"
    make_image_set(few, out, TINY)
    left = []
    for path in (out / "records.csv", out / "all" / "AF" / "R2-s00_PIL.png"):
        with atomic_path(path) as unfinished:
            unfinished.write_bytes(path.read_bytes())
        unfinished.write_bytes(b"half")
        left.append(unfinished)
    kept = out / "all" / "AF" / ".note"
    kept.write_text("not ours")
    make_image_set(few, out, TINY)
    assert not any(path.exists() for path in left)
    assert kept.exists()


def manifest_text(*lines):
    return "\n".join([",".join(MANIFEST_COLUMNS), *lines]) + "\n"


def test_a_manifest_is_read_as_text_where_it_is_text(tmp_path):
    line = "012,0012,01,0,17,1e5,0.25"
    (tmp_path / "manifest.csv").write_text(manifest_text(line))
    (tmp_path / "pack.csv").write_text(manifest_text(line, line.replace("0012", "13")))
    table = read_manifest(tmp_path)
    row = table.iloc[0].to_dict()
    assert row == {
        "image": "012",
        "record": "0012",
        "diagnosis": "01",
        "slice": 0,
        "start": 17,
        "sha256": "1e5",
        "clipped_fraction": 0.25,
    }
    assert list(read_manifest(str(tmp_path / "pack.csv"))["record"]) == ["0012", "13"]
    (tmp_path / "manifest.csv").write_text(manifest_text("all/NA/a.png,NA,NA,0,17,1e5,0.25"))
    assert list(read_manifest(tmp_path).iloc[0][["record", "diagnosis"]]) == ["NA", "NA"]


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
