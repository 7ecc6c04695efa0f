"""Which files a MODEL argument means, and what they say beside the weights; without torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ekg.errors import ModelError
from ekg.files import is_temporary, sha256_of_file
from ekg.run import ONNX_FILE, WEIGHTS_FILE, Run

SAFETENSORS_SUFFIX = ".safetensors"
ONNX_SUFFIX = ".onnx"


def weights_file_of(path: str | Path) -> Path:
    """Return the weights file that a MODEL argument means."""
    path = Path(path)
    if not path.exists():
        raise ModelError(
            "model not found",
            path=path,
            remedy="give a run folder, a folder of best_model_for_paper/ or a weights file",
        )
    if path.is_file():
        return path
    if (path / WEIGHTS_FILE).is_file():
        return path / WEIGHTS_FILE
    found: list[Path] = []
    for suffix in (SAFETENSORS_SUFFIX, ".model"):
        found = found or sorted(
            file for file in path.glob(f"*{suffix}") if file.is_file() and not is_temporary(file)
        )
    if len(found) != 1:
        names = ", ".join(file.name for file in found)
        missing = (
            "fetch the published weights: `make best-model`"
            if (path / "published_figures.json").is_file()
            else "train this run for at least one epoch, or fetch it"
        )
        raise ModelError(
            f"contains several weights files ({names})" if found else f"contains no {WEIGHTS_FILE}",
            path=path,
            remedy="give the file" if found else missing,
        )
    return found[0]


def exported_file_of(path: str | Path) -> Path:
    """Return where the export of a model folder or weights file is kept."""
    path = Path(path)
    return path / ONNX_FILE if path.is_dir() else path.with_suffix(ONNX_SUFFIX)


def metadata_of(file: Path) -> dict[str, Any]:
    """Return what is stored beside the weights in a safetensors file; empty for any other."""
    import safetensors

    if file.suffix.lower() != SAFETENSORS_SUFFIX:
        return {}
    try:
        with safetensors.safe_open(file, framework="np") as content:
            text = dict(content.metadata() or {})
    except safetensors.SafetensorError as error:
        raise ModelError(
            f"is not a whole safetensors file ({error})", path=file, remedy="fetch it again"
        ) from None
    return {key: decoded(value) for key, value in text.items()}


def decoded(value: str) -> Any:
    """Return a value of the metadata: JSON where it is, else the text."""
    try:
        return json.loads(value)
    except ValueError:
        return value


def temperature_of(file: Path, metadata: dict[str, Any]) -> float | None:
    """Return the temperature fitted after training: beside the weights, else in their file."""
    value = Run(file.parent).temperature(sha256_of_file(file))
    value = metadata.get("temperature") if value is None else value
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ModelError(f"field `temperature` is {value!r}, not a number", path=file)
    return float(value)
