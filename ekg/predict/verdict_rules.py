"""When a verdict is withheld, which classes remain possible, and how frequent classes are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ekg.errors import EkgError
from ekg.files import read_json
from ekg.model.engines import Engine
from ekg.records.diagnoses import CLASSES
from ekg.run import RULES_FILE


@dataclass(frozen=True)
class Rules:
    """Fixed on records whose class is known; see `ekg.evaluation.abstention.fix_rules`."""

    least_probability: float
    """A verdict whose mean probability is smaller is withheld."""
    least_in_set: float
    """A class with this mean probability or more remains possible."""
    coverage: float
    promised: float
    fixed_on: str

    def possible(self, probabilities: np.ndarray) -> np.ndarray:
        """Return which classes remain possible, bool (n, n_classes); the likeliest always does."""
        possible: np.ndarray = probabilities >= self.least_in_set
        possible[np.arange(len(probabilities)), probabilities.argmax(axis=1)] = True
        return possible

    def withheld(self, probabilities: np.ndarray) -> np.ndarray:
        """Return whose verdict is withheld, bool (n,)."""
        return np.asarray(probabilities.max(axis=1) < self.least_probability)


def rules_of(engine: Engine) -> Rules | None:
    """Return the rules stored beside a model, None where there are none for its weights.

    Raises
    ------
    EkgError
        If the file is damaged.
    """
    path = None if engine.folder is None else engine.folder / RULES_FILE
    return None if path is None or not path.is_file() else read_rules(path, engine.weights_sha256)


def read_rules(path: Path, weights_sha256: str) -> Rules | None:
    """Read `abstention.json`; None where it was fixed for other weights."""
    content = read_json(path)
    try:
        rules = Rules(
            least_probability=float(content["least_probability"]),
            least_in_set=float(content["least_in_set"]),
            coverage=float(content["coverage"]),
            promised=float(content["promised"]),
            fixed_on=str(content["fixed_on"]),
        )
        known = content["weights_sha256"]
    except (LookupError, TypeError, ValueError):
        raise EkgError("contains no rules", path=path, remedy="evaluate the model again") from None
    return rules if known == weights_sha256 else None


def read_priors(text: str, classes: Sequence[str] = CLASSES) -> np.ndarray:
    """Return how frequent each class is where the model is used, float (n_classes,), sum 1.

    `text`: `AF=0.08,Normal=0.77,...`, or a JSON file {"AF": 0.08, ...}; shares or counts.
    """
    if "=" in text:
        pairs = [part.partition("=")[::2] for part in text.split(",") if part.strip()]
        given: dict[str, object] = {name.strip(): value for name, value in pairs}
    else:
        content = read_json(Path(text))
        given = content if isinstance(content, dict) else {}
    try:
        values = {name: float(str(value)) for name, value in given.items()}
    except ValueError:
        values = {}
    wrong = set(values) ^ set(classes)
    if wrong or not all(0 < value < math.inf for value in values.values()):
        named = f" ({', '.join(sorted(wrong))})" if values and wrong else ""
        raise EkgError(
            f"--priors {text!r} does not give a share above 0 to each class of the model{named}",
            remedy=f"write {','.join(f'{name}=0.1' for name in classes)}, or a JSON file of these",
        )
    shares = np.array([values[name] for name in classes])
    result: np.ndarray = shares / shares.sum()
    return result


def with_priors(probabilities: np.ndarray, priors: np.ndarray | None) -> np.ndarray:
    """Return probabilities as they are where the classes are as frequent as `priors` says.

    Bayes' rule for another prior (Saerens et al. 2002, equation 2.4). The networks learn with
    balanced class weights, so what they give is taken for the probability if all classes were
    equally frequent; `probabilities`: float (n, n_classes).
    """
    if priors is None:
        return probabilities
    weighted = probabilities * priors
    result: np.ndarray = weighted / weighted.sum(axis=1, keepdims=True)
    return result
