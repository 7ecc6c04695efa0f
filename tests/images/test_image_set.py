"""Whole image sets: what is in them, and that nothing but records and settings decides it."""

import csv
import errno
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from ekg.errors import EkgError, ImageError, RecordError
from ekg.files import folder_lock, sha256_of_file
from ekg.images import image_set as drawing_run
from ekg.images import record_images as drawing
from ekg.images.image_set import make_image_set, read_image, read_manifest
from ekg.images.record_images import ImageSetConfig
from ekg.records.record import read_record
from ekg.records.slicing import slice_starts

SMALL = ImageSetConfig(size=32)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file that counts, by its path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith(".")
    }


def rows_of(folder: Path) -> dict[str, dict[str, str]]:
    with open(folder / "records.csv", newline="") as stream:
        return {row["record"]: row for row in csv.DictReader(stream)}


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
    for name, rows in manifest.groupby("record"):
        record = read_record(records / name)
        starts = slice_starts(name, record.signal.shape[1], seed=44)
        assert list(rows["start"]) == list(starts)
        assert list(rows["slice"]) == list(range(len(starts)))
        for row in rows.itertuples():
            assert row.image == f"all/{row.diagnosis}/{name}-s{row.slice:02d}_PIL.png"
            pixels = read_image(out / row.image, 32)
            assert hashlib.sha256(pixels.data).hexdigest() == row.sha256
            part = record.signal[:, row.start : row.start + 1250]
            assert row.clipped_fraction == pytest.approx(np.mean(np.abs(part) > 3), abs=1e-6)
    assert {p for p in contents(out) if p.endswith(".png")} == set(manifest["image"])
    assert manifest["clipped_fraction"].max() > 0, "some test signals leave the panels"


def test_records_and_description(records, tmp_path):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL)
    rows = rows_of(out)
    assert len(rows) == 11
    warnings = rows["S10"].pop("warnings")
    assert "the limb leads contradict" in warnings
    assert rows["S10"] == {
        "record": "S10",
        "diagnoses": "AF",
        "sampling_frequency": "500",
        "n_samples": "7200",
        "slices": "4",
        "status": "kept",
        "reason": "",
    }
    assert rows["U1"]["warnings"] == "", "what is not drawn is not read"
    assert rows["T1"]["diagnoses"] == "RBBB"
    assert (rows["U1"]["status"], rows["U1"]["reason"]) == ("excluded", "multi-label")
    assert rows["U1"]["diagnoses"] == "RBBB,AF"
    assert (rows["U2"]["status"], rows["U2"]["reason"]) == ("excluded", "ectopy (PVC)")
    dataset = json.loads((out / "dataset.json").read_text())
    assert dataset["dataset"] == "hospital"
    assert (dataset["size"], dataset["seed"], dataset["records"]) == (32, 44, 8)
    assert dataset["images"] == len(read_manifest(out))
    assert dataset["manifest_sha256"] == sha256_of_file(out / "manifest.csv")


def test_exclusions_can_be_switched_off(records, tmp_path):
    config = ImageSetConfig(size=32, keep_multi=True, keep_ectopy=True)
    make_image_set(records, tmp_path / "set", config)
    manifest = read_manifest(tmp_path / "set").drop_duplicates("record").set_index("record")
    assert manifest.loc["U1", "diagnosis"] == "AF+RBBB", "in the order of the table of diagnoses"
    assert manifest.loc["U2", "diagnosis"] == "PVC"
    assert manifest.loc["U3", "diagnosis"] == "STD+PAC"
    only_multi = ImageSetConfig(size=32, keep_multi=True)
    make_image_set(records, tmp_path / "multi", only_multi)
    assert rows_of(tmp_path / "multi")["U3"]["reason"] == "ectopy (PAC)"


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


def test_another_limit_mends_the_set(records, tmp_path, count_drawn):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL, limit=5, pack=True)
    first = list(count_drawn)
    make_image_set(records, out, SMALL, pack=True)
    make_image_set(records, tmp_path / "fresh", SMALL, pack=True)
    assert contents(out) == contents(tmp_path / "fresh")
    make_image_set(records, out, SMALL, limit=5, pack=True)
    make_image_set(records, tmp_path / "fresh5", SMALL, limit=5, pack=True)
    assert contents(out) == contents(tmp_path / "fresh5")
    assert first == ["S1", "S2", "S3", "S10", "T1"]


def test_seed_moves_the_slices_and_the_images_say_which(records, tmp_path):
    make_image_set(records, tmp_path / "a", SMALL)
    make_image_set(records, tmp_path / "b", ImageSetConfig(size=32, seed=45))
    a, b = read_manifest(tmp_path / "a"), read_manifest(tmp_path / "b")
    assert list(a["image"]) == list(b["image"])
    assert list(a["start"]) != list(b["start"])


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


def test_nothing_is_drawn_twice(records, tmp_path, count_drawn):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL, pack=True)
    before = contents(out)
    times = {path: path.stat().st_mtime_ns for path in (out / "all").rglob("*.png")}
    count_drawn.clear()
    make_image_set(records, out, SMALL, pack=True)
    assert count_drawn == []
    assert contents(out) == before
    assert times == {path: path.stat().st_mtime_ns for path in (out / "all").rglob("*.png")}


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


def test_a_set_of_other_records_is_refused(records, tmp_path, write_record):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL)
    other = tmp_path / "elsewhere" / "hospital"
    for name in ("S1", "S2"):
        write_record(other, name, "RBBB")
    before = contents(out)
    with pytest.raises(ImageError, match=r"images of the records in .*hospital, now those in"):
        make_image_set(other, out, SMALL)
    assert contents(out) == before
    moved = records.rename(tmp_path / "moved")
    write_record(moved, "S4", "AF")
    make_image_set(moved, out, SMALL)
    assert json.loads((out / "dataset.json").read_text())["source"] == str(moved)


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


