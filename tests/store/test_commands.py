"""`export`, `summary`, `store` and others: what they print, and how they refuse."""

import re
import time

import numpy as np
import pytest
import torch
from PIL import Image

from ekg.cli import main
from ekg.files import sha256_of_file
from ekg.model import EkgModel, build_network, save_weights
from ekg.model.export import check_images
from ekg.paths import default_model


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "small"
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        model = EkgModel(build_network(), image_size=64)
    save_weights(folder / "weights.safetensors", model.network.state_dict(), model.metadata)
    return folder


def test_export_is_compared_on_the_images_of_a_folder(run_folder, tmp_path, capsys):
    images = tmp_path / "pictures"
    images.mkdir()
    for number, image in enumerate(check_images(64)[:3]):
        Image.fromarray(np.squeeze(image)).save(images / f"{number}.png")
    out = tmp_path / "small.onnx"
    arguments = ["export", "--model", str(run_folder), "--check-on", str(images)]
    assert main([*arguments, "--out", str(out)]) == 0
    assert re.fullmatch(
        rf"{out}: 0\.\d\d MB, largest difference from torch \S+ over 3 images "
        r"\(allowed 0\.0001\), of small\. Not for clinical use\.\n",
        capsys.readouterr().out,
    )
    assert out.is_file()


def test_export_refuses_a_folder_without_images(run_folder, tmp_path, capsys):
    assert main(["export", "--model", str(run_folder), "--check-on", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"error: {tmp_path}: no *.png in this folder; check the path\n"
    )
    assert not (run_folder / "model.onnx").exists()


def test_summary_ends_with_the_time_taken(capsys):
    run = default_model()
    started = int(time.time()) - 90
    assert main(["summary", "--run", str(run), "--started", str(started)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Not for clinical use." in lines[1]
    taken = re.fullmatch(r"time      (\d+\.\d) minutes in total", lines[-1])
    assert taken and 1.5 <= float(taken[1]) <= (time.time() - started) / 60 + 0.05
    assert main(["summary", "--run", str(run)]) == 0
    assert "minutes in total" not in capsys.readouterr().out


def test_store_names_what_it_kept(tmp_path, capsys):
    stored = default_model()
    out = tmp_path / stored.name
    assert main(["store", "--run", str(stored), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{out}: ") and "weights.safetensors" in said
    for name in ("weights.safetensors", "model.onnx"):
        assert sha256_of_file(out / name) == sha256_of_file(stored / name)


def test_paper_needs_a_process(capsys):
    assert main(["paper", "--run", "published", "--jobs", "0"]) == 2
    assert capsys.readouterr().err == "error: --jobs must be at least 1\n"


def test_many_skipped_records_are_counted_not_listed(tmp_path, capsys):
    records = tmp_path / "records"
    main(["simulate", "--out", str(records), "--records", "7", "--seed", "1"])
    for number in range(40):
        (records / f"X{number:02d}.hea").write_text("not a header\n")
    capsys.readouterr()
    out = tmp_path / "set"
    assert main(["images", "--records", str(records), "--out", str(out), "--size", "16"]) == 0
    done = capsys.readouterr()
    shown = [line for line in done.err.splitlines() if line.startswith("skipped X")]
    assert shown and f"and {40 - len(shown)} more, see records.csv" in done.err
    assert "of 7 records" in done.out and "40 skipped (see records.csv)" in done.out
