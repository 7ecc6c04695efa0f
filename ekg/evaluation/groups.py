"""Accuracy by groups of people, from the sex and age in the headers."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from scipy.stats import binomtest

from ekg.evaluation.intervals import COVERAGE, FEWEST_RECORDS

NOT_STATED = "not stated"
SEXES = ("Female", "Male", NOT_STATED)
AGES = ("under 50", "50 to 69", "70 and over", NOT_STATED)
GROUPS: dict[str, tuple[str, ...]] = {"sex": SEXES, "age": AGES}
OLDEST = 120
"""Years; values outside are taken for errors (some sets write 300 for "over 89")."""


@dataclass(frozen=True)
class Person:
    """The groups that a record's header puts its person in."""

    sex: str = NOT_STATED
    age: str = NOT_STATED


def person_of(comments: Iterable[str]) -> Person:
    """Return the groups of a header's person."""
    stated: dict[str, str] = {}
    for line in comments:
        name, colon, value = line.partition(":")
        if colon:
            stated.setdefault(name.strip().lower(), value.strip())
    return Person(_sex(stated.get("sex", "")), _age(stated.get("age", "")))


def _sex(text: str) -> str:
    return {"f": "Female", "female": "Female", "m": "Male", "male": "Male"}.get(
        text.lower(), NOT_STATED
    )


def _age(text: str) -> str:
    number = re.fullmatch(r"(\d{1,3})(?:\.\d*)?", text, re.ASCII)
    if number is None or int(number[1]) > OLDEST:
        return NOT_STATED
    years = int(number[1])
    return AGES[0] if years < 50 else AGES[1] if years < 70 else AGES[2]


def metrics_by_group(people: Iterable[tuple[Person, bool]]) -> dict[str, dict[str, Any]]:
    """Return how many records of each group were named correctly."""
    people = list(people)
    return {
        kind: {
            name: shares(sum(right), len(right))
            for name in names
            if (right := [ok for person, ok in people if getattr(person, kind) == name])
        }
        for kind, names in GROUPS.items()
    }


def shares(correct: int, records: int) -> dict[str, Any]:
    """Return records, correct, accuracy and its 95 % interval (Wilson 1927).

    Every record counts once and is right or wrong, so the interval of a share fits. For fewer
    than 10 records none is given.
    """
    found: dict[str, Any] = {
        "records": records,
        "correct": correct,
        "accuracy": correct / records,
    }
    if records >= FEWEST_RECORDS:
        low, high = binomtest(correct, records).proportion_ci(COVERAGE, method="wilson")
        found["interval"] = [float(low), float(high)]
    return found


def pooled(groups: Iterable[Mapping[str, Mapping[str, Any]]]) -> dict[str, dict[str, Any]]:
    """Add up the groups of several sources.

    `groups`: As `metrics_by_group` gives them, of sources without a record in common.
    """
    groups = list(groups)
    return {
        kind: {
            name: shares(
                sum(g[kind][name]["correct"] for g in there),
                sum(g[kind][name]["records"] for g in there),
            )
            for name in names
            if (there := [g for g in groups if name in g.get(kind, {})])
        }
        for kind, names in GROUPS.items()
    }
