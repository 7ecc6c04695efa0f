"""Small made-up runs: every file that the figures read, in a second's time."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from ekg.evaluation.calibration import before_and_after
from ekg.evaluation.comparison import compare_sides
from ekg.evaluation.intervals import evaluate_predictions
from ekg.evaluation.predictions import make_predictions, write_predictions
from ekg.evaluation.sides import Side
from ekg.files import sha256_of_file, write_json
from ekg.paper import output
from ekg.paper.style import ONE_COLUMN, SMALLEST_FONT, TWO_COLUMNS, journal_style
from ekg.records.diagnoses import CLASSES
from ekg.records.record import LEADS

RECORDS_OF_A_CLASS = 12
IMAGES_OF_A_RECORD = 2


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> dict[str, Figure]:
    """Collect figures by name instead of saving them, each laid out and checked once.

    Checked is what a journal asks: a column's width, letters of 7 pt or more, nothing cut off.
    """
    figures: dict[str, Figure] = {}

    def collect(figure: Figure, folder: Path, name: str) -> tuple[Path, Path]:
        figures[name] = figure
        check_figure(figure, name)
        return folder / f"{name}.pdf", folder / f"{name}.png"

    monkeypatch.setattr(output, "save_figure", collect)
    return figures


def check_figure(figure: Figure, name: str) -> None:
    """Fail if a figure has another width, small letters, or letters beyond its edge."""
    width, height = figure.get_size_inches()
    assert width in (ONE_COLUMN, TWO_COLUMNS), name
    assert height < 9.2, f"{name} is higher than a page"
    figure.set_dpi(72)
    with journal_style():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    page = figure.bbox
    beyond = _labels_beyond_the_limits(figure)
    for text in figure.findobj(Text):
        if not text.get_visible() or not text.get_text().strip() or text in beyond:
            continue
        box = text.get_window_extent(canvas.get_renderer())
        words = f"{name}: {text.get_text()!r}"
        assert text.get_fontsize() >= SMALLEST_FONT, words
        assert box.x0 >= page.x0 - 1 and box.x1 <= page.x1 + 1, f"{words} is cut off"
        assert box.y0 >= page.y0 - 1 and box.y1 <= page.y1 + 1, f"{words} is cut off"


def _labels_beyond_the_limits(figure: Figure) -> set[Text]:
    """Return labels of ticks that lie outside an axis's limits: matplotlib leaves them out."""
    found = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            for tick in [*axis.get_major_ticks(), *axis.get_minor_ticks()]:
                if not low <= tick.get_loc() <= high:
                    found |= {tick.label1, tick.label2}
    return found


def made_up_predictions(fold: str, seed: int, classes: tuple[str, ...] = CLASSES) -> pd.DataFrame:
    """Return predictions that are right more often than not."""
    generator = np.random.default_rng(seed)
    labels, records, images = [], [], []
    for name in classes:
        for number in range(RECORDS_OF_A_CLASS):
            record = f"{fold}{name}{number}"
            for k in range(IMAGES_OF_A_RECORD):
                labels.append(name)
                records.append(record)
                images.append(f"all/{name}/{record}-s{k:02d}_PIL.png")
    logits = generator.normal(size=(len(labels), len(classes)))
    logits[np.arange(len(labels)), [classes.index(name) for name in labels]] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return make_predictions(images, records, labels, probabilities, classes)


def made_up_history(epochs: int) -> pd.DataFrame:
    """Return a training history whose best epoch is the last but one."""
    losses = np.linspace(1.9, 0.6, epochs)
    losses[-1] = losses[-2] + 0.1
    return pd.DataFrame(
        {
            "epoch": range(epochs),
            "train_loss": np.linspace(1.9, 0.4, epochs),
            "val_loss": losses,
            "saved_model": [True] * (epochs - 1) + [False],
            "elapsed_time": np.arange(1, epochs + 1) * 1.5,
            "epoch_time": 1.5,
            "cuda_mem_cached": 0,
            "images_per_second": 55.0,
            "val_accuracy": np.linspace(0.2, 0.8, epochs),
            "val_macro_f1": np.linspace(0.1, 0.7, epochs),
        }
    )


def make_image_set(folder: Path, tables: dict[str, pd.DataFrame]) -> None:
    """Write an image set of tiny images for the records of these folds."""
    rows, split = [], []
    for fold, table in tables.items():
        for row in table.itertuples():
            rows.append((row.image, row.record, row.label, int(row.image[-10:-8]), 0, "0", 0.0))
        split += [(record, fold) for record in table["record"].unique()]
        for image in table["image"]:
            path = folder / image
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("L", (24, 24), 240).save(path)
    columns = ["image", "record", "diagnosis", "slice", "start", "sha256", "clipped_fraction"]
    manifest = pd.DataFrame(rows, columns=columns)
    manifest.to_csv(folder / "manifest.csv", index=False)
    pd.DataFrame(split, columns=["record", "split"]).to_csv(folder / "split.csv", index=False)
    records = manifest.groupby("record", sort=False).agg(diagnoses=("diagnosis", "first"))
    records = records.reset_index().assign(status="kept", reason="")
    extra = [("X1", "AF,RBBB", "excluded", "several diagnoses"), ("X2", "", "skipped", "")]
    extra_rows = pd.DataFrame(extra, columns=records.columns)
    pd.concat([records, extra_rows]).to_csv(folder / "records.csv", index=False)
    write_json(folder / "dataset.json", {"dataset": "synthetic", "size": 24})


