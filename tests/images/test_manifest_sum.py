"""A manifest that is not the one its set was finished with."""

import json

from ekg.errors import ImageError
from ekg.images.image_set import make_image_set, read_manifest
from ekg.images.record_images import ImageSetConfig
from tests.images.tiny_set import error_of


def test_a_changed_manifest_is_refused_until_the_set_is_made_again(records, tmp_path):
    folder, config = tmp_path / "set", ImageSetConfig(size=64)
    make_image_set(records, folder, config)
    whole = (folder / "manifest.csv").read_bytes()
    (folder / "manifest.csv").write_bytes(whole.replace(b",AF,0,", b",STD,0,", 1))
    assert error_of(ImageError, lambda: read_manifest(folder)) == (
        f"{folder / 'manifest.csv'}: is not the manifest that dataset.json beside it describes; "
        "run `python -m ekg images` again; if you changed it on purpose, remove the field "
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
