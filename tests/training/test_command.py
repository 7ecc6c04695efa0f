import pytest

from ekg.cli import main
from ekg.config import load_config

SHIPPED = ["paper_800", "quick", "modern_800"]


def arguments(toy_set, run, *more):
    return [
        "train",
        "--images",
        str(toy_set),
        "--split",
        str(toy_set / "split.csv"),
        "--run",
        str(run),
        "--device",
        "cpu",
        "--threads",
        "1",
        "--workers",
        "0",
        *more,
    ]


def test_shortcuts_and_overrides_reach_the_configuration(toy_set, tmp_path, capsys):
    run = tmp_path / "run"
    status = main(
        arguments(
            toy_set,
            run,
            "--epochs",
            "1",
            "--batch-size",
            "7",
            "--seed",
            "3",
            "--max-minutes",
            "5",
            "--set",
            "data.image_size=32",
            "--set",
            "optimizer.learning_rate=0.5",
            "--plain",
        )
    )
    assert status == 0
    captured = capsys.readouterr()
    assert "best epoch 0" in captured.out
    assert captured.err.count("epoch   0") == 1
    config = load_config(run / "config.toml")
    assert (config.training.epochs, config.training.batch_size) == (1, 7)
    assert (config.training.seed, config.training.max_minutes) == (3, 5.0)
    assert config.optimizer.learning_rate == 0.5
    assert config.compute.plain


def test_resume_needs_no_experiment(toy_set, tmp_path, capsys):
    run = tmp_path / "run"
    size = ("--set", "data.image_size=32")
    assert main(arguments(toy_set, run, *size, "--epochs", "1", "--batch-size", "9")) == 0
    assert main(arguments(toy_set, run, "--resume")) == 0
    assert main(arguments(toy_set, run)) == 2
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_experiment_runs_at_toy_size(root, small_records, tmp_path, name):
    run = tmp_path / "run"
    status = main(
        [
            "train",
            "--images",
            str(small_records / "set"),
            "--run",
            str(run),
            "--split",
            str(small_records / "split.csv"),
            "--records",
            str(small_records / "records"),
            "--experiment",
            str(root / "experiments" / f"{name}.toml"),
            "--epochs",
            "1",
            "--device",
            "cpu",
            "--threads",
            "1",
            "--workers",
            "0",
            "--set",
            "data.image_size=64",
            "--set",
            "data.max_train_images=12",
            "--set",
            "data.max_val_images=8",
            "--batch-size",
            "6",
        ]
    )
    assert status == 0
    assert (run / "weights.safetensors").is_file()


def test_no_experiment_is_forgotten(root):
    found = {path.stem for path in (root / "experiments").glob("*.toml")}
    assert set(SHIPPED) <= found
    for name in found:
        load_config(root / "experiments" / f"{name}.toml")


def test_only_the_papers_recipe_has_a_clock(root):
    limits = {
        path.stem: load_config(path).training.max_minutes
        for path in (root / "experiments").glob("*.toml")
    }
    assert {name for name, limit in limits.items() if limit} == {"paper_800"}
    assert limits["paper_800"] == 180.0


def test_the_quick_recipe_depends_on_nothing_of_the_machine(root):
    config = load_config(root / "experiments" / "quick.toml")
    assert config.compute.threads > 0  # the last bits depend on their number
    assert not config.early_stopping.enabled


@pytest.mark.parametrize(
    ("more", "text"),
    [
        (["--set", "training.epoch=3"], "unknown field `training.epoch`"),
        (["--set", "epochs"], "section.field=value"),
        (["--experiment", "absent.toml"], "absent.toml: experiment file not found"),
        (["--batch-size", "0"], "`training.batch_size` is 0"),
    ],
)
def test_bad_settings_are_one_line(toy_set, tmp_path, capsys, more, text):
    assert main(arguments(toy_set, tmp_path / "run", *more)) == 2
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
