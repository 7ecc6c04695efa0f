"""Getting both sides of a comparison onto the same images."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ekg.errors import EvaluationError, ModelError
from ekg.evaluation.results import read_metrics
from ekg.evaluation.sides import DIFFERENT, Side, load_side, relation
from ekg.files import read_json, sha256_of_file
from ekg.paths import PUBLISHED_FOLDER, default_model

_CACHE = "compared"


@dataclass(frozen=True)
class ImageSet:
    """Images that a model can be run on, with their folds."""

    images: Path
    split: Path


def baseline_of(model: Path) -> Path:
    """Return what a model is compared with: the default one, the published one for that itself."""
    default = default_model()
    return PUBLISHED_FOLDER if default.resolve() == model.resolve() else default


def image_set_of(folder: Path) -> ImageSet | None:
    """Return the image set that a run was evaluated on, None where it is not at hand."""
    metrics = read_metrics(folder) if folder.is_dir() else None
    if not metrics or not metrics.get("images_folder") or not metrics.get("split_file"):
        return None
    found = ImageSet(Path(metrics["images_folder"]), Path(metrics["split_file"]))
    return found if (found.images / "manifest.csv").is_file() and found.split.is_file() else None


def first_side(path: Path, fold: str, images: ImageSet | None, cache: Path) -> Side:
    """Return side A: its saved results or, without them, its weights run on the images.

    Raises
    ------
    EvaluationError
        If it has no results for this fold and cannot be run.
    """
    side = load_side(path, fold)
    if side is not None:
        return side
    if images is None or not has_weights(path):
        raise EvaluationError(
            f"no results for fold {fold}",
            path=path,
            remedy=f"run `python -m ekg evaluate --fold {fold}`, or give --images and --split",
        )
    return run_on(path, fold, images, cache)


def second_side(a: Side, path: Path, images: ImageSet | None, cache: Path) -> Side:
    """Return side B on the data of side A, if there is a way.

    Saved predictions on the same data come first; else the weights are run on the same images
    (kept below `cache` for the next time); else whatever is known of B.

    Raises
    ------
    EvaluationError
        If B has neither results for this fold nor weights that can be run.
    """
    side = load_side(path, a.fold)
    if side is not None and relation(a, side) != DIFFERENT and side.predictions is not None:
        return side
    obstacle = "" if images is None or not has_weights(path) else misfit(a, path, images)
    if images is not None and has_weights(path) and not obstacle:
        return run_on(path, a.fold, images, cache)
    if side is None:
        raise EvaluationError(
            f"no results for fold {a.fold}" + (f", and it {obstacle}" if obstacle else ""),
            path=path,
            remedy="evaluate it first, or give --images and --split that it can read",
        )
    return side


def misfit(a: Side, path: Path, images: ImageSet) -> str:
    """Return why a model cannot be run on side A's images, empty if it can."""
    from ekg.model import load_model

    model = load_model(path)
    description = images.images / "dataset.json"
    size = read_json(description).get("size") if description.is_file() else model.image_size
    if size != model.image_size:
        return f"takes images of {model.image_size} pixels, not of {size}"
    if model.classes != a.classes:
        return f"tells other classes apart ({', '.join(model.classes)})"
    return ""


def has_weights(path: Path) -> bool:
    """Say whether a path is or holds weights that can be loaded."""
    from ekg.model.loading import weights_file_of

    if path.suffix in (".csv", ".json"):
        return False
    try:
        weights_file_of(path)
    except ModelError:
        return False
    return True


def run_on(path: Path, fold: str, images: ImageSet, cache: Path) -> Side:
    """Run a model on a fold of an image set, or take what a run before left in `cache`."""
    from ekg.evaluation.evaluate import EvaluationSettings, evaluate
    from ekg.model.loading import weights_file_of

    name = path.resolve().name if path.is_dir() else path.stem
    out = cache / _CACHE / name
    known = read_metrics(out)
    current = (
        known is not None
        and fold in known
        and (out / f"predictions_{fold}.csv").is_file()
        and known["weights_sha256"] == sha256_of_file(weights_file_of(path))
        and known["manifest_sha256"] == sha256_of_file(images.images / "manifest.csv")
        and known["split_sha256"] == sha256_of_file(images.split)
    )
    if not current:
        # Without intervals: the comparison draws its own, for both sides at once.
        evaluate(
            EvaluationSettings(
                model=path,
                images=images.images,
                split=images.split,
                folds=(fold,),
                out=out,
                resamples=0,
            )
        )
    side = load_side(out, fold)
    assert side is not None
    return replace(side, name=name, source=path.as_posix())
