"""Stored models: weights, predictions and metrics that belong together."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import softmax

from checks.findings import Finding, Repository, agree, skipped, some
from checks.image_sets import image_sets
from checks.slices import DrawnRecord, draw_records, drawn_records, logits_of
from ekg.config import SliceConfig
from ekg.errors import EkgError, EvaluationError
from ekg.evaluation.predictions import digest_of_lines, probabilities_of, read_predictions
from ekg.evaluation.published import (
    PUBLISHED_METRICS_FILE,
    build_published_metrics,
    prediction_folder,
    read_published_metrics,
)
from ekg.evaluation.recomputed import differing, differing_in_fold
from ekg.evaluation.runs import flatten
from ekg.files import read_json, sha256_of_file
from ekg.images.manifest import MANIFEST
from ekg.images.record_images import ImageSetConfig, image_name
from ekg.images.renderer import Renderer
from ekg.model import EkgModel, load_model
from ekg.model.engines import OnnxEngine
from ekg.model.export import LARGEST_DIFFERENCE, check_images, largest_difference
from ekg.model.model_files import weights_file_of
from ekg.paths import PUBLISHED_FOLDER, PUBLISHED_MODEL, default_model
from ekg.progress import Progress
from ekg.run import DATASET_FILE, METRICS_FILE, ONNX_FILE, STORED_FILE, Run
from ekg.seeds import generator_for
from ekg.simulator import VERSION
from ekg.simulator.record_files import SimulationSettings


@dataclass(frozen=True)
class DataFacts:
    """Seeds and settings of simulated records and of the images drawn from them."""

    simulation: SimulationSettings
    images: ImageSetConfig
    source: str
    """Where they are from, for the reader."""


def data_facts(folder: Path, metrics: dict[str, Any]) -> DataFacts | None:
    """Return how a stored model's validation and test images were made."""
    path = folder / DATASET_FILE
    content = read_json(path) if path.is_file() else {}
    if not content or content.get("manifest_sha256") != metrics.get("manifest_sha256"):
        missing = "is of other images" if content else "is not here"
        source = f"default seeds, for {DATASET_FILE} {missing}"
        return DataFacts(SimulationSettings(), ImageSetConfig(), source)
    if content.get("simulation") is None:
        return None
    try:
        simulation, images = dict(content["simulation"]), dict(content["image_set"])
        if simulation.get("classes") is not None:
            simulation["classes"] = tuple(simulation["classes"])
        return DataFacts(
            SimulationSettings(**simulation),
            ImageSetConfig(
                size=int(images["size"]),
                seed=int(images["seed"]),
                slices=SliceConfig(**images["slices"]),
            ),
            f"seeds {simulation['seed']} and {images['seed']} of {DATASET_FILE}",
        )
    except (KeyError, TypeError, ValueError) as error:
        raise EvaluationError(
            f"does not say how its images were made ({error!r})", path=path
        ) from None


NAME = "published-figures"


def check_published_metrics(repository: Repository) -> Iterator[Finding]:
    """Compute the published model's metrics from its predictions again."""
    compared = f"metrics computed from preds_test.csv and preds_val.csv = {PUBLISHED_METRICS_FILE}"
    try:
        folder = prediction_folder()
    except EvaluationError as error:
        yield skipped(NAME, compared, f"{error.problem}; {error.remedy}")
        return
    stored = read_published_metrics(
        repository.root / PUBLISHED_FOLDER.parent.name / PUBLISHED_FOLDER.name
    )
    built = build_published_metrics(folder)
    count, wrong = differing(stored, built)
    wrong += sorted(flatten(stored).keys() - flatten(built).keys())
    yield agree(
        NAME,
        compared,
        f"{count} metrics computed, "
        + (f"{len(wrong)} differ: {some(wrong)}" if wrong else "all equal"),
        not wrong,
    )


FILES, FIGURES = "stored-files", "stored-figures"
PREDICTIONS, ONNX = "stored-predictions", "stored-onnx"
STORED = "best_model_for_paper"
FOLDS = ("val", "test")
TOLERANCE = 1e-3
"""Of a probability."""
SAMPLE = 14
"""Records of a fold that are drawn and read again without `--full`."""
_ONNX_IMAGES = 16
_SEED = 44


