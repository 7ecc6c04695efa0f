""" "Your own records" of docs/data.md, done as it says with a set of another make."""

import csv
import io
import json
import re
import shlex

import numpy as np
import pytest
import torch
import wfdb

from ekg.cli import main
from ekg.model import build_network, save_weights
from ekg.records.diagnoses import CLASSES
from ekg.records.record import LEADS


@pytest.fixture
def commands(root):
    text = (root / "docs" / "data.md").read_text(encoding="utf-8")
    block = re.search(r"```bash\n(.*?)```", text, re.DOTALL).group(1)
    found = [line for line in block.splitlines() if line]
    assert all(line.startswith("python -m ekg ") for line in found)
    return found


def write_set(folder):
    """14 records at 360 Hz in microvolts, chest leads first, two signals too many."""
    folder.mkdir()
    names = [*LEADS[6:], "Resp", *(lead.lower() for lead in LEADS[:6]), "MCL1"]
    for number in range(14):
        rng = np.random.default_rng(number)
        signal = rng.normal(0, 200, (4 * 360, len(names)))
        wfdb.wrsamp(
            f"mine{number}",
            fs=360,
            units=["uV"] * len(names),
            sig_name=names,
            p_signal=signal,
            fmt=["16"] * len(names),
            comments=[f"Dx: {('AF', '59118001')[number % 2]}"],
            write_dir=str(folder),
        )


def test_ten_lines(commands, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_set(tmp_path / "my_records")
    torch.manual_seed(0)
    metadata = {
        "network": "mobilenetv3_small_custom",
        "classes": list(CLASSES),
        "image_size": 800,
        "mean": 0.958,
        "std": 0.093,
        "in_channels": 1,
    }
    save_weights(tmp_path / "untrained.safetensors", build_network().state_dict(), metadata)
    printed = {}
    for command in commands:
        arguments = shlex.split(command.replace("$MODEL", "untrained.safetensors"))[3:]
        assert main(arguments) == 0, f"{command}: {capsys.readouterr().err}"
        printed[arguments[0]] = capsys.readouterr().out
    predictions = list(csv.DictReader(io.StringIO(printed["predict"])))
    assert [row["record"] for row in predictions] == [f"mine{number}" for number in range(14)]
    assert all(row["diagnosis"] in CLASSES for row in predictions)
    assert sorted(printed["counts"].splitlines()) == ['"AF",7', '"RBBB",7']
    split = list(csv.DictReader((tmp_path / "data" / "mine" / "split.csv").open()))
    assert len(split) == 14 and {row["split"] for row in split} == {"train", "val", "test"}
    metrics = json.loads((tmp_path / "runs" / "mine" / "metrics.json").read_text())
    assert metrics["dataset"] == "mine"
    assert metrics["test"]["records"] == sum(row["split"] == "test" for row in split)
    report = json.loads((tmp_path / "runs" / "mine-external" / "external.json").read_text())
    assert report["data"]["units"] == {"uV": 14}
    assert report["data"]["sampling_frequency_hz"] == {"360": 14}
    assert report["external"]["records"] == 14
