""" "Your own records" of docs/data.md, done as it says with a set of another make."""

import csv
import io
import json
import re
import shlex
import subprocess
import sys

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


def make(root, folder, *words):
    """Run make where the project's files are, with data of its own; what it printed."""
    for name in ("Makefile", "docker", "ekg", "experiments"):
        if not (folder / name).exists():
            (folder / name).symlink_to(root / name)
    return subprocess.run(
        ["make", *words, f"PYTHON={sys.executable}", "SIZE=16", "JOBS=1"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def names_in(manifest):
    with open(manifest, newline="") as stream:
        return {row["record"] for row in csv.DictReader(stream)}


def test_make_tells_folders_of_one_name_apart_and_sees_what_comes_and_goes(root, tmp_path):
    """Names with spaces among them."""
    for place in ("my ward's", "b"):
        (tmp_path / place).mkdir()
        write_set(tmp_path / place / "records")
    first = tmp_path / "my ward's" / "records"
    assert make(root, tmp_path, "data", f"RECORDS={first}").returncode == 0
    (one,) = tmp_path.glob("data/local-records-*/im_res_16/manifest.csv")
    assert len(names_in(one)) == 14
    made = one.stat().st_mtime_ns
    done = make(root, tmp_path, "data", f"RECORDS={first.parent.name}/records/")
    assert (done.returncode, one.stat().st_mtime_ns) == (0, made), done.stderr
    (first / "later").mkdir()
    for suffix in (".hea", ".dat"):
        (first / f"mine3{suffix}").rename(first / "later" / f"mine3{suffix}")
        (first / f"mine4{suffix}").unlink()
    (first / "later" / "mine3.hea").rename(first / "later" / "new.hea")
    assert make(root, tmp_path, "data", f"RECORDS={first}").returncode == 0
    assert names_in(one) == {f"mine{n}" for n in range(14) if n not in {3, 4}} | {"new"}
    other = make(
        root, tmp_path, "data", f"RECORDS={tmp_path / 'b' / 'records'}", f"DATASET={one.parts[-3]}"
    )
    assert other.returncode == 2 and "contains the images of the records in" in other.stderr
    assert names_in(one) == {f"mine{n}" for n in range(14) if n not in {3, 4}} | {"new"}


def test_make_gives_names_with_spaces_on_whole(root, tmp_path):
    (tmp_path / "my split.csv").touch()
    (tmp_path / "a b.hea").touch()
    planned = make(root, tmp_path, "-n", "train", "evaluate", "SPLIT=my split.csv").stdout
    assert planned.count("--split 'my split.csv'") == 2
    planned = make(root, tmp_path, "-n", "predict", "PATHS=a b.hea", "MODEL=my model").stdout
    assert "predict 'a b.hea' --model 'my model'" in planned
    outs = {
        re.search(
            r"--out (\S+)",
            make(root, tmp_path, "-n", "external", "MODEL=m", f"RECORDS=x y/{n}/records").stdout,
        )[1]
        for n in "ab"
    }
    assert len(outs) == 2 and all(out.startswith("runs/external/local-records-") for out in outs)


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
