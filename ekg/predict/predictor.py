"""From a record or an image to a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ekg.config import PAPER_SEED, SliceConfig
from ekg.errors import EkgError, ModelError, RecordError
from ekg.images.image_checks import ImageChecker, read_external_image
from ekg.images.renderer import Renderer
from ekg.model.engines import Engine
from ekg.predict.inputs import Input, recording_of
from ekg.predict.pages import PageSlice, has_size, page_facts, page_slices, page_warnings
from ekg.predict.verdict_rules import Rules, rules_of, with_priors
from ekg.records.quality import blank_slices, gains_named, is_flat_throughout, warnings_of
from ekg.records.record import Record
from ekg.records.slicing import number_of_slices, slice_starts

if TYPE_CHECKING:
    from ekg.model import EkgModel
    from ekg.predict.saliency import Explainer


@dataclass(frozen=True)
class SliceReading:
    """What the model says of one slice."""

    start: int | None
    """First sample, at 500 Hz; None for an image, which does not tell."""
    probabilities: dict[str, float]
    """By class."""


@dataclass(frozen=True)
class Prediction:
    """What the model says of one record or image, or why it says nothing."""

    path: str
    record: str
    diagnosis: str | None = None
    """The class of the largest mean probability over the slices."""
    probabilities: dict[str, float] = field(default_factory=dict)
    """Mean over the slices, by class."""
    slices: tuple[SliceReading, ...] = ()
    spread: dict[str, float] | None = None
    """Standard deviation over the slices, by class; None for a single slice."""
    warnings: tuple[str, ...] = ()
    calibrated: bool = False
    """Whether a temperature was fitted to the probabilities."""
    error: str | None = None
    """Why the input was refused."""
    explanation: str | None = None
    """The file that shows what the verdict rests on, if it was asked for."""
    page: dict[str, Any] | None = None
    """Of a printed page: layout, scale, what was assumed, confidence by lead."""
    possible: tuple[str, ...] | None = None
    """The classes that remain possible, likeliest first; None where the model has no rules."""
    withheld: bool | None = None
    """Whether the verdict is withheld: the probability is below that of the model's rule."""
    priors: dict[str, float] | None = None
    """How frequent the classes are where the model is used, if that was stated."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON object: `error` without `diagnosis`, or a verdict without `error`."""
        named = {"path": self.path, "record": self.record}
        if self.error is not None:
            return {**named, "error": self.error, "warnings": list(self.warnings)}
        result: dict[str, Any] = {
            **named,
            "diagnosis": self.diagnosis,
            "probabilities": self.probabilities,
            "slices": [
                {"start": reading.start, "probabilities": reading.probabilities}
                for reading in self.slices
            ],
            "spread": self.spread,
            "warnings": list(self.warnings),
            "calibrated": self.calibrated,
        }
        if self.possible is not None:
            result |= {"withheld": self.withheld, "possible": list(self.possible)}
        if self.priors is not None:
            result["priors"] = self.priors
        if self.explanation is not None:
            result["explanation"] = self.explanation
        if self.page is not None:
            result["page"] = self.page
        return result


def explainable_model(engine: Engine) -> EkgModel:
    """Return the torch model behind an engine: an export's is loaded from the weights beside it.

    Raises
    ------
    ModelError
        If it is an exported file alone.
    """
    model: EkgModel | None = getattr(engine, "model", None)
    if model is not None:
        return model
    weights: Path | None = getattr(engine, "weights", None)
    if weights is None:
        raise ModelError(
            f"the exported model {engine.name} cannot be explained: it has no gradients",
            remedy="use the weights it was made from",
        )
    from ekg.model.loading import load_model

    return load_model(weights)


