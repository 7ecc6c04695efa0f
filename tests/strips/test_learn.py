"""Training of the networks that read pages: resumable and repeatable."""

import dataclasses
import json

import numpy as np
import pytest
import torch

from ekg.errors import ConfigError, TrainingError
from ekg.files import sha256_of_file
from ekg.strips.learn import loop, store
from ekg.strips.learn.loop import Training, checksum, learning_rate, make_data, train
from ekg.strips.learn.networks import NameNetwork, SegmentNetwork
from ekg.strips.learn.recipe import StripRecipe, load_recipe
from ekg.strips.learn.segment_samples import CHANNELS, squares
from ekg.strips.segment import CLASSES, grey_and_chroma, network_inputs

NAMES_RECIPE = StripRecipe(
    "names", samples=64, steps=6, batch_size=8, warmup=2, checkpoint_steps=2, export_steps=100
)


@pytest.fixture(autouse=True)
def _torch_as_before():
    threads, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(strict)


def test_a_training_that_was_interrupted_ends_with_the_same_weights(tmp_path):
    whole = train(NAMES_RECIPE, tmp_path / "whole", tmp_path)
    train(NAMES_RECIPE, tmp_path / "parts", tmp_path, steps=2)
    assert not (tmp_path / "parts" / "finished.json").exists()
    parts = train(NAMES_RECIPE, tmp_path / "parts", tmp_path)
    assert checksum(whole.network) == checksum(parts.network)
    assert checksum(whole.average.network) == checksum(parts.average.network)
    for name in ("start.csv", "finished.json", "network.onnx"):
        assert (tmp_path / "parts" / name).is_file()
    same = (tmp_path / "whole" / "start.csv").read_text()
    assert (tmp_path / "parts" / "start.csv").read_text() == same


def test_a_run_of_another_recipe_is_not_resumed(tmp_path):
    train(NAMES_RECIPE, tmp_path / "run", tmp_path, steps=2)
    other = dataclasses.replace(NAMES_RECIPE, learning_rate=0.1)
    with pytest.raises(TrainingError, match="another recipe"):
        train(other, tmp_path / "run", tmp_path)


def test_a_batch_depends_on_seed_and_step_alone(tmp_path):
    data = make_data(NAMES_RECIPE, tmp_path, 1)
    late = data.batch(5)[0]
    data.batch(0)
    assert torch.equal(late, data.batch(5)[0])
    assert not torch.equal(late, data.batch(4)[0])


def test_the_learning_rate_rises_then_falls_to_nothing():
    rates = [learning_rate(NAMES_RECIPE, step) for step in range(NAMES_RECIPE.steps + 1)]
    assert max(rates) == pytest.approx(NAMES_RECIPE.learning_rate)
    assert rates[0] < rates[1] and rates[-1] == pytest.approx(0.0)


def test_the_networks_are_as_small_as_they_should_be():
    def count(network):
        return sum(p.numel() for p in network.parameters())

    assert 35_000 <= count(SegmentNetwork()) <= 160_000
    assert 20_000 <= count(NameNetwork()) <= 60_000


def test_a_square_knows_where_trace_and_grid_lie():
    parts, corners = squares("T-test", 3, 4)
    assert parts.shape[1] == len(CHANNELS) and len(corners) == 4
    grey, trace, seen = parts[:, 0].astype(float), parts[:, 2] / 255, parts[:, 5] > 200
    there = np.corrcoef(trace[seen], -grey[seen])[0, 1]
    aside = np.corrcoef(np.roll(trace, 2, axis=2)[seen], -grey[seen])[0, 1]
    assert there > 0.5 and there > aside + 0.15


def test_the_paper_is_about_equally_bright_whatever_the_light():
    generator = np.random.default_rng(1)
    paper = np.full((240, 360, 3), 230.0) - generator.integers(0, 6, (240, 360, 1))
    paper[:, 100:102] = 40
    light = np.linspace(0.35, 1.0, 360)[None, :, None] * np.array([1.0, 0.9, 0.7])
    shades = grey_and_chroma((paper * light).astype(np.uint8))
    ground = np.delete(shades[0].astype(float), range(95, 107), axis=1)
    assert np.ptp(np.median(ground, axis=0)) < 20
    assert np.median(shades[0][:, 100:102]) < 60


def test_cosines_are_one_on_the_lines_of_the_grid():
    inputs = network_inputs(np.full((2, 61, 61), 200, np.uint8), (-1 / 12, -1 / 12))
    for channel in (2, 3, 4, 5):
        assert inputs[channel, 0, 0] == pytest.approx(1.0)
        assert inputs[channel, 30, 30] == pytest.approx(1.0)
        assert inputs[channel, 3, 3] < 0.99
    assert len(CLASSES) == 4


def test_the_first_steps_of_the_stored_networks_are_noted():
    facts = json.loads((store.NETWORKS / store.FACTS).read_text())
    for name, entry in facts.items():
        path = store.NETWORKS / f"{name}.onnx"
        assert entry["sha256"] == sha256_of_file(path)
        assert {"1", "10", "50", "100", "200"} <= set(entry["start"])
        assert entry["recipe"]["network"] == name
    total = sum(path.stat().st_size for path in store.NETWORKS.iterdir())
    assert total <= 1_500_000
    assert (store.NETWORKS / "README.md").read_text() == store.card(facts)


def test_the_first_step_gives_the_stored_weights(tmp_path, root):
    """One step of the stored recipe of names on the stored data's first words."""
    recipe = load_recipe(root / "experiments" / "strips" / "names.toml")
    assert recipe.network == "names"
    small = dataclasses.replace(recipe, samples=64, batch_size=8)
    first = Training(small, make_data(small, tmp_path, 1))
    second = Training(small, make_data(small, tmp_path, 1))
    assert first.step() == second.step()
    assert first.start == second.start and len(first.start[0][1]) == 64


def test_a_recipe_with_a_wrong_field_is_refused_by_name(tmp_path):
    path = tmp_path / "recipe.toml"
    path.write_text('network = "names"\nsamples = "many"\nsteps = 1\nbatch_size = 1\n')
    with pytest.raises(ConfigError, match="samples"):
        load_recipe(path)
    path.write_text('network = "names"\n')
    with pytest.raises(ConfigError, match="samples"):
        load_recipe(path)
    assert loop.NOTED_STEPS[-1] == 200
