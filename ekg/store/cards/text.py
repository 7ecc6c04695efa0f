"""What all cards share: Markdown building blocks, and the sections on use and loading."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ekg import markdown
from ekg.evaluation.levels import LEVELS
from ekg.evaluation.runs import with_interval

WIDTH = 98
_TIE = "\x00"


def paragraph(text: str) -> list[str]:
    """Return a paragraph, filled, and the empty line after it; nothing for no text."""
    return [*_filled(text, ""), ""] if text else []


def bullets(*items: str) -> list[str]:
    """Return a list, filled, and the empty line after it."""
    return [line for item in items for line in _filled(item, "* ")] + [""]


def _filled(text: str, mark: str) -> list[str]:
    # A command in backticks stays on one line. Breaking at hyphens would part words such as
    # `record-weighted` and addresses.
    tied = re.sub(r"`[^`]+`", lambda code: code[0].replace(" ", _TIE), text)
    lines = textwrap.wrap(
        tied,
        WIDTH,
        initial_indent=mark,
        subsequent_indent=" " * len(mark),
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_TIE, " ") for line in lines]


def heading(title: str, level: int = 2) -> list[str]:
    """Return a heading and the empty line after it."""
    return ["#" * level + " " + title, ""]


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return a table and the empty line after it."""
    return [*markdown.table(head, rows), ""]


def cell(metrics: Mapping[str, Any], name: str, digits: int = 3) -> str:
    """Return a metric with its interval, `-` where there is none."""
    return with_interval(metrics.get(name), metrics.get("intervals", {}).get(name), digits)


def levels_table(folds: Mapping[str, Mapping[str, Any]], names: Sequence[str]) -> list[str]:
    """Return one row for each fold and level."""
    rows = [
        [f"{fold}, {level.replace('_', ' ')}", *(cell(metrics[level], name) for name in names)]
        for fold, metrics in folds.items()
        for level in LEVELS
        if level in metrics
    ]
    return table(["fold, level", *(name.replace("_", " ") for name in names)], rows)


def levels_explained(metrics: Mapping[str, Any]) -> list[str]:
    """Return what the levels of a fold's metrics mean."""
    said = (
        f"{name.replace('_', ' ')}: {what}." for name, what in LEVELS.items() if name in metrics
    )
    return bullets(*said)


def class_table(level: Mapping[str, Any], names: Sequence[str], unit: str = "records") -> list[str]:
    """Return one row for each class, with how many there were."""
    rows = [
        [label, f"{metrics['support']:,.0f}", *(cell(metrics, name, 2) for name in names)]
        for label, metrics in level["per_class"].items()
    ]
    return table(["class", unit, *names], rows)


def size_of(fold: Mapping[str, Any]) -> str:
    """Return `827 images of 203 records`."""
    return f"{fold['images']:,} images of {fold['records']:,} records"


def counts(by_name: Mapping[str, int]) -> str:
    """Return `AF 1, Normal 12`: what is there, in the given order."""
    return ", ".join(f"{name} {count:,}" for name, count in by_name.items() if count)


def out_of_scope() -> list[str]:
    """Return what the model must not be used for."""
    return [
        *heading("Out of scope"),
        *bullets(
            "Diagnosis, triage, screening, monitoring, second opinions, or any decision about a "
            "person, with or without a physician.",
            "EKGs of children, paced rhythms, heart attacks without ST elevation, flutter, higher "
            "blocks, ectopic beats, several diagnoses at once: it names one of its seven classes "
            "for these too.",
            "Scans, photographs and images of other programs; fewer than twelve leads.",
            "Labelling data for other models as if its answers were true.",
        ),
    ]


def risks(*, simulated: bool) -> list[str]:
    """Return ethical considerations."""
    source = (
        "Nobody's data went into its training: the records are simulated. The recordings it was "
        "tested on are public, without names, and were published by their hospitals."
        if simulated
        else "The recordings are public and without names; see their data sheets in "
        "`docs/datasheets/` for what is known of consent."
    )
    return [
        *heading("Ethical considerations"),
        *bullets(
            source,
            "A wrong `Normal` may keep somebody from help, a wrong disease may frighten: "
            "`predict`, the page and every report say that they are not for clinical use.",
            "Whether it treats groups of people alike is not known: see the few metrics by sex and "
            "age, and what is not known.",
            "Large probabilities look like certainty. They are calibrated, if at all, for data "
            "like the validation fold's.",
        ),
    ]


def how_to_load(name: str, image_size: int) -> list[str]:
    """Return the two ways of loading a stored model; a test runs them."""
    folder = f"best_model_for_paper/{name}"
    return [
        *heading("How to load it"),
        *paragraph("With this project, from a record (WFDB) to a verdict:"),
        "```python",
        "import ekg",
        "",
        f'folder = "{folder}"',
        "model = ekg.load(folder)",
        'record = ekg.read_record("data/synthetic/records/S0001")',
        "verdict = model.predict(record)",
        "print(verdict.diagnosis, verdict.probabilities, verdict.warnings)",
        "```",
        "",
        *paragraph(
            f"With onnxruntime alone, from an image of {image_size} x {image_size} pixels that "
            "`python -m ekg images` drew:"
        ),
        "```python",
        "import json",
        "",
        "import numpy as np",
        "import onnxruntime",
        "from PIL import Image",
        "",
        f'folder = "{folder}"',
        'session = onnxruntime.InferenceSession(f"{folder}/model.onnx")',
        'classes = json.loads(session.get_modelmeta().custom_metadata_map["classes"])',
        'image = np.asarray(Image.open("picture.png"))  # uint8, one slice',
        '(answer,) = session.run(["probabilities"], {"images": image[None, None]})',
        "print(dict(zip(classes, answer[0].round(3), strict=True)))",
        "```",
        "",
    ]
