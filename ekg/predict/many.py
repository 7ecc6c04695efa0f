"""Many inputs, read and drawn and judged in parallel, each by the process that takes it."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ekg.config import PAPER_SEED
from ekg.errors import EkgError, ModelError
from ekg.files import DAMAGE
from ekg.images.renderer import Renderer
from ekg.model.engines import Engine, open_engine
from ekg.paths import default_model
from ekg.predict.inputs import Input
from ekg.predict.predictor import Prediction, Predictor
from ekg.workers import Lost, Workers, in_order

if TYPE_CHECKING:
    from ekg.predict.saliency import Explainer


@dataclass(frozen=True)
class ReadingSettings:
    """What every process reads with."""

    model: str | None = None
    """As for `open_engine`; None for the default model of the process's own package."""
    engine: str | None = None
    seed: int = PAPER_SEED
    part: tuple[float | None, float | None] = (None, None)
    calibrated: bool = True
    """False: probabilities as the network gives them, by torch."""
    priors: tuple[float, ...] | None = None
    """How frequent each class is where the model is used."""
    expected: str = ""
    """Identity of the engine that must be found, where it is known."""


_this_thread = threading.local()


def open_reader(settings: ReadingSettings) -> Engine:
    """Open the model with one thread: one process a core works, and no figure depends on it."""
    model = settings.model or default_model()
    if settings.calibrated:
        return open_engine(model, settings.engine, threads=1)
    return open_engine(model, "torch", threads=1, calibrated=False)


def identity_of(engine: Engine) -> str:
    """Return what two processes' engines must have in common: kind and weights."""
    return f"{type(engine).__name__} {engine.weights_sha256}"


def warm_up(size: int) -> None:
    """Draw the static part of the image before processes are forked that need it."""
    Renderer(size)


def predict_one(settings: ReadingSettings, found: Input) -> Prediction:
    """Read one input with this thread's own predictor; whatever is wrong with it is its line."""
    predictor = predictor_of(settings)
    try:
        return predictor.predict_input(found)
    except DAMAGE as error:
        problem = EkgError(f"cannot be read ({type(error).__name__}: {error})", path=found.path)
        return Prediction(found.path, found.record, error=str(problem))


def predictor_of(settings: ReadingSettings) -> Predictor:
    """Return this thread's own predictor."""
    known: tuple[ReadingSettings, Predictor] | None = getattr(_this_thread, "known", None)
    if known is None or known[0] != settings:
        engine = open_reader(settings)
        if settings.expected not in ("", identity_of(engine)):
            raise ModelError(
                "is another model than that of the process that started this work",
                path=Path(settings.model or default_model()),
                remedy="give all machines the same file under this path",
            )
        known = settings, predictor_with(settings, engine)
        _this_thread.known = known
    return known[1]


def predictor_with(
    settings: ReadingSettings, engine: Engine, explainer: Explainer | None = None
) -> Predictor:
    """Return a predictor with an open engine."""
    priors = None if settings.priors is None else np.array(settings.priors)
    return Predictor(engine, settings.seed, explainer, settings.part, priors)


def predict_many(
    settings: ReadingSettings, inputs: Iterable[Input], workers: Workers
) -> Iterator[Prediction]:
    """Read inputs in parallel; their predictions come in the order of the inputs.

    What crosses from one process to another is a name and a few figures: the images stay where
    they are drawn, and are read there one at a time, which is the fastest (`open_engine`).
    """
    work = ((found, found) for found in inputs)
    for found, prediction in in_order(workers, partial(predict_one, settings), work):
        if isinstance(prediction, Lost):
            error = EkgError(prediction.reason, path=found.path)
            yield Prediction(found.path, found.record, error=str(error))
        else:
            yield prediction
