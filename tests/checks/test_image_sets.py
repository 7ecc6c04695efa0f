"""Image sets that are, or are not, what their manifest says."""

import shutil

import numpy as np
import pytest

from checks import image_sets
from checks.findings import Repository
from checks.image_sets import check_image_sets, check_splits
from ekg.data.split import read_labels, split_records, write_split
from ekg.files import read_json, write_json
from ekg.images.image_set import make_image_set, read_image
from ekg.images.manifest import read_manifest
from ekg.images.pack import open_pack
from ekg.images.png import write_png
from ekg.images.record_images import ImageSetConfig
from ekg.simulator.record_files import SimulationSettings, simulate_folder


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Images of 21 records at 16 pixels, as files and packed, with a split."""
    home = tmp_path_factory.mktemp("home") / "data" / "toy"
    simulate_folder(home / "records", 21, SimulationSettings())
    make_image_set(home / "records", home / "im_res_16", ImageSetConfig(size=16), pack=True)
    labels = read_labels(home / "im_res_16" / "records.csv")
    folds = split_records(labels, protocol="stratified")
    write_split(home / "im_res_16" / "split.csv", folds, labels)
    return home.parent.parent


@pytest.fixture
def repository(made, tmp_path):
    shutil.copytree(made / "data", tmp_path / "data")
    return Repository(tmp_path, full=True)


@pytest.fixture
def images(repository):
    return repository.root / "data" / "toy" / "im_res_16"


def only(findings):
    (finding,) = findings
    return finding


def test_a_whole_set_passes(repository, images):
    finding = only(check_image_sets(repository))
    count = len(read_manifest(images))
    assert finding.verdict == "pass"
    assert finding.found == f"{count} PNG, {count} packed of {count} images checked"


def test_a_sample_is_looked_at_by_default(repository, monkeypatch):
    monkeypatch.setattr(image_sets, "SAMPLE", 5)
    finding = only(check_image_sets(Repository(repository.root)))
    assert finding.verdict == "pass" and finding.found.startswith("5 PNG, 5 packed of")


def test_one_other_pixel_is_found(repository, images):
    name = read_manifest(images)["image"].iloc[3]
    image = read_image(images / name).copy()
    image[5, 5] ^= 1
    write_png(images / name, image)
    finding = only(check_image_sets(repository))
    assert finding.verdict == "fail" and f"1 PNG files have other pixels: {name}" in finding.found


def test_one_other_byte_of_the_pack_is_found(repository, images):
    pack, index = open_pack(images)
    changed = np.array(pack)
    changed[2, 0, 0] ^= 255
    np.save(images / "pack.npy", changed)
    finding = only(check_image_sets(repository))
    assert finding.verdict == "fail"
    assert f"1 images of pack.npy differ: {index['image'].iloc[2]}" in finding.found


def test_a_missing_file_is_found_even_outside_the_sample(repository, images, monkeypatch):
    monkeypatch.setattr(image_sets, "SAMPLE", 1)
    for name in read_manifest(images)["image"].iloc[:2]:
        (images / name).unlink()
    finding = only(check_image_sets(Repository(repository.root)))
    assert finding.verdict == "fail" and "2 PNG files missing" in finding.found


def test_a_damaged_file_is_a_failure(repository, images):
    (images / read_manifest(images)["image"].iloc[0]).write_bytes(b"\x89PNG nothing")
    finding = only(check_image_sets(repository))
    assert finding.verdict == "fail" and "_PIL.png" in finding.found


def test_a_changed_manifest_is_found(repository, images):
    path = images / "manifest.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:-1]))
    finding = only(check_image_sets(repository))
    assert finding.verdict == "fail" and "dataset.json" in finding.found


def test_a_set_that_claims_no_images_is_a_failure(repository, images):
    description = read_json(images / "dataset.json")
    write_json(images / "dataset.json", {**description, "png": False, "pack": False})
    assert only(check_image_sets(repository)).verdict == "fail"


def test_without_image_sets_it_is_skipped(empty):
    assert only(check_image_sets(empty)).verdict == "skipped"


def test_folds_of_an_image_set(repository, images, verdicts):
    found = verdicts(check_splits(repository))
    assert found["paper-split"][0][0] == "skipped"
    assert found["image-set-splits"][0][0] == "pass"
    path = images / "split.csv"
    path.write_text(path.read_text().replace(",test\n", ",none\n"))
    verdict, said = verdicts(check_splits(repository))["image-set-splits"][0]
    assert verdict == "fail" and "fold test has no image" in said


def test_the_published_split_from_the_reference_labels(shared, tmp_path, verdicts):
    reference = tmp_path / "reference"
    (reference / "spec").mkdir(parents=True)
    labels = reference / "spec" / "paper_split.csv"
    shutil.copyfile(shared / "spec" / "paper_split.csv", labels)
    repository = Repository(tmp_path / "top", shared=reference)
    assert verdicts(check_splits(repository))["paper-split"] == [
        ("pass", "reference labels: 6877 of 6877 folds equal")
    ]
    text = labels.read_text()
    labels.write_text(text.replace(",test\n", ",val\n", 1))
    verdict, said = verdicts(check_splits(repository))["paper-split"][0]
    assert verdict == "fail" and "6876 of 6877" in said
