"""What image sets refuse or leave out: records, options, folders in use or of another maker."""

import json
import os

import matplotlib as mpl
import numpy as np
import pytest

from ekg.errors import EkgError, ImageError, RecordError
from ekg.files import folder_lock
from ekg.images import drawing_run
from ekg.images import record_images as drawing
from ekg.images.image_set import make_image_set
from ekg.images.record_images import ImageSetConfig
from tests.images.tiny_set import SMALL, TINY, contents, error_of, rows_of


def test_a_set_of_other_records_is_refused(records, tmp_path, write_record):
    out = tmp_path / "set"
    make_image_set(records, out, SMALL)
    other = tmp_path / "elsewhere" / "hospital"
    for name in ("S1", "S2"):
        write_record(other, name, "RBBB")
    before = contents(out)
    told = r"images of the records in .*hospital, not of .*elsewhere/hospital; choose another"
    with pytest.raises(ImageError, match=told):
        make_image_set(other, out, SMALL)
    assert contents(out) == before
    moved = records.rename(tmp_path / "moved")
    write_record(moved, "S4", "AF")
    make_image_set(moved, out, SMALL)
    assert json.loads((out / "dataset.json").read_text())["source"] == str(moved)


def test_two_runs_do_not_mix(records, tmp_path):
    with (
        folder_lock(tmp_path / "set", "drawing images"),
        pytest.raises(EkgError, match="another process is drawing images"),
    ):
        make_image_set(records, tmp_path / "set", SMALL)


def test_other_settings_are_refused(records, tmp_path):
    make_image_set(records, tmp_path / "set", SMALL, limit=1)
    with pytest.raises(ImageError, match=r"made with size 32, not 33.*delete this one"):
        make_image_set(records, tmp_path / "set", ImageSetConfig(size=33))
    with pytest.raises(ImageError, match="made with seed 44, not 1"):
        make_image_set(records, tmp_path / "set", ImageSetConfig(size=32, seed=1))


def test_images_of_others_are_left_alone(records, tmp_path):
    foreign = tmp_path / "set" / "all" / "AF" / "A0001-s00_PIL.png"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"x")
    with pytest.raises(ImageError, match="did not write"):
        make_image_set(records, tmp_path / "set", SMALL)
    assert foreign.read_bytes() == b"x"


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
    with pytest.raises(RecordError, match="folder not found"):
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


def test_strict_names_record_reason_and_remedy(few, tmp_path):
    message = error_of(ImageError, lambda: make_image_set(few, tmp_path / "set", TINY, strict=True))
    assert message == (
        f"{few / 'S3.hea'}: skipped: no diagnosis in the header; "
        "repair or remove the record, or omit --strict"
    )


def test_nothing_to_draw_says_how_many_and_why(few, tmp_path, write_record):
    for name in ("R2", "R10", "S1", "S2"):
        (few / f"{name}.hea").unlink()
    out = tmp_path / "set"
    told = f"{out / 'records.csv'}: no image could be drawn: "
    see = "; see that file for the reasons"
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
        ({"png": False}, "neither PNG files nor a pack would be written"),
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
        f"{out}: its images were made with seed 44, not 45; "
        "choose another folder, or delete this one to draw the set again"
    )
    settings = json.loads((out / ".settings.json").read_text())
    assert settings == {"format": 1, **TINY.pixel_settings(), "matplotlib": mpl.__version__}
    (out / ".settings.json").write_text(json.dumps(settings | {"matplotlib": "1.0"}))
    assert "made with matplotlib 1.0, not" in error_of(
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
        ".settings.json: field `format` is 2, must be 1: the set is from another version of this "
        "program; use that version, or delete the folder to draw it again"
    )


@pytest.mark.parametrize("name", ["manifest.csv", "all/AF/x.png"])
def test_a_folder_of_another_maker_is_refused(few, tmp_path, name):
    out = tmp_path / "set"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("")
    assert error_of(ImageError, lambda: make_image_set(few, out, TINY)) == (
        f"{out}: contains images that this command did not write; choose another folder"
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
        "wait for it to finish or choose another folder"
    )


def test_a_folder_that_cannot_be_written_to_says_what_to_do(few, tmp_path, monkeypatch):
    def no_room(*arguments, **options):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(drawing, "write_png", no_room)
    message = error_of(ImageError, lambda: make_image_set(few, tmp_path / "set", TINY))
    assert message.startswith(f"{tmp_path / 'set'}") and "No space left on device" in message
    assert message.endswith("and run the same command again to resume")


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
        "ekg.images.drawing_run.draw_record", lambda job: pytest.fail(f"{job.header} drawn again")
    )
    assert make_image_set(records, tmp_path / "set", CONFIG, pack=True).skipped == 1