class Predictor:
    """Reads records and images with one model.

    Parameters
    ----------
    engine
        From `ekg.model.engines.open_engine`.
    seed
        Decides, with each record's name, where its slices are: as in the image sets.
    explainer
        Writes an image of each verdict: of the slice in which its class is surest.
    part
        Begin and end of what is read of each record, in seconds; None stands for its own.
    priors
        How frequent each class is where the model is used, float (n_classes,); see
        `ekg.predict.verdict_rules.with_priors`.
    """

    def __init__(
        self,
        engine: Engine,
        seed: int = PAPER_SEED,
        explainer: Explainer | None = None,
        part: tuple[float | None, float | None] = (None, None),
        priors: np.ndarray | None = None,
    ):
        self.engine, self.priors = engine, priors
        self.part = part
        self.explainer = explainer
        self.seed = seed
        self.slicing = SliceConfig()

    @cached_property
    def renderer(self) -> Renderer:
        """Draws slices at the model's size."""
        return Renderer(self.engine.image_size)

    @cached_property
    def rules(self) -> Rules | None:
        """When a verdict is withheld; None where the model has no such rules."""
        return rules_of(self.engine)

    @cached_property
    def _explainable(self) -> EkgModel:
        return explainable_model(self.engine)

    @cached_property
    def _checker(self) -> ImageChecker:
        return ImageChecker(self.renderer)

    def predict_input(self, found: Input) -> Prediction:
        """Read one input; a refused one is a prediction with an error."""
        refused = Prediction(path=found.path, record=found.record)
        try:
            if found.kind == "none":
                return replace(refused, error=found.problem)
            if found.kind == "page" or (
                found.kind == "image" and not has_size(found.path, self.engine.image_size)
            ):
                return self.predict_page(found.path)
            if found.kind == "image":
                return self.predict_image_file(found.path)
            return replace(self.predict(recording_of(found, *self.part)), path=found.path)
        except EkgError as error:
            return replace(refused, error=str(error))
        except OSError as error:
            return replace(refused, error=f"{found.path}: {error.strerror or error}")

    def images(self, record: Record) -> tuple[np.ndarray, np.ndarray]:
        """Draw the slices of a record.

        Returns
        -------
        starts : ndarray of int64, shape (n_slices,)
            First samples.
        images : ndarray of uint8, shape (n_slices, size, size)

        Raises
        ------
        RecordError
            If it is shorter than one slice, or nothing ever changes in it.

        Notes
        -----
        Blank slices (see `ekg.records.quality.blank_slices`) are left out.
        """
        starts = self._all_starts(record)
        if is_flat_throughout(record.signal):
            raise RecordError(
                "all leads are flat throughout: there is no EKG in this recording, or the "
                f"header's {gains_named(record.gains)} is wrong",
                path=record.header.path,
            )
        length = self.slicing.length
        starts = starts[~blank_slices(record.signal, starts, length)]
        if not len(starts):
            raise RecordError(
                "all slices are blank: no lead changes in most of the recording",
                path=record.header.path,
                remedy="cut the padding off, or read a part with --from and --to",
            )
        return starts, np.stack(
            [self.renderer.draw(record.signal[:, start : start + length]) for start in starts]
        )

    def _all_starts(self, record: Record) -> np.ndarray:
        n_samples = record.signal.shape[1]
        return slice_starts(record.name, n_samples, self.slicing, seed=self.seed, at_least=1)

    def _blank_warning(self, record: Record, starts: np.ndarray) -> list[str]:
        """Say which slices do not vote."""
        of_all = self._all_starts(record)
        blank = sorted(set(of_all.tolist()) - set(starts.tolist()))
        if not blank:
            return []
        return [
            f"{len(blank)} of {len(of_all)} slices (from sample {', '.join(map(str, blank))}) "
            f"{'are' if len(blank) > 1 else 'is'} blank and without a vote: no lead changes there"
        ]

    def predict(self, record: Record) -> Prediction:
        """Read a record at 500 Hz that is in memory.

        Parameters
        ----------
        record
            Twelve leads; NaN where a printed page, from which it was read, shows no lead.

        Raises
        ------
        RecordError
            If it is unfit: too short, flat in all leads, or without a lead.
        """
        if np.isnan(record.signal).any():
            gaps = "leads with gaps: each is cut where it begins, as on a printed page"
            return self._predict_columns(record, page_slices(record), [gaps])
        starts, images = self.images(record)
        warnings = warnings_of(record)
        warnings += self._blank_warning(record, starts)
        n_samples = record.signal.shape[1]
        if number_of_slices(n_samples, self.slicing) < 2:
            seconds = n_samples / record.sampling_frequency
            warnings.append(f"very short ({seconds:.1f} s): the verdict rests on one slice")
        return self._verdict(
            str(record.header.path),
            record.name,
            images,
            [int(start) for start in starts],
            warnings,
        )

    def predict_page(self, path: str | Path) -> Prediction:
        """Read a photograph, scan, screen image or PDF of a printed EKG.

        Raises
        ------
        EkgError
            If the page is refused, or does not show all twelve leads.
        """
        from ekg.strips import read_pages

        reading, *others = read_pages(path)
        if others:
            raise RecordError(
                f"contains {1 + len(others)} EKGs",
                path=Path(path),
                remedy="write each as a record with `python -m ekg read`, then read these",
            )
        slices = page_slices(reading.record)
        found = self._predict_columns(reading.record, slices, page_warnings(reading.report))
        facts = page_facts(reading.report, slices[0].begins)
        if self.explainer is not None and (named := found.diagnosis) is not None:
            surest = max(range(len(slices)), key=lambda n: found.slices[n].probabilities[named])
            image = self.renderer.draw(slices[surest].signal, gaps=True)
            facts["explanation"] = self.explainer.write_on_page(
                reading, slices[surest].begins, image, named
            )
        return replace(found, path=str(path), page=facts)

    def _predict_columns(
        self, record: Record, slices: Sequence[PageSlice], warnings: Sequence[str]
    ) -> Prediction:
        images = np.stack([self.renderer.draw(cut.signal, gaps=True) for cut in slices])
        starts = [round(cut.begins[0] * record.sampling_frequency) for cut in slices]
        noted = [*warnings, *(warning for cut in slices for warning in cut.warnings)]
        return self._verdict(str(record.header.path), record.name, images, starts, noted)

    def saliency(self, record: Record, diagnosis: str | None = None) -> dict[str, Any]:
        """Return what the verdict on a record rests on.

        Parameters
        ----------
        record
            A record at 500 Hz.
        diagnosis
            The class to explain; by default the verdict.

        Returns
        -------
        dict
            Of the slice in which that class is surest: `start` (first sample), `image`
            (uint8), and what `ekg.predict.saliency.explain` gives: `class`, `probability`,
            `gradcam` (float32, 0..1) and `occlusion` (loss of probability by lead).

        Raises
        ------
        ModelError
            If the engine has no gradients, or the model has no class.
        RecordError
            As `predict`.
        """
        from ekg.predict.saliency import explain

        model = self._explainable
        if diagnosis is not None and diagnosis not in model.classes:
            raise ModelError(
                f"the model has no class {diagnosis!r}",
                remedy=f"choose one of {', '.join(model.classes)}",
            )
        starts, images = self.images(record)
        table = self.engine.probabilities(images)
        target = (
            int(table.mean(axis=0).argmax())
            if diagnosis is None
            else model.classes.index(diagnosis)
        )
        surest = int(table[:, target].argmax())
        return {
            "start": int(starts[surest]),
            "picture": images[surest],
            **explain(model, images[surest], target),
        }

    def predict_image_file(self, path: str | Path) -> Prediction:
        """Read one image file.

        Raises
        ------
        ImageError
            If it is not an image of the network's kind.
        """
        image = read_external_image(path, self.engine.image_size)
        warnings = self._checker.check(image, path)
        return self._verdict(str(path), Path(path).stem, image[None], [None], warnings)

    def _verdict(
        self,
        path: str,
        name: str,
        images: np.ndarray,
        starts: Sequence[int | None],
        warnings: Sequence[str],
    ) -> Prediction:
        table = with_priors(self.engine.probabilities(images), self.priors)
        mean = table.mean(axis=0)
        several = len(table) > 1
        best = int(mean.argmax())
        diagnosis = self.engine.classes[best]
        explanation = None
        if self.explainer is not None:
            surest = int(table[:, best].argmax())
            explanation = self.explainer.write(images[surest], name, diagnosis, starts[surest])
        return Prediction(
            path=path,
            record=name,
            diagnosis=diagnosis,
            probabilities=self._by_class(mean),
            slices=tuple(
                SliceReading(start, self._by_class(row))
                for start, row in zip(starts, table, strict=True)
            ),
            spread=self._by_class(table.std(axis=0, ddof=1)) if several else None,
            warnings=(*getattr(self.engine, "notes", ()), *warnings),
            calibrated=self.engine.calibrated,
            explanation=explanation,
            **self._by_rules(mean),
        )

    def _by_rules(self, mean: np.ndarray) -> dict[str, Any]:
        """Return what the model's rules and the stated priors add to a prediction."""
        found: dict[str, Any] = {}
        if self.priors is not None:
            found["priors"] = self._by_class(self.priors)
        if self.rules is not None:
            possible = self.rules.possible(mean[None])[0]
            order = [int(k) for k in np.argsort(-mean, kind="stable") if possible[k]]
            found["possible"] = tuple(self.engine.classes[k] for k in order)
            found["withheld"] = bool(self.rules.withheld(mean[None])[0])
        return found

    def _by_class(self, values: np.ndarray) -> dict[str, float]:
        return {name: float(value) for name, value in zip(self.engine.classes, values, strict=True)}