def stored_models(root: Path) -> list[Path]:
    """Return the folders of our own stored models, oldest first."""
    return [
        path.parent
        for path in sorted((root / STORED).glob(f"*/{METRICS_FILE}"))
        if path.parent.name != PUBLISHED_MODEL
    ]


def default_stored(root: Path) -> Path | None:
    """Return the default model, None where no model of our own is stored."""
    return default_model(root / STORED) if stored_models(root) else None


def check_stored_models(repository: Repository) -> Iterator[Finding]:
    """Look at every stored model of our own."""
    folders = stored_models(repository.root)
    if not folders:
        for name in (FILES, FIGURES, PREDICTIONS, ONNX):
            yield skipped(name, f"models in {STORED}/", "no stored model of our own")
    for folder in folders:
        yield _files(folder)
        yield _metrics(folder)
        yield from _predictions(repository, folder)


def _files(folder: Path) -> Finding:
    """Hold every file of the folder against the checksum it was stored with."""
    compared = f"{folder.name}: files = SHA-256 in {STORED_FILE}"
    if not (folder / STORED_FILE).is_file():
        return agree(FILES, compared, f"no {STORED_FILE}; store the model again", False)
    sums = dict(read_json(folder / STORED_FILE)["sha256"])
    wrong = [
        name
        for name, expected in sums.items()
        if not (folder / name).is_file() or sha256_of_file(folder / name) != expected
    ]
    detail = f"{len(sums) - len(wrong)} of {len(sums)} files equal"
    return agree(FILES, compared, detail + (f"; not: {some(wrong)}" if wrong else ""), not wrong)


def _metrics(folder: Path) -> Finding:
    """Compute `metrics.json` from the saved predictions again."""
    compared = f"{folder.name}: metrics.json = computed from predictions_*.csv"
    try:
        metrics: dict[str, Any] = {**Run(folder).metrics}
        problems = []
        if metrics.get("weights_sha256") != sha256_of_file(weights_file_of(folder)):
            problems.append("its metrics are of other weights")
        count = 0
        for fold in FOLDS:
            if fold not in metrics:
                problems.append(f"no metrics of fold {fold}")
                continue
            several, wrong = differing_in_fold(folder, metrics, fold)
            count += several
            if wrong:
                problems.append(f"{fold}: {len(wrong)} differ: {some(wrong)}")
    except EkgError as error:
        return agree(FIGURES, compared, str(error), False)
    detail = f"{count} metrics computed" + (", all equal" if not problems else "")
    return agree(FIGURES, compared, "; ".join([detail, *problems]), not problems)


def _predictions(repository: Repository, folder: Path) -> Iterator[Finding]:
    """Read images of a part of the validation and test records again."""
    compared = f"{folder.name}: images read again = predictions_*.csv"
    try:
        model = load_model(folder)
        metrics: dict[str, Any] = {**Run(folder).metrics}
        try:
            draw, source = _images(repository, folder, metrics)
        except _NotAtHandError as error:
            yield skipped(PREDICTIONS, compared, str(error))
            yield _onnx(folder, model, list(check_images(model.image_size)))
            return
        images = []
        for fold in FOLDS:
            again = _read_again(repository, folder, fold, draw, model)
            images += again.images
            yield again.finding(folder, metrics.get(fold, {}), source)
        yield _onnx(folder, model, images or list(check_images(model.image_size)))
    except EkgError as error:
        yield agree(PREDICTIONS, compared, str(error), False)


class _NotAtHandError(Exception):
    """The images can neither be made again nor are they here."""


def _images(
    repository: Repository, folder: Path, metrics: dict[str, Any]
) -> tuple[Callable[[list[str]], Iterator[DrawnRecord]], str]:
    """Return what gives the images of named records, and how it does.

    They are made again from the seeds where the simulator is still the same; else they are
    read from the image set that the model was evaluated on, where that is here.
    """
    facts = data_facts(folder, metrics)
    if facts is not None and facts.simulation.version == VERSION:
        renderer = Renderer(facts.images.size)
        draw = functools.partial(
            draw_records,
            settings=facts.simulation,
            renderer=renderer,
            slice_seed=facts.images.seed,
            slices=facts.images.slices,
        )
        return draw, f"simulated again, {facts.source}"
    checksum = metrics.get("manifest_sha256")
    for images in image_sets(repository.root):
        if sha256_of_file(images / MANIFEST) == checksum:
            return functools.partial(drawn_records, images), f"of {repository.short(images)}"
    if facts is None:
        raise _NotAtHandError("its records were not simulated, and their images are not here")
    raise _NotAtHandError(
        f"its records are of version {facts.simulation.version} of the simulator, this is version "
        f"{VERSION}, and their images are not here"
    )