def write_saliency(path: Path) -> None:
    """Write a `saliency.npz` of the form that evaluation leaves."""
    generator = np.random.default_rng(3)
    n = len(CLASSES)
    np.savez_compressed(
        path,
        image=np.array([f"{name}.png" for name in CLASSES]),
        record=np.array([f"R{k}" for k in range(n)]),
        label=np.array(CLASSES),
        pred=np.array([*CLASSES[:-1], CLASSES[0]]),
        probability=np.linspace(0.5, 1, n, dtype=np.float32),
        images=np.full((n, 40, 40), 250, np.uint8),
        gradcam=generator.random((n, 5, 5)).astype(np.float16),
        occlusion=generator.normal(size=(n, 12)).astype(np.float32),
        leads=np.array(LEADS),
        classes=np.array(CLASSES),
        mean_occlusion_by_lead=generator.normal(scale=0.1, size=12),
        mean_occlusion_interval=np.stack([np.full(12, -0.1), np.full(12, 0.2)], axis=1),
        mean_occlusion_by_class=np.vstack(
            [generator.normal(scale=0.1, size=(n - 1, 12)), np.full((1, 12), np.nan)]
        ),
        mean_occlusion_records_by_class=np.array([10] * (n - 1) + [0]),
        randomised_stage=np.array(["classifier", "features.8", "features.7"]),
        randomised_correlation=np.array([0.5, 0.1, -0.02], np.float32),
        randomised_occlusion_correlation=np.array(0.05, np.float32),
        dataset=np.array("synthetic"),
        fold=np.array("test"),
    )


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `run` (everything saved) and `images` (its image set). Do not change it."""
    folder = tmp_path_factory.mktemp("paper")
    run, images = folder / "run", folder / "images"
    run.mkdir()
    tables = {fold: made_up_predictions(fold, k) for k, fold in enumerate(("val", "test"))}
    make_image_set(images, {"train": made_up_predictions("train", 9), **tables})
    metrics: dict[str, object] = {
        "schema": 1,
        "dataset": "synthetic",
        "model": "net",
        "classes": list(CLASSES),
        "images_folder": str(images),
        "split_file": str(images / "split.csv"),
        "manifest_sha256": sha256_of_file(images / "manifest.csv"),
    }
    for fold, table in tables.items():
        write_predictions(run / f"predictions_{fold}.csv", table)
        figures = evaluate_predictions(table, CLASSES, resamples=200)
        metrics[fold] = {**figures, "calibration": before_and_after(table, 1.2)}
    write_json(run / "metrics.json", metrics)
    made_up_history(8).to_csv(run / "train_results.csv", index=False)
    (run / "config.toml").write_text(
        '[network]\nname = "mobilenetv3_small_custom"\n[data]\nimage_size = 24\nmean = [0.95]\n'
        "[training]\ntrain_loss_pass = true\n"
    )
    write_json(run / "environment.json", {"device": "cpu (toy)", "seed": 44, "git_changed": True})
    sides = [
        Side(
            name,
            "synthetic",
            "test",
            "",
            CLASSES,
            predictions=table,
            identity={"records_sha256": "r", "images_sha256": "i"},
        )
        for name, table in (("ours", tables["test"]), ("other", made_up_predictions("test", 5)))
    ]
    comparison = compare_sides(*sides, resamples=200)
    published = Side(
        "2020-07-16_mobilenetv3_small_custom_800_best",
        "cpsc2018",
        "test",
        "",
        CLASSES,
        metrics=evaluate_predictions(tables["val"], CLASSES, resamples=200),
        identity={"records_sha256": "p"},
    )
    comparison["published"] = compare_sides(
        sides[0], published, allow_different_data=True, resamples=200
    )
    write_json(run / "comparison.json", comparison)
    write_saliency(run / "saliency.npz")
    return folder


@pytest.fixture
def hard_labels(made_up: Path, tmp_path: Path) -> Path:
    """A run folder with hard labels alone: predictions without probabilities, and metrics."""
    run = tmp_path / "hard"
    run.mkdir()
    table = made_up_predictions("test", 1)
    table = table[["image", "record", "label", "pred", "weight"]]
    write_predictions(run / "predictions_test.csv", table)
    metrics = json.loads((made_up / "run" / "metrics.json").read_text())
    head = {k: metrics[k] for k in ("schema", "dataset", "model", "classes")}
    figures = evaluate_predictions(table, CLASSES, resamples=200)
    write_json(run / "metrics.json", {**head, "test": figures})
    return run
