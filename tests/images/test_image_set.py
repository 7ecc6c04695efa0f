"""Image sets made from records: files, tables, options and refusals."""

import hashlib
import json

import matplotlib as mpl
import numpy as np
import pytest

from ekg import __version__
from ekg.errors import ImageError
from ekg.files import atomic_path, sha256_of_file
from ekg.images import drawing_run, image_set
from ekg.images import record_images as drawing
from ekg.images.image_set import make_image_set
from ekg.images.manifest import MANIFEST_COLUMNS, read_manifest
from ekg.images.png import read_image
from ekg.images.record_images import ImageSetConfig, decide
from ekg.records.record import read_record
from ekg.records.slicing import slice_starts
from tests.images.tiny_set import SMALL, TINY, contents, rows, rows_of


def test_what_a_set_holds(records, tmp_path):
    out = tmp_path / "set"
    summary = make_image_set(records, out, SMALL)
    manifest = read_manifest(out)
    assert (summary.kept, summary.excluded, summary.skipped) == (8, 3, 0)
    assert list(manifest.columns) == [
        "image",
        "record",
        "diagnosis",
        "slice",
        "start",
        "sha256",
        "clipped_fraction",
    ]
    names = list(dict.fromkeys(manifest["record"]))
    assert names == ["S1", "S2", "S3", "S10", "T1", "T2", "T3", "T10"], "natural order"
    assert summary.classes == manifest["diagnosis"].value_counts().to_dict()
    for name, images in manifest.groupby("record"):
        record = read_record(records / name)
        starts = slice_starts(name, record.signal.shape[1], seed=44)
        assert list(images["start"]) == list(starts)
        assert list(images["slice"]) == list(range(len(starts)))
        for row in images.itertuples():
            assert row.image == f"all/{row.diagnosis}/{name}-s{row.slice:02d}_PIL.png"
            pixels = read_image(out / row.image, 32)
            assert hashlib.sha256(pixels.data).hexdigest() == row.sha256
            part = record.signal[:, row.start : row.start + 1250]
            assert row.clipped_fraction == pytest.approx(np.mean(np.abs(part) > 3), abs=1e-6)
    assert {p for p in contents(out) if p.endswith(".png")} == set(manifest["image"])
    assert manifest["clipped_fraction"].max() > 0, "some test signals leave the panels"


def test_worker_processes_change_nothing(records, tmp_path):
    make_image_set(records, tmp_path / "one", SMALL, pack=True)
    make_image_set(records, tmp_path / "three", SMALL, pack=True, jobs=3)
    assert contents(tmp_path / "one") == contents(tmp_path / "three")


@pytest.mark.slow
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_every_way_of_starting_workers(records, tmp_path, method):
    make_image_set(records, tmp_path / "one", SMALL)
    make_image_set(records, tmp_path / "two", SMALL, jobs=2, start_method=method)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_a_limit_counts_usable_records_in_natural_order(records, tmp_path, write_record):
    write_record(records, "A0", "AF,STD")
    write_record(records, "A1", "nonsense")
    for jobs in (1, 2):
        out = tmp_path / f"set{jobs}"
        make_image_set(records, out, SMALL, limit=3, jobs=jobs)
        assert list(rows_of(out)) == ["A0", "A1", "S1", "S2", "S3"]
        assert set(read_manifest(out)["record"]) == {"S1", "S2", "S3"}
    assert contents(tmp_path / "set1") == contents(tmp_path / "set2")


def test_seed_moves_the_slices_and_the_images_say_which(records, tmp_path):
    make_image_set(records, tmp_path / "a", SMALL)
    make_image_set(records, tmp_path / "b", ImageSetConfig(size=32, seed=45))
    a, b = read_manifest(tmp_path / "a"), read_manifest(tmp_path / "b")
    assert list(a["image"]) == list(b["image"])
    assert list(a["start"]) != list(b["start"])


