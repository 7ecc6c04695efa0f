"""The manifest: its checksum, and files that are none."""

import json

from ekg.errors import ImageError
from ekg.images.image_set import make_image_set
from ekg.images.manifest import MANIFEST_COLUMNS, read_manifest
from ekg.images.record_images import ImageSetConfig
from tests.images.tiny_set import error_of


def test_a_changed_manifest_is_refused_until_the_set_is_made_again(records, tmp_path):
    folder, config = tmp_path / "set", ImageSetConfig(size=64)
    make_image_set(records, folder, config)
    whole = (folder / "manifest.csv").read_bytes()
    (folder / "manifest.csv").write_bytes(whole.replace(b",AF,0,", b",STD,0,", 1))
    assert error_of(ImageError, lambda: read_manifest(folder)) == (
        f"{folder / 'manifest.csv'}: does not match dataset.json beside it; "
        "run `python -m ekg images` again; after a deliberate change, remove the field "
        "`manifest_sha256` from dataset.json"
    )
    # The file alone, wherever it lies, is read as it is.
    assert len(read_manifest(folder / "manifest.csv")) > 0
    make_image_set(records, folder, config)
    assert (folder / "manifest.csv").read_bytes() == whole and len(read_manifest(folder)) > 0
    (folder / "manifest.csv").write_bytes(whole.replace(b",AF,0,", b",STD,0,", 1))
    description = json.loads((folder / "dataset.json").read_text())
    del description["manifest_sha256"]
    (folder / "dataset.json").write_text(json.dumps(description))
    assert "STD" in set(read_manifest(folder)["diagnosis"])
    (folder / "dataset.json").write_text('["of another maker"]')
    assert "STD" in set(read_manifest(folder)["diagnosis"])


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
        f"{path}: manifest not found; run `python -m ekg images` and let it finish"
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
