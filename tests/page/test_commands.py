"""`page` and `serve`, from the command line to the finished folder and the answered request."""

import json
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
import torch

from ekg.cli import main
from ekg.files import sha256_of_file
from ekg.model import EkgModel, build_network, load_model, save_weights
from ekg.model.engines import open_engine
from ekg.model.export import check_images
from ekg.model.torch_engine import TorchEngine
from ekg.paths import default_model
from ekg.records.diagnoses import CLASSES
from ekg.records.record import read_record
from page import PageError, build
from page.build import (
    NETWORKS,
    PDF_FILES,
    PDF_FOLDER,
    READERS,
    RUNTIME_FILES,
    RUNTIME_FOLDER,
    build_page,
)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    """A run folder of a small model with fresh weights."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        model = EkgModel(build_network(), image_size=64, temperature=1.3)
    save_weights(folder / "weights.safetensors", model.network.state_dict(), model.metadata)
    return folder


@pytest.fixture(scope="module")
def sources(root, tmp_path_factory):
    """The page's sources, with stand-ins for the files of its npm packages."""
    folder = tmp_path_factory.mktemp("sources") / "page"
    shutil.copytree(root / "page", folder, ignore=shutil.ignore_patterns("node_modules"))
    for package, place, names in (
        (RUNTIME_FOLDER, "dist", RUNTIME_FILES),
        (PDF_FOLDER, "build", PDF_FILES),
    ):
        (folder / package / place).mkdir(parents=True)
        for name in names:
            (folder / package / place / name).write_text(f"stand-in for {name}")
        about = {"name": package.name, "version": "1.2.3", "license": "MIT", "private": "x"}
        (folder / package / "package.json").write_text(json.dumps(about))
    return folder


@pytest.fixture(scope="module")
def page(run_folder, sources, tmp_path_factory):
    """The page, built in the place of an older one."""
    out = tmp_path_factory.mktemp("built") / "page"
    out.mkdir()
    (out / "page.json").write_text("{}")
    (out / "of-the-last-time.txt").write_text("old")
    return build_page(run_folder, out, sources)


def test_the_built_page_lists_all_that_it_holds(page):
    listed = json.loads((page.folder / "page.json").read_text())
    found = {
        path.relative_to(page.folder).as_posix(): sha256_of_file(path)
        for path in page.folder.rglob("*")
        if path.is_file() and path.name != "page.json"
    }
    assert listed == {"schema": 1, "sha256": found}
    assert page.size_bytes == sum((page.folder / name).stat().st_size for name in found)
    assert {"index.html", "style.css", "assets/model.onnx", "assets/picture.json"} <= set(found)
    for name in READERS:
        assert (page.folder / "assets" / name).read_bytes() == (NETWORKS / name).read_bytes()
    assert {f"vendor/{name}" for name in (*RUNTIME_FILES, *PDF_FILES)} <= set(found)
    assert not [name for name in found if "node_modules" in name or "package" in name]
    about = json.loads((page.folder / "vendor" / "onnxruntime-web.json").read_text())
    assert about == {"name": "onnxruntime-web", "version": "1.2.3", "license": "MIT"}
    assert [p.name for p in page.folder.parent.iterdir()] == ["page"], "nothing is left beside it"


def test_the_page_has_the_model_and_says_which(page, run_folder):
    described = json.loads((page.folder / "assets" / "model.json").read_text())
    weights = run_folder / "weights.safetensors"
    assert described["weightsSha256"] == sha256_of_file(weights)
    assert described["onnxSha256"] == sha256_of_file(page.folder / "assets" / "model.onnx")
    assert [entry["name"] for entry in described["classes"]] == list(CLASSES)
    assert (described["imageSize"], described["calibrated"]) == (64, True)
    exported = open_engine(page.folder / "assets" / "model.onnx", "onnx")
    images = check_images(64)[:2]
    difference = exported.probabilities(images) - TorchEngine(load_model(run_folder)).probabilities(
        images
    )
    assert abs(difference).max() < 1e-4
    assert page.export.largest_difference < 1e-4


def test_an_example_of_each_class_can_be_read(page):
    folder = page.folder / "examples"
    examples = json.loads((folder / "examples.json").read_text())
    assert [example["diagnosis"] for example in examples] == list(CLASSES)
    for example in examples:
        record = read_record(folder / example["files"][0].removesuffix(".hea"))
        assert record.header.diagnoses == (example["diagnosis"],)
    assert {path.suffix for path in folder.iterdir()} == {".hea", ".mat", ".json"}


def test_a_model_that_the_page_cannot_show_leaves_the_old_page(sources, tmp_path):
    out = tmp_path / "page"
    out.mkdir()
    (out / "page.json").write_text("{}")
    two = EkgModel(build_network(n_classes=2), image_size=64, classes=("AF", "STE"))
    weights = tmp_path / "two" / "weights.safetensors"
    save_weights(weights, two.network.state_dict(), two.metadata)
    with pytest.raises(PageError, match=r"weights\.safetensors: the page shows the seven classes"):
        build_page(weights, out, sources)
    assert [path.name for path in out.iterdir()] == ["page.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page", "two"]


def test_the_verb_page_says_what_was_built(page, run_folder, capsys, monkeypatch):
    asked = []

    def built(model, out):
        asked.append((model, out))
        return page

    monkeypatch.setattr(build, "build_page", built)
    assert main(["page", "--model", str(run_folder), "--out", "somewhere"]) == 0
    assert main(["page"]) == 0
    assert asked == [
        (run_folder, Path("somewhere")),
        (default_model(), Path("build/page")),
    ]
    said = capsys.readouterr().out.splitlines()
    assert re.fullmatch(
        rf"{page.folder}: \d+\.\d MB, model {run_folder}, largest difference from torch "
        r"\S+ over \d+ images\. Not for clinical use\.",
        said[0],
    )


def test_the_verb_serve_answers_until_interrupted(page):
    command = [sys.executable, "-m", "ekg", "serve", "--folder", str(page.folder), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            address = re.fullmatch(r"(http://127\.0\.0\.1:\d+/) \(Ctrl-C ends\)\n", line).group(1)
            with urllib.request.urlopen(f"{address}index.html", timeout=60) as answer:
                assert answer.read() == (page.folder / "index.html").read_bytes()
            process.send_signal(signal.SIGINT)
            assert process.communicate(timeout=120)[0] == "ended\n"
        finally:
            process.kill()
    assert process.returncode == 0