def test_a_current_set_is_left_untouched_and_any_change_of_its_records_seen(
    records, tmp_path, write_record
):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL)

    def is_remade(**options):
        before = (out / "manifest.csv").stat().st_ino
        make_image_set(records, out, SMALL, unless_current=True, **options)
        return (out / "manifest.csv").stat().st_ino != before

    assert not is_remade()
    write_record(records / "ward" / "two", "W1", "AF")
    assert is_remade() and "W1" in rows_of(out)
    (records / "S1.hea").unlink()
    assert is_remade() and "S1" not in rows_of(out)
    mat = records / "S2.mat"
    mat.write_bytes(mat.read_bytes()[:24] + bytes(2) + mat.read_bytes()[26:])
    assert is_remade()
    assert is_remade(pack=True)
    (out / "dataset.json").unlink()
    assert is_remade(pack=True)
    assert not is_remade(pack=True)


def test_doubtful_records_are_counted_and_strict_refuses_them(records, tmp_path):
    summary = make_image_set(records, tmp_path / "set", SMALL)
    warned = [name for name, row in rows_of(tmp_path / "set").items() if row["warnings"]]
    assert summary.warned == len(warned) == 8
    assert json.loads((tmp_path / "set" / "dataset.json").read_text())["warned"] == 8
    with pytest.raises(ImageError, match=r"S1\.hea: .*limb leads.*\(8 of 11 records give warnings"):
        make_image_set(records, tmp_path / "set", SMALL, strict=True)
    again = make_image_set(records, tmp_path / "set", SMALL)
    assert again.warned == 8, "what the journal keeps is warned of too"


def test_blank_slices_are_not_drawn(records, tmp_path, write_record):
    write_record(records, "Z1", samples=8000)
    whole = make_image_set(records, tmp_path / "whole", SMALL)
    mat = (records / "Z1.mat").read_bytes()
    (records / "Z1.mat").write_bytes(mat[: 24 + 24 * 4000] + bytes(24 * 4000))
    padded = make_image_set(records, tmp_path / "set", SMALL)
    starts = {
        folder: [
            row.start for row in read_manifest(tmp_path / folder).itertuples() if row.record == "Z1"
        ]
        for folder in ("whole", "set")
    }
    assert starts["set"] == [start for start in starts["whole"] if start + 625 < 4000]
    assert padded.images == whole.images - len(starts["whole"]) + len(starts["set"])
    assert "slices are blank, not drawn" in rows_of(tmp_path / "set")["Z1"]["warnings"]


def test_records_of_one_name_have_images_of_their_own(tmp_path, write_record):
    for folder, diagnosis in (("p1", "AF"), ("p2", "RBBB")):
        write_record(tmp_path / "r" / folder, "ecg", diagnosis)
    make_image_set(tmp_path / "r", tmp_path / "set", SMALL, pack=True)
    manifest = read_manifest(tmp_path / "set")
    assert dict(zip(manifest["record"], manifest["diagnosis"], strict=True)) == {
        "p1_ecg": "AF",
        "p2_ecg": "RBBB",
    }
    assert all((tmp_path / "set" / image).is_file() for image in manifest["image"])


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


def test_workers_are_asked_for_as_told(few, tmp_path, monkeypatch):
    asked, original = [], image_set.open_workers

    def noting(*arguments):
        asked.append(arguments)
        return original(1, *arguments[1:])

    monkeypatch.setattr(image_set, "open_workers", noting)
    make_image_set(few, tmp_path / "set", TINY, jobs=2, start_method="spawn")
    assert asked == [(2, None, drawing.warm_up, (TINY,), "spawn")]


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


@pytest.mark.parametrize(
    ("diagnoses", "options", "status", "text"),
    [
        (["AF"], {}, "kept", "AF"),
        ([], {}, "skipped", "no diagnosis"),
        (["AF", "X"], {"keep_multi": True}, "skipped", "unknown diagnosis code X"),
        (["STE", "AF"], {}, "excluded", "multi-label"),
        (["STE", "AF"], {"keep_multi": True}, "kept", "AF+STE"),
        (["PAC"], {}, "excluded", "ectopy (PAC)"),
        (["PAC"], {"keep_ectopy": True}, "kept", "PAC"),
        (["PVC", "PAC"], {"keep_multi": True}, "excluded", "ectopy (PAC, PVC)"),
        (["PVC", "PAC"], {"keep_multi": True, "keep_ectopy": True}, "kept", "PAC+PVC"),
    ],
)
def test_selection(diagnoses, options, status, text):
    decision = decide(diagnoses, ImageSetConfig(**options))
    assert decision.status == status
    assert text in (decision.diagnosis or decision.reason)
