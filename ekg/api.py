"""The package in five lines.

    import ekg
    model = ekg.load("best_model_for_paper/2020-07-16_mobilenetv3_small_custom_800_best")
    record = ekg.read_record("path/to/A0001")      # or .dcm, .scp, .xml, .edf, ...
    verdict = model.predict(record)     # .diagnosis, .probabilities, .slices, .warnings
    why = model.saliency(record)        # ["gradcam"], ["occlusion"]

Not for clinical use.
"""

from __future__ import annotations

from pathlib import Path

from ekg.config import PAPER_SEED
from ekg.evaluation.predict import Prediction, Predictor
from ekg.model.engines import open_engine
from ekg.records.opening import read_record
from ekg.waveform.records import Record

__all__ = ["Prediction", "Predictor", "Record", "load", "read_record"]


def load(model: str | Path, *, engine: str | None = None, seed: int = PAPER_SEED) -> Predictor:
    """Load a model that reads records and pictures.

    Parameters
    ----------
    model
        A run folder, a folder of `best_model_for_paper/`, a weights file, or an exported
        `.onnx` file.
    engine
        "torch" or "onnx"; by default what the file is made for.
    seed
        Decides, with each record's name, where its slices lie.

    Returns
    -------
    Predictor
        With `predict(record)`, `predict_picture_file(path)` and `saliency(record)`. One
        predictor is for one thread.

    Raises
    ------
    ModelError
        If the model cannot be used.
    """
    return Predictor(open_engine(model, engine), seed)
