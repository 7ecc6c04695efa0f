"""The paper's own model, fetched or copied."""

import dataclasses
import shutil

import pytest

from ekg.cli import main
from ekg.datasets.published_model import fetch_published_model
from ekg.datasets.registry import source_named
from ekg.errors import DownloadError
from ekg.paths import PUBLISHED_FOLDER
from tests.datasets.small_set import sha256

NAMES = {file.local for file in source_named("published_model").files}


def visible(folder):
    return {path.name for path in folder.iterdir() if not path.name.startswith(".")}


def test_copy_of_a_flat_folder(shared, tmp_path, capsys):
    copy = ["best-model", "--from", str(shared / "published_model"), "--out", str(tmp_path / "m")]
    assert main(copy) == 0
    assert "6 files in" in capsys.readouterr().out
    assert visible(tmp_path / "m") == NAMES
    assert main(["best-model", "--out", str(tmp_path / "m")]) == 0  # nothing left to fetch


def test_copy_of_a_nested_folder(shared, tmp_path):
    nested = tmp_path / "clone" / "best_model_for_paper" / "2020"
    for file in source_named("published_model").files:
        (nested / file.path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(shared / "published_model" / file.local, nested / file.path)
    assert len(fetch_published_model(tmp_path / "m", from_path=tmp_path / "clone")) == 6
    assert visible(tmp_path / "m") == NAMES


def test_wrong_bytes_are_refused_with_both_values(shared, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(shared / "published_model", copy)
    weights = copy / "mobilenetv3_small_custom_37.model"
    weights.chmod(0o644)
    weights.write_bytes(weights.read_bytes()[:-1] + b"?")
    with pytest.raises(DownloadError, match="1 of 6 files") as refusal:
        fetch_published_model(tmp_path / "m", from_path=copy)
    assert "731a373ea9e181e3" in str(refusal.value)
    assert sha256(weights.read_bytes()) in str(refusal.value)
    assert weights.name not in visible(tmp_path / "m")


def test_fetched_from_a_server(shared, tmp_path, server, settings):
    source = dataclasses.replace(source_named("published_model"), addresses=(server.address,))
    for file in source.files:
        server.files[file.path] = (shared / "published_model" / file.local).read_bytes()
    server.fail("models/mobilenetv3_small_custom_37.model", ("cut", 300_000), ("status", 429))
    files = fetch_published_model(tmp_path / "m", source=source, settings=settings)
    assert {path.name for path in files} == NAMES


def test_offline_says_what_to_do(tmp_path, server, settings):
    source = dataclasses.replace(source_named("published_model"), addresses=(server.address,))
    with pytest.raises(DownloadError, match=r"by hand and run this command with --from FOLDER"):
        fetch_published_model(tmp_path / "m", source=source, settings=settings)


def test_the_folder_tells_the_facts_of_the_model(root):
    readme = (root / PUBLISHED_FOLDER / "README.md").read_text()
    assert "151,463" in readme and "make best-model" in readme and "licence" in readme.lower()
    for name in NAMES:
        assert name in readme