@dataclass
class _ReadAgain:
    """A part of one fold, read once more."""

    fold: str
    records: int
    """In the file."""
    looked_at: int
    whole: bool
    """All records were looked at."""
    others: list[str] = field(default_factory=list)
    """Records whose images are not those of the file."""
    slices: list[str] = field(default_factory=list)
    """`record,class,start` of each image."""
    differences: list[float] = field(default_factory=list)
    """Largest difference of a probability, for each record."""
    images: list[np.ndarray] = field(default_factory=list)
    """The first of each record."""

    def finding(self, folder: Path, stored: dict[str, Any], source: str) -> Finding:
        """Hold it against the stored metrics of the fold."""
        largest = max(self.differences, default=float("inf"))
        detail = (
            f"{len(self.slices)} images of {self.looked_at} of {self.records} records ({source}), "
            f"largest difference of a probability {largest:.2g}"
        )
        if self.others:
            detail += f"; other images than the file's: {some(self.others)}"
        ok = not self.others and largest <= TOLERANCE
        if self.whole and "slices_sha256" in stored:
            same = digest_of_lines(self.slices) == stored["slices_sha256"]
            detail += "; checksum of all slices " + ("equal" if same else "differs")
            ok = ok and same
        compared = f"{folder.name}: read again = predictions_{self.fold}.csv"
        return agree(PREDICTIONS, compared, detail, ok)


def _read_again(
    repository: Repository,
    folder: Path,
    fold: str,
    draw: Callable[[list[str]], Iterator[DrawnRecord]],
    model: EkgModel,
) -> _ReadAgain:
    predictions = read_predictions(Run(folder).predictions_file(fold), model.classes)
    by_record = {str(name): rows for name, rows in predictions.groupby("record", sort=False)}
    chosen = list(by_record) if repository.full else _sample(predictions, f"{folder.name}/{fold}")
    again = _ReadAgain(fold, len(by_record), len(chosen), repository.full)
    with Progress(len(chosen), f"stored predictions, {fold}", "record") as progress:
        for record in draw(chosen):
            progress.update()
            rows = by_record[record.name].sort_values("image")
            label = "+".join(record.diagnoses)
            images = [image_name(record.name, label, k) for k in range(len(record.starts))]
            stored = probabilities_of(rows)
            if rows["image"].tolist() != images or stored is None:
                again.others.append(record.name)
                continue
            again.slices += [f"{record.name},{label},{start}" for start in record.starts]
            found = softmax(logits_of(model, record.images), axis=1)
            again.differences.append(float(np.abs(found - stored).max()))
            again.images.append(record.images[0])
    return again


def _sample(predictions: pd.DataFrame, name: str) -> list[str]:
    """Return some records, the classes in turn; always the same ones of a file."""
    generator = generator_for(_SEED, f"verify/{name}")
    records = predictions.drop_duplicates("record")[["record", "label"]]
    records = records.iloc[generator.permutation(len(records))]
    turn = records.groupby("label").cumcount()
    return records["record"].iloc[np.argsort(turn.to_numpy(), kind="stable")[:SAMPLE]].tolist()


def _onnx(folder: Path, model: EkgModel, images: list[np.ndarray]) -> Finding:
    compared = f"{folder.name}: {ONNX_FILE} agrees with the weights within {LARGEST_DIFFERENCE:g}"
    if not (folder / ONNX_FILE).is_file():
        return skipped(ONNX, compared, f"no {ONNX_FILE} beside the weights")
    engine = OnnxEngine(folder / ONNX_FILE, threads=1)
    if engine.weights_sha256 != sha256_of_file(weights_file_of(folder)):
        return agree(ONNX, compared, "it was made from other weights; export it again", False)
    images = images[:_ONNX_IMAGES]
    largest = largest_difference(model, engine, np.stack(images))
    return agree(
        ONNX,
        compared,
        f"{len(images)} images, largest difference {largest:.2g}",
        largest <= LARGEST_DIFFERENCE,
    )
