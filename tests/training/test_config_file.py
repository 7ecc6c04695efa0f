import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ekg.config import TrainConfig, config_from_dict, config_to_dict, load_config, save_config
from ekg.errors import ConfigError


def test_defaults_are_the_papers_recipe(root):
    assert load_config(root / "experiments/paper_800.toml") == TrainConfig()
    config = TrainConfig()
    assert (config.optimizer.name, config.optimizer.learning_rate) == ("sgd", 0.001)
    assert (config.optimizer.momentum, config.optimizer.weight_decay) == (0.9, 0.0)
    assert (config.training.epochs, config.training.max_minutes) == (300, 180.0)
    assert (config.training.batch_size, config.training.seed) == (32, 44)


def test_what_is_saved_reads_back_equal(tmp_path):
    config = load_config(
        None,
        [
            "optimizer.learning_rate=1.2345678901234567e-7",
            "data.mean=[0.1, 0.2, 0.3]",
            "data.std=0.5",
            "data.channels=3",
            "network.name=resnet101",
            'network.weights="a \\"quoted\\" näme"',
            "compute.deterministic=true",
        ],
    )
    save_config(tmp_path / "config.toml", config, title="two\nlines")
    assert load_config(tmp_path / "config.toml") == config
    assert config_from_dict(config_to_dict(config)) == config


@given(st.floats(min_value=1e-30, max_value=1e30), st.integers(1, 10**9), st.text(max_size=20))
def test_any_value_survives(tmp_path_factory, rate, epochs, name):
    config = config_from_dict(
        {
            "optimizer": {"learning_rate": rate},
            "training": {"epochs": epochs},
            "network": {"name": name},
        }
    )
    path = tmp_path_factory.getbasetemp() / "any.toml"
    save_config(path, config)
    assert load_config(path) == config


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("[training]\nepoch = 3\n", "training.epoch"),
        ("[trainings]\n", "trainings"),
        ("training = 3\n", "training"),
        ('[training]\nepochs = "3"\n', "training.epochs"),
        ("[training]\nepochs = true\n", "training.epochs"),
        ("[training]\nepochs = 2.5\n", "training.epochs"),
        ("[training]\nepochs = 0\n", "training.epochs"),
        ("[training]\ntrain_loss_pass = 1\n", "training.train_loss_pass"),
        ('[optimizer]\nname = "adam"\n', "optimizer.name"),
        ("[optimizer]\nlearning_rate = -1\n", "optimizer.learning_rate"),
        ("[data]\nimage_size = 9\n", "data.image_size"),
        ("[data]\nchannels = 2\n", "data.channels"),
        ("[data]\nmean = [0.1, 0.2]\n", "data.mean"),
        ('[data]\nmean = ["a"]\n', "data.mean"),
        ('[data]\nslices = "random"\n', "data.source"),
        ("[augmentation]\nnoise = 0.1\n", "data.source"),
        ("[training]\nlabel_smoothing = 1.0\n", "training.label_smoothing"),
        ("[schedule]\nwarmup_fraction = 1.5\n", "schedule.warmup_fraction"),
    ],
)
def test_a_wrong_field_is_named_with_its_file(tmp_path, text, field):
    path = tmp_path / "wrong.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert f"`{field}`" in str(caught.value)
    assert "wrong.toml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_files_that_are_none(tmp_path):
    (tmp_path / "broken.toml").write_text("[training\n")
    for path in (tmp_path / "broken.toml", tmp_path / "absent.toml", tmp_path):
        with pytest.raises(ConfigError, match=path.name):
            load_config(path)


@pytest.mark.parametrize("override", ["epochs=3", "training.epochs", "training.epochs.x=3", "=1"])
def test_overrides_of_another_form(override):
    with pytest.raises(ConfigError):
        load_config(None, [override])


def test_overrides_win_over_the_file(root):
    config = load_config(
        root / "experiments/quick.toml", ["training.epochs=1", "network.name=alexnet"]
    )
    assert config.training.epochs == 1
    assert config.network.name == "alexnet"
    quick = load_config(root / "experiments/quick.toml")
    assert config.optimizer == quick.optimizer


def test_every_field_is_documented():
    import ast
    import inspect

    import ekg.config

    tree = ast.parse(inspect.getsource(ekg.config))
    for kind in (node for node in tree.body if isinstance(node, ast.ClassDef)):
        for field, following in zip(kind.body, kind.body[1:], strict=False):
            if isinstance(field, ast.AnnAssign) and kind.name != "TrainConfig":
                assert isinstance(following, ast.Expr), f"{kind.name}.{field.target.id}"


def test_configurations_cannot_change():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TrainConfig().training.epochs = 3


def test_a_file_that_was_cut_to_nothing_is_not_the_papers_recipe(tmp_path):
    (tmp_path / "mine.toml").write_text("\n")
    with pytest.raises(ConfigError, match=r"mine\.toml: is empty"):
        load_config(tmp_path / "mine.toml")
