"""The published network on real recordings."""

import json

import numpy as np
import pandas as pd
import pytest

from ekg.api import load, read_record
from ekg.cli import main
from ekg.images.renderer import Renderer
from ekg.model import load_model
from ekg.model.torch_engine import TorchEngine
from ekg.records.diagnoses import CLASSES
from ekg.records.record import read_header


@pytest.fixture(scope="module")
def published_file(shared):
    return shared / "published_model" / "mobilenetv3_small_custom_37.model"


def accuracy(predictions):
    verdicts = [(read_header(entry["path"]).diagnoses, entry["diagnosis"]) for entry in predictions]
    single = [(d[0], v) for d, v in verdicts if len(d) == 1 and d[0] in CLASSES]
    return len(single), float(np.mean([truth == verdict for truth, verdict in single]))


def test_a_few_real_records(shared, published_file, capsys):
    folder = shared / "real" / "cpsc2018"
    names = ["A0001", "A0007", "A0017", "A0031"]
    paths = [str(folder / name) for name in names if (folder / f"{name}.hea").is_file()]
    assert main(["predict", *paths, "--model", str(published_file), "--format", "json"]) == 0
    count, share = accuracy(json.loads(capsys.readouterr().out))
    assert count >= 2
    assert share >= 0.75


@pytest.mark.slow
def test_accuracy_on_the_real_records(shared, published_file, capsys):
    folder = shared / "real" / "cpsc2018"
    assert main(["predict", str(folder), "--model", str(published_file), "--format", "json"]) == 0
    predictions = json.loads(capsys.readouterr().out)
    assert len(predictions) == len(list(folder.rglob("*.hea")))
    count, share = accuracy(predictions)
    assert count >= 60
    assert share >= 0.80


@pytest.mark.slow
def test_golden_logits_of_every_slice_from_its_record(shared, published_file):
    """From the record's file to the logits: the whole pipeline, on all golden slices."""
    import torch

    model, renderer = load_model(published_file), Renderer(800)
    table = pd.read_csv(shared / "golden" / "golden.csv")
    columns = [f"logit_{name}" for name in CLASSES]
    differences = []
    for name, rows in table.groupby("record"):
        signal = read_record(shared / "real" / "cpsc2018" / str(name)).signal
        drawn = np.stack([renderer.draw(signal[:, s : s + 1250]) for s in rows["start"]])
        with torch.inference_mode():
            logits = model(torch.from_numpy(drawn)).numpy()
        differences.append(np.abs(logits - rows[columns].to_numpy()).max())
    assert len(table) == 436
    assert max(differences) <= 1e-3


def test_it_is_the_golden_prediction_for_a_golden_slice(shared, published_file):
    row = pd.read_csv(shared / "golden" / "golden.csv").iloc[0]
    record = read_record(shared / "real" / "cpsc2018" / row["record"])
    model = load(published_file)
    drawn = model.renderer.draw(record.signal[:, row["start"] : row["start"] + 1250])
    assert isinstance(model.engine, TorchEngine)
    probabilities = model.engine.probabilities(drawn[None])[0]
    assert CLASSES[int(probabilities.argmax())] == row["pred"]
