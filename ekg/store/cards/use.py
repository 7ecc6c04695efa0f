"""What every card says of use, misuse and loading."""

from __future__ import annotations

from ekg.store.cards.text import bullets, heading, paragraph


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
            "Scans, photographs and pictures of other programs; fewer than twelve leads.",
            "Labelling data for other models as if its answers were true.",
        ),
    ]


def risks(*, simulated: bool) -> list[str]:
    """Return ethical considerations.

    Parameters
    ----------
    simulated
        Whether the model was trained on simulated records.
    """
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
            "It cannot be said to treat groups of people alike: see the few figures by sex and "
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
            f"With onnxruntime alone, from a picture of {image_size} x {image_size} pixels that "
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
        'picture = np.asarray(Image.open("picture.png"))  # uint8, one slice',
        '(answer,) = session.run(["probabilities"], {"images": picture[None, None]})',
        "print(dict(zip(classes, answer[0].round(3), strict=True)))",
        "```",
        "",
    ]
