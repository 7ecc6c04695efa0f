"""The trained networks in the package, with their facts and a model card."""

from __future__ import annotations

import csv
import os
import platform
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from ekg.errors import TrainingError
from ekg.files import atomic_path, read_json, sha256_of_file, write_json, write_text
from ekg.strips.learn.loop import ONNX, START, Training, export, make_data
from ekg.strips.learn.measure import measure_names, measure_segment
from ekg.strips.learn.recipe import StripRecipe
from ekg.strips.simulate.page import VERSION

NETWORKS = Path(__file__).resolve().parent.parent / "networks"
FACTS = "networks.json"


def store(training: Training, folder: Path, target: Path = NETWORKS) -> dict[str, Any]:
    """Put a network as it stands into the package and measure it; rewrite facts and card."""
    recipe = training.recipe
    export(training, folder / ONNX)
    path = target / f"{recipe.network}.onnx"
    with atomic_path(path) as temporary:
        shutil.copyfile(folder / ONNX, temporary)
    measured = measure_names(path) if recipe.network == "names" else measure_segment(path)
    with open(folder / START, encoding="utf-8", newline="") as stream:
        start = {row["step"]: row["weights_sha256"] for row in csv.DictReader(stream)}
    entry = {
        "sha256": sha256_of_file(path),
        "bytes": path.stat().st_size,
        "parameters": sum(p.numel() for p in training.network.parameters()),
        "recipe": asdict(recipe),
        "simulator_version": VERSION,
        "steps": training.done,
        "minutes": round(training.seconds / 60, 1),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, {recipe.threads} thread",
        "torch": torch.__version__,
        "start": start,
        "held_out": {name: round(value, 4) for name, value in measured.items()},
    }
    facts_path = target / FACTS
    facts = read_json(facts_path) if facts_path.is_file() else {}
    facts[recipe.network] = entry
    write_json(facts_path, dict(sorted(facts.items())))
    write_text(target / "README.md", card(facts))
    return entry


def repeat_start(recipe: StripRecipe, data_folder: Path, jobs: int) -> int:
    """Train the first steps again; the weights must be those of the stored network's training.

    Returns
    -------
    int
        How many steps were compared.

    Raises
    ------
    TrainingError
        If nothing is stored, or the weights differ.
    """
    facts = read_json(NETWORKS / FACTS).get(recipe.network, {})
    stored = {int(step): sha for step, sha in facts.get("start", {}).items()}
    if facts.get("recipe") != asdict(recipe) or not stored:
        raise TrainingError("no network trained with this recipe is stored", path=NETWORKS / FACTS)
    if facts["simulator_version"] != VERSION:
        raise TrainingError(
            f"the stored network learned from version {facts['simulator_version']} of the "
            f"simulator, this is version {VERSION}",
            path=NETWORKS / FACTS,
            remedy="train it again with --store, then compare",
        )
    data_folder.mkdir(parents=True, exist_ok=True)
    data = make_data(recipe, data_folder, jobs)
    try:
        training = Training(recipe, data)
        while training.done < max(stored):
            training.step()
    finally:
        data.close()
    for step, found in training.start:
        if stored.get(step, found) != found:
            raise TrainingError(
                f"after {step} steps the weights differ from the stored training's",
                remedy="they repeat on the same kind of CPU with the same version of torch",
            )
    return training.done


def card(facts: dict[str, Any]) -> str:
    """Return the model card of the networks that are stored."""
    rows = [
        f"| {title} | " + " | ".join(_cell(facts, name, title) for name in _ORDER) + " |"
        for title in _ROWS
    ]
    return _CARD.replace("ROWS", "\n".join(rows))


_ORDER = ("segment", "names")
_ROWS = ("parameters", "file", "trained on", "training", "machine", "recipe", "held-out pages")
_CARD = """# The networks that read pages

Two small networks, trained from simulated pages alone (`python -m ekg simulate-pages`). They find
ink and names on a flattened page; what the page says is decided by the code around them.
**Not for clinical use.**

| | `segment.onnx` | `names.onnx` |
|---|---|---|
| task | trace, text, mark (pulse, separator) or background | lead name, -aVR, or none |
| input | grey and colour relative to the paper, cosines of the grid | one word, its height |
ROWS

Held-out pages are of machines, fonts and layouts that training never sees, with seeds of their own.
For the segmentation, precision and recall are those of pixels at least half covered.

`make strips-model` trains both again and resumes where it was interrupted;
`python -m ekg train-strips --check-start` repeats the first 200 steps, which give the same weights
to the last bit on the same kind of CPU. `networks.json` holds every figure and the checksums.

The pages are simulated: paper, printers, cameras and handwriting of the world are more varied.
Leads beyond the twelve and names in other scripts are not known to the network.
"""


def _cell(facts: dict[str, Any], network: str, title: str) -> str:
    if network not in facts:
        return "not trained"
    f = facts[network]
    recipe = f["recipe"]
    things, count = "words", recipe["samples"]
    if network == "segment":  # pages join as the training goes on
        things = "pages"
        count = min(count, recipe["first_pages"] + (f["steps"] - 1) // recipe["steps_a_page"])
    figures = (f"{name.replace('_', ' ')} {value:.3f}" for name, value in f["held_out"].items())
    return {
        "parameters": f"{f['parameters']:,}",
        "file": f"{f['bytes'] / 1000:,.0f} kB",
        "trained on": f"{count:,} simulated {things}, seed {recipe['seed']}, "
        f"simulator version {f['simulator_version']}",
        "training": f"{f['steps']:,} of {recipe['steps']:,} steps of {recipe['batch_size']}, "
        f"{f['minutes']:g} minutes",
        "machine": f"{f['machine']}, torch {f['torch']}",
        "recipe": f"`experiments/strips/{network}.toml`",
        "held-out pages": ", ".join(figures),
    }[title]
