"""Predictions as text, JSON or CSV."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import IO

from ekg.predict.predictor import Prediction
from ekg.records.diagnoses import BY_ABBREVIATION

FORMATS = ("text", "json", "csv")
_LEAST_SHOWN = 0.05


def write_predictions(
    predictions: Iterable[Prediction], form: str, classes: Sequence[str], stream: IO[str]
) -> tuple[int, int]:
    """Write predictions and say how many there were."""
    read = refused = 0
    collected: list[Prediction] = []
    table = _CsvWriter(classes, stream) if form == "csv" else None
    for prediction in predictions:
        refused += prediction.error is not None
        read += prediction.error is None
        if table is not None:
            table.write(prediction)
        elif form == "json":
            collected.append(prediction)
        else:
            stream.write("".join(f"{line}\n" for line in text_lines(prediction)))
        stream.flush()
    if form == "json":
        content = [prediction.as_json() for prediction in collected]
        # What the stream's encoding lacks must stay JSON.
        ascii_only = (getattr(stream, "encoding", None) or "utf-8").lower() != "utf-8"
        text = json.dumps(content, indent=2, ensure_ascii=ascii_only, allow_nan=False)
        stream.write(text + "\n")
        stream.flush()
    return read, refused


def text_lines(prediction: Prediction) -> Iterator[str]:
    """Return a prediction as lines for people."""
    if prediction.error is not None:
        yield f"{prediction.record}: refused: {prediction.error}"
        return
    assert prediction.diagnosis is not None
    known = BY_ABBREVIATION.get(prediction.diagnosis)
    meaning = f" ({known.meaning})" if known else ""
    others = ", ".join(
        f"{name} {p:.2f}"
        for name, p in sorted(prediction.probabilities.items(), key=lambda item: -item[1])
        if name != prediction.diagnosis and p >= _LEAST_SHOWN
    )
    probability = f"{prediction.probabilities[prediction.diagnosis]:.2f}"
    if prediction.spread is not None:
        probability += f" ± {prediction.spread[prediction.diagnosis]:.2f}"
    count = len(prediction.slices)
    yield (
        f"{prediction.record}: {prediction.diagnosis}{meaning} {probability}"
        f"{f'; {others}' if others else ''}"
        f"  [{count} slice{'' if count == 1 else 's'}"
        f"{'' if prediction.calibrated else ', not calibrated'}]"
    )
    for warning in prediction.warnings:
        yield f"  warning: {warning}"
    if prediction.explanation is not None:
        yield f"  explanation: {prediction.explanation}"


class _CsvWriter:
    def __init__(self, classes: Sequence[str], stream: IO[str]):
        self._classes = classes
        self._writer = csv.writer(stream, lineterminator="\n")
        self._writer.writerow(
            [
                "path",
                "record",
                "diagnosis",
                *(f"p_{name}" for name in classes),
                *(f"spread_{name}" for name in classes),
                "slices",
                "calibrated",
                "warnings",
                "error",
                "explanation",
            ]
        )

    def write(self, prediction: Prediction) -> None:
        def cells(values: dict[str, float] | None) -> list[str]:
            return [f"{values[c]:.6f}" if values else "" for c in self._classes]

        self._writer.writerow(
            [
                prediction.path,
                prediction.record,
                prediction.diagnosis or "",
                *cells(prediction.probabilities),
                *cells(prediction.spread),
                len(prediction.slices) or "",
                "" if prediction.error is not None else str(prediction.calibrated).lower(),
                "; ".join(prediction.warnings),
                prediction.error or "",
                prediction.explanation or "",
            ]
        )
