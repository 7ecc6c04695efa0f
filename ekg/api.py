"""The package in five lines.

    import ekg
    model = ekg.load()                  # the default model, or a run, a folder, a file
    record = ekg.read_record("path/to/A0001")      # or .dcm, .scp, .xml, .edf, ...
    verdict = model.predict(record)     # .diagnosis, .probabilities, .slices, .warnings
    why = model.saliency(record)        # ["gradcam"], ["occlusion"]
    page = ekg.read_strip("page.jpg")   # .record, .report, .overlay

Not for clinical use.
"""

from __future__ import annotations

from pathlib import Path

from ekg.config import PAPER_SEED
from ekg.model.engines import open_engine
from ekg.paths import default_model
from ekg.predict.predictor import Prediction, Predictor
from ekg.records.opening import read_record
from ekg.records.record import Record
from ekg.strips import read_strip

__all__ = ["Prediction", "Predictor", "Record", "load", "read_record", "read_strip"]


def load(
    model: str | Path | None = None, *, engine: str | None = None, seed: int = PAPER_SEED
) -> Predictor:
    """Load a model that reads records and images.

    Parameters
    ----------
    model
        A run folder, a folder of `best_model_for_paper/`, a weights file, or an exported
        `.onnx` file; by default the model that `best_model_for_paper/default` names.
    engine
        "torch" or "onnx"; by default what the file is made for.
    seed
        Decides, with each record's name, where its slices are.

    Returns
    -------
    Predictor
        With `predict(record)`, `predict_image_file(path)` and `saliency(record)`. One
        predictor is for one thread.

    Raises
    ------
    ModelError
        If the model cannot be used.
    """
    return Predictor(open_engine(model or default_model(), engine), seed)
