"""The hackathon's training, on images whose colour is their class."""

import colorsys

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from ekg.config import load_config
from ekg.data.loader import Loader
from ekg.errors import ConfigError, ModelError, TrainingError
from ekg.hackathon.images import ColourSource
from ekg.hackathon.ptbdb import HACKATHON_CLASSES
from ekg.hackathon.training import (
    TRAIN_PARTS,
    ColourModel,
    build_colour_model,
    hackathon_config,
    load_colour_model,
    train_hackathon,
)

SIZE = 32
TOY = (
    "network.name=squeezenet1_0",
    "network.weights=",
    f"data.image_size={SIZE}",
    "training.epochs=3",
    "training.batch_size=4",
    "compute.device=cpu",
    "compute.threads=1",
    "compute.workers=0",
)
EXPERIMENTS = {"final": "hackathon_final_layer.toml", "all": "hackathon_whole_network.toml"}


@pytest.fixture
def image_set(tmp_path):
    """Folder, images and folds of images in five colours."""
    folder = tmp_path / "images"
    generator = np.random.default_rng(3)
    rows = []
    for index, name in enumerate(HACKATHON_CLASSES):
        colour = 255 * np.array(colorsys.hsv_to_rgb(index / 5, 1, 1))
        for number in range(6):
            image = f"all/{index}/{number}.png"
            pixels = colour + generator.normal(0, 20, (SIZE, SIZE, 3))
            (folder / image).parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(folder / image)
            rows.append((image, name, "val" if number > 3 else "train"))
    images = pd.DataFrame(rows, columns=["image", "diagnosis", "fold"])
    images.to_csv(tmp_path / "folds.csv", index=False)
    return folder, images


def train(image_set, run, *overrides, part="all", log=None):
    folder, images = image_set
    config = hackathon_config(part, [*TOY, *overrides])
    train_hackathon(
        config,
        folder,
        images,
        images["fold"],
        run,
        folder.parent / "folds.csv",
        log=log or (lambda line: None),
    )
    return config


@pytest.mark.parametrize("part", TRAIN_PARTS)
def test_the_experiment_files_are_what_the_command_uses(root, part):
    config = load_config(root / "experiments" / EXPERIMENTS[part])
    assert config == hackathon_config(part)
    assert config.network.name == "resnet101"
    assert config.training.batch_size == {"final": 16, "all": 8}[part]
    assert (config.optimizer.learning_rate, config.optimizer.momentum) == (0.001, 0.9)


def test_the_epoch_of_the_best_accuracy_is_kept(image_set, tmp_path):
    run = tmp_path / "run"
    config = train(image_set, run, "optimizer.learning_rate=0.01", "training.epochs=4")
    history = pd.read_csv(run / "train_results.csv")
    best = history["val_accuracy"].idxmax()
    assert list(history["saved_model"]) == list(
        history["val_accuracy"] > history["val_accuracy"].cummax().shift(fill_value=-1)
    )
    model = load_colour_model(run, config)
    folder, images = image_set
    rows = images[images["fold"] == "val"].reset_index(drop=True)
    labels = rows["diagnosis"].map(HACKATHON_CLASSES.index).to_numpy()
    loader = Loader(ColourSource(folder, rows, SIZE), labels, workers=0)
    (batch,) = loader.batches([np.arange(len(rows))])
    with torch.inference_mode():
        right = model(torch.from_numpy(batch.images)).argmax(1).numpy() == labels
    assert right.mean() == pytest.approx(history["val_accuracy"][best])
    # Sums of the steps: the loss of untrained weights over five classes lies near log 5.
    assert history["train_loss"][0] == pytest.approx(np.log(5), abs=0.5)


def test_a_run_goes_on_where_it_was_stopped(image_set, tmp_path):
    train(image_set, tmp_path / "whole")

    class StoppedError(Exception):
        pass

    def stop(line):
        raise StoppedError

    with pytest.raises(StoppedError):
        train(image_set, tmp_path / "parts", log=stop)
    assert len(pd.read_csv(tmp_path / "parts" / "train_results.csv")) == 1
    train(image_set, tmp_path / "parts")
    same = ["epoch", "train_loss", "val_loss", "val_accuracy", "train_accuracy"]
    whole, parts = (
        pd.read_csv(tmp_path / n / "train_results.csv")[same] for n in ("whole", "parts")
    )
    pd.testing.assert_frame_equal(whole, parts, check_exact=True)

    before = (tmp_path / "parts" / "train_results.csv").stat().st_mtime_ns
    train(image_set, tmp_path / "parts")
    assert (tmp_path / "parts" / "train_results.csv").stat().st_mtime_ns == before
    with pytest.raises(TrainingError, match=r"optimizer\.learning_rate"):
        train(image_set, tmp_path / "parts", "optimizer.learning_rate=0.5")


def test_only_the_final_layer_moves(image_set, tmp_path):
    config = hackathon_config("final", TOY)
    torch.manual_seed(config.training.seed + 1)
    first = build_colour_model(config).network.state_dict()
    train(image_set, tmp_path / "run", part="final")
    last = load_colour_model(tmp_path / "run", config).network.state_dict()
    moved = {name for name in first if not torch.equal(first[name], last[name])}
    assert moved == {"classifier.1.weight", "classifier.1.bias"}


def test_what_cannot_be_trained_is_said(tmp_path):
    with pytest.raises(ModelError, match="resnet101"):
        build_colour_model(hackathon_config("all", ["network.name=mobilenetv3_small_custom"]))
    with pytest.raises(ConfigError, match=r"training\.epochs"):
        hackathon_config("all", ["training.epochs=0"])


def test_colours_are_normalised_each_by_its_own():
    model = ColourModel(torch.nn.Identity(), HACKATHON_CLASSES, 2, (0.0, 0.5, 1.0), (1.0, 0.5, 2.0))
    images = torch.full((1, 3, 2, 2), 255, dtype=torch.uint8)
    assert model.normalise(images)[0, :, 0, 0].tolist() == [1.0, 1.0, 0.0]
    assert torch.equal(model.normalise(images.unsqueeze(1)), model.normalise(images))
    with pytest.raises(ModelError, match="uint8"):
        model.normalise(images.float())
    with pytest.raises(ModelError, match=r"\(1, 1, 2, 2\)"):
        model.normalise(images[:, :1])