def test_two_runs_do_not_mix(records, tmp_path):
    with (
        folder_lock(tmp_path / "set", "drawing images"),
        pytest.raises(EkgError, match="another process is drawing images"),
    ):
        make_image_set(records, tmp_path / "set", SMALL)


def test_other_settings_are_refused(records, tmp_path):
    make_image_set(records, tmp_path / "set", SMALL, limit=1)
    with pytest.raises(ImageError, match=r"made with size 32, now 33.*delete this one"):
        make_image_set(records, tmp_path / "set", ImageSetConfig(size=33))
    with pytest.raises(ImageError, match="made with seed 44, now 1"):
        make_image_set(records, tmp_path / "set", ImageSetConfig(size=32, seed=1))


def test_images_of_others_are_left_alone(records, tmp_path):
    foreign = tmp_path / "set" / "all" / "AF" / "A0001-s00_PIL.png"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"x")
    with pytest.raises(ImageError, match="did not make"):
        make_image_set(records, tmp_path / "set", SMALL)
    assert foreign.read_bytes() == b"x"


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


def test_bad_records_are_listed_with_their_reason(records, tmp_path, write_record):
    write_record(records, "X1", None)
    write_record(records, "X2", "426177001")
    write_record(records, "X3", samples=1200)
    write_record(records, "X4", samples=1400)
    write_record(records, "X5", leads=["I", "II", "V1"])
    (write_record(records, "X6").with_suffix(".mat")).unlink()
    mat = write_record(records, "X7").with_suffix(".mat")
    mat.write_bytes(mat.read_bytes()[:500])
    (records / "X8.hea").write_text("not a header")
    (records / "X9.hea").write_text(
        "X9 12 500 5000\n" + "../S1.mat 16 1000/mV 16 0 0 0 0 I\n" * 12 + "#Dx: AF"
    )
    write_record(records, "X0", "../../etc")
    summary = make_image_set(records, tmp_path / "set", SMALL)
    assert summary.skipped == 10
    rows = rows_of(tmp_path / "set")
    expected = {
        "X0": "unknown diagnosis code ../../etc",
        "X1": "no diagnosis in the header",
        "X2": "unknown diagnosis code 426177001",
        "X3": "1200 samples",
        "X4": "1400 samples are too short for one slice",
        "X5": "missing",
        "X6": "X6.mat is missing",
        "X7": "truncated",
        "X8": "",
        "X9": "two signals are named I",
    }
    for name, reason in expected.items():
        assert rows[name]["status"] == "skipped", name
        assert reason in rows[name]["reason"], name
        assert rows[name]["reason"], name
        assert str(tmp_path) not in rows[name]["reason"], "the same for every place of the records"
    with pytest.raises(ImageError, match="X0"):
        make_image_set(records, tmp_path / "strict", SMALL, strict=True)
    write_record(records, "X6")
    make_image_set(records, tmp_path / "set", SMALL)
    assert rows_of(tmp_path / "set")["X6"]["status"] == "kept", "mended records are taken in"


def test_no_samples_that_are_not_numbers(records, tmp_path, write_record):
    import scipy.io

    header = write_record(records, "X1")
    values = scipy.io.loadmat(header.with_suffix(".mat"))["val"]
    values[3, 100] = -32768  # the format's mark for "no value"
    scipy.io.savemat(header.with_suffix(".mat"), {"val": values}, format="4")
    make_image_set(records, tmp_path / "set", SMALL)
    assert "aVR has 1 samples that are not numbers" in rows_of(tmp_path / "set")["X1"]["reason"]


def test_nothing_to_draw_is_an_error(tmp_path, write_record):
    with pytest.raises(RecordError, match="no such folder"):
        make_image_set(tmp_path / "none", tmp_path / "set", SMALL)
    (tmp_path / "empty").mkdir()
    with pytest.raises(RecordError, match="no WFDB header"):
        make_image_set(tmp_path / "empty", tmp_path / "set", SMALL)
    write_record(tmp_path / "ectopic", "A1", "PVC")
    with pytest.raises(ImageError, match=r"no image could be drawn: 1 records excluded.*PVC"):
        make_image_set(tmp_path / "ectopic", tmp_path / "set", SMALL)
    assert not (tmp_path / "set" / "manifest.csv").exists()
    assert rows_of(tmp_path / "set")["A1"]["status"] == "excluded"


@pytest.mark.parametrize("options", [{"jobs": 0}, {"limit": 0}, {"png": False}])
def test_senseless_options(records, tmp_path, options):
    with pytest.raises(ImageError):
        make_image_set(records, tmp_path / "set", SMALL, **options)


def test_sizes_out_of_range(records, tmp_path):
    for size in (15, 2049):
        with pytest.raises(ImageError, match="from 16 to 2048"):
            make_image_set(records, tmp_path / "set", ImageSetConfig(size=size))


def test_a_manifest_that_is_none(tmp_path):
    with pytest.raises(ImageError, match="no such manifest"):
        read_manifest(tmp_path)
    (tmp_path / "manifest.csv").write_text("image,record\nx,y\n")
    with pytest.raises(ImageError, match="column diagnosis, slice"):
        read_manifest(tmp_path)


def test_other_rates_and_names_are_read(records, tmp_path, write_record):
    write_record(records, "0012", "AF", samples=10_000, sampling_frequency=1000)
    make_image_set(records, tmp_path / "set", SMALL)
    manifest = read_manifest(tmp_path / "set")
    assert (manifest["record"] == "0012").sum() == 3
    row = rows_of(tmp_path / "set")["0012"]
    assert (row["sampling_frequency"], row["n_samples"]) == ("1000", "5000")
