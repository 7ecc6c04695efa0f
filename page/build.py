"""Putting the page together: sources, onnxruntime-web, the exported model, examples."""

from __future__ import annotations

import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ekg import strips
from ekg.files import sha256_of_file
from ekg.images.renderer import Renderer
from ekg.model.export import ExportReport, export_onnx
from ekg.model.loading import load_model
from ekg.model.model_files import weights_file_of
from ekg.records.diagnoses import BY_ABBREVIATION, CLASSES
from ekg.records.record import find_records, read_header
from ekg.simulator.record_files import SimulationSettings, simulate_folder
from page import PageError
from page.assets import (
    image_description,
    model_description,
    quality_description,
    rules_description,
    slicing_description,
    strips_description,
)

SOURCES = Path(__file__).resolve().parent
RUNTIME_FILES = ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
PDF_FILES = ("pdf.min.mjs", "pdf.worker.min.mjs")
PDF_FOLDER = Path("node_modules") / "pdfjs-dist"
READERS = ("segment.onnx", "names.onnx")
"""The networks that read printed pages."""
NETWORKS = Path(strips.__file__).parent / "networks"
RUNTIME_FOLDER = Path("node_modules") / "onnxruntime-web"
MARK = "page.json"
"""The built page's list of what it holds; a folder without it is not overwritten."""
_EXAMPLE_SEED = 44


@dataclass(frozen=True)
class BuiltPage:
    """What was built."""

    folder: Path
    size_bytes: int
    export: ExportReport


def build_page(model_path: str | Path, out: str | Path, sources: Path = SOURCES) -> BuiltPage:
    """Build the static page.

    `model_path`: A run folder, a folder of `best_model_for_paper/` or a weights file; its images
    must have the paper's size and its classes must be the seven.
    """
    out = Path(out)
    runtime = sources / RUNTIME_FOLDER
    for name in RUNTIME_FILES:
        if not (runtime / "dist" / name).is_file():
            raise _not_installed("onnxruntime-web", name, sources)
    for name in PDF_FILES:
        if not (sources / PDF_FOLDER / "build" / name).is_file():
            raise _not_installed("pdfjs-dist", name, sources)
    if out.exists() and any(out.iterdir()) and not (out / MARK).is_file():
        raise PageError(
            "contains files that are not of a built page", path=out, remedy="name another"
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
        folder = Path(scratch) / "page"
        shutil.copytree(
            sources,
            folder,
            ignore=shutil.ignore_patterns(
                "node_modules", "package*.json", ".*", "*.py", "__pycache__"
            ),
        )
        _copy_package(runtime, "dist", RUNTIME_FILES, folder / "vendor")
        _copy_package(sources / PDF_FOLDER, "build", PDF_FILES, folder / "vendor")
        report = _write_assets(weights_file_of(model_path), folder / "assets")
        for name in READERS:
            shutil.copyfile(NETWORKS / name, folder / "assets" / name)
        _simulate_examples(folder / "examples")
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        listed = {path.relative_to(folder).as_posix(): sha256_of_file(path) for path in files}
        _write_json(folder / MARK, {"schema": 1, "sha256": listed})
        size = sum(path.stat().st_size for path in files)
        if out.exists():
            shutil.rmtree(out)
        folder.rename(out)
    return BuiltPage(out, size, report)


def _write_json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")


def write_rules(folder: Path) -> None:
    """Write what the page's readers know, as modules: it is needed before any fetch."""
    for name, rules in (("rules", rules_description()), ("strips", strips_description())):
        content = json.dumps(rules, indent=1, allow_nan=False)
        (folder / f"{name}.js").write_text(f"export default {content};\n", encoding="utf-8")


def _not_installed(package: str, name: str, sources: Path) -> PageError:
    return PageError(
        f"{package} is not installed ({name} is missing)",
        path=sources,
        remedy="run `make page`, or `npm ci` in that folder",
    )


def _copy_package(package: Path, place: str, names: tuple[str, ...], folder: Path) -> None:
    """Copy files of an npm package, and say which version they are of."""
    folder.mkdir(exist_ok=True)
    for name in names:
        shutil.copyfile(package / place / name, folder / name)
    about = json.loads((package / "package.json").read_text(encoding="utf-8"))
    _write_json(
        folder / f"{about['name']}.json",
        {"name": about["name"], "version": about["version"], "license": about["license"]},
    )


def _write_assets(weights: Path, folder: Path) -> ExportReport:
    model = load_model(weights)
    if tuple(model.classes) != CLASSES or isinstance(model.metadata["mean"], list):
        raise PageError(
            "the page shows the seven classes of the paper, read from grey images; this model "
            "does not",
            path=weights,
            remedy="choose another model",
        )
    folder.mkdir()
    report = export_onnx(model, folder / "model.onnx", weights=weights)
    description, background = image_description(Renderer(model.image_size))
    (folder / "background.bin").write_bytes(background)
    _write_json(folder / "picture.json", description)
    write_rules(folder)
    _write_json(folder / "quality.json", quality_description())
    _write_json(folder / "slicing.json", slicing_description())
    _write_json(
        folder / "model.json",
        model_description(model, sha256_of_file(weights), sha256_of_file(folder / "model.onnx")),
    )
    return report


def _simulate_examples(folder: Path) -> None:
    """Simulate one record of each class."""
    settings = SimulationSettings(seed=_EXAMPLE_SEED, classes=CLASSES)
    simulate_folder(folder, len(CLASSES), settings, jobs=1)
    examples = {}
    for path in find_records(folder):
        (diagnosis,) = read_header(path).diagnoses
        examples[diagnosis] = {
            "diagnosis": diagnosis,
            "meaning": BY_ABBREVIATION[diagnosis].meaning,
            "files": [path.name, path.with_suffix(".mat").name],
        }
    for path in folder.iterdir():
        if path.suffix not in {".hea", ".mat"}:
            path.unlink()
    _write_json(folder / "examples.json", [examples[name] for name in CLASSES])
