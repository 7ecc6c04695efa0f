"""A run or stored model on disk: the name of every file in its folder, and their one reader."""

from __future__ import annotations

import math
import tomllib
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, cast

from ekg.errors import EkgError, EvaluationError, ModelError
from ekg.files import DAMAGE, read_json, sha256_of_file, write_json
from ekg.paths import natural_key

if TYPE_CHECKING:
    import pandas as pd

CONFIG_FILE = "config.toml"
ENVIRONMENT_FILE = "environment.json"
DATASET_FILE = "dataset.json"
"""What the run learned from; an image set's description has the same name."""
HISTORY_FILE = "train_results.csv"
CHECKPOINT_FILE = "checkpoint.pt"
WEIGHTS_FILE = "weights.safetensors"
FINISHED_FILE = "finished.json"
"""Written last: a run without it has not come to its end."""

METRICS_FILE = "metrics.json"
CALIBRATION_FILE = "calibration.json"
RULES_FILE = "abstention.json"
"""When a verdict is withheld, and which classes remain possible."""
RECORDINGS_FILE = "recordings.csv"
"""The recordings that an adapted model learned from, by name and checksum."""
ADAPTATION_FILE = "adaptation.json"
HELD_OUT_FILE = "cross_validation.json"
"""An adapted model's comparison of held-out recordings, after against before."""
BEFORE_FILE, AFTER_FILE = "predictions_before.csv", "predictions_after.csv"
"""The predictions that it was computed from."""
ADAPTED_FILES = (ADAPTATION_FILE, RECORDINGS_FILE, HELD_OUT_FILE, BEFORE_FILE, AFTER_FILE)
SALIENCY_FILE = "saliency.npz"
COMPARISON_FILE = "comparison.json"

ONNX_FILE = "model.onnx"
STORED_FILE = "stored.json"
"""Checksums of a stored model's other files."""

FOLDS = ("train", "val", "test")
METRICS_SCHEMA = 1
_EVALUATE_AGAIN = "run `python -m ekg evaluate` again"
_IDENTITY = ("dataset", "weights_sha256", "manifest_sha256")


FoldMetrics = dict[str, Any]
"""One fold of `metrics.json`: counts and checksums, and a table of metrics for each level."""


class Metrics(TypedDict, total=False):
    """The content of `metrics.json`."""

    schema: int
    dataset: str
    model: str
    classes: list[str]
    image_size: int
    images_folder: str
    split_file: str
    weights_sha256: str
    manifest_sha256: str
    split_sha256: str
    probabilities: str
    train: FoldMetrics
    val: FoldMetrics
    test: FoldMetrics


class Finished(TypedDict):
    """The content of `finished.json`: how a training ended."""

    epochs: int
    best_epoch: int
    best_val_loss: float
    best_val_accuracy: float
    minutes: float
    reason: str


class Run:
    """The folder of a run or a stored model.

    What has no file is empty, or None where stated.

    Parameters
    ----------
    folder
        The folder; it need not exist yet.

    Raises
    ------
    EkgError
        From each property and method, if the file is damaged or of another kind.
    """

    def __init__(self, folder: str | Path):
        self.folder = Path(folder)

    def file(self, name: str) -> Path:
        """Return where a file of the folder is or will be."""
        return self.folder / name

    def has(self, *names: str) -> bool:
        """Return whether all of these files are there."""
        return all(self.file(name).is_file() for name in names)

    def predictions_file(self, fold: str) -> Path:
        """Return where a fold's predictions are or will be."""
        return self.file(f"predictions_{fold}.csv")

    def saved_predictions(self, fold: str) -> Path | None:
        """Return the file of a fold's predictions, our form or the published one, if saved."""
        published = self.file(f"preds_{fold}.csv")
        return next((p for p in (self.predictions_file(fold), published) if p.is_file()), None)

    @property
    def is_published(self) -> bool:
        """Whether this is the published model with its own predictions."""
        return self.has("preds_test.csv")

    @cached_property
    def metrics(self) -> Metrics:
        """`metrics.json`, checked; empty without it."""
        path = self.file(METRICS_FILE)
        if not path.is_file():
            return {}
        content = read_json(path)
        remedy = "delete it and evaluate again"
        if not isinstance(content, dict) or content.get("schema") != METRICS_SCHEMA:
            raise EvaluationError(
                f"field `schema` is not {METRICS_SCHEMA}", path=path, remedy=remedy
            )
        for fold in FOLDS:
            if not isinstance(content.get(fold, {}), dict):
                raise EvaluationError(
                    f"`{fold}` must be a table of metrics", path=path, remedy=remedy
                )
        return cast(Metrics, content)

    def fold_metrics(self, fold: str) -> FoldMetrics | None:
        """Return the metrics of a fold, None where it was not evaluated."""
        return cast(dict[str, Any], self.metrics).get(fold)

    def merged_metrics(
        self, head: Metrics, folds: dict[str, FoldMetrics]
    ) -> tuple[dict[str, Any], list[str]]:
        """Put folds together with those of `metrics.json`; nothing is written.

        Returns
        -------
        content : dict
            What the file is to hold: the head and the folds.
        dropped : list of str
            Folds left out because they are of another dataset or other weights.
        """
        old: dict[str, Any] = {**self.metrics}
        same = all(old.get(key) == head.get(key) for key in _IDENTITY)
        kept = {name: old[name] for name in FOLDS if name in old and same}
        dropped = [name for name in FOLDS if name in old and not same and name not in folds]
        merged = kept | folds
        content = {"schema": METRICS_SCHEMA, **head} | {
            name: merged[name] for name in sorted(merged, key=natural_key)
        }
        return content, dropped

    def check_predictions(self, fold: str) -> None:
        """Refuse predictions other than those that a fold's metrics were computed from.

        A run that was killed, a copy or a failing disk leaves such. Metrics of before the
        checksum was written down are taken as they are.
        """
        path = self.predictions_file(fold)
        known = (self.fold_metrics(fold) or {}).get("predictions_sha256")
        if known not in (None, sha256_of_file(path)):
            raise EvaluationError(
                f"is not the file that {METRICS_FILE} beside it was computed from",
                path=path,
                remedy=_EVALUATE_AGAIN,
            )

    @cached_property
    def history(self) -> pd.DataFrame | None:
        """`train_results.csv`, one row an epoch, with epoch, train_loss and val_loss at least."""
        import pandas as pd

        path = self.file(HISTORY_FILE)
        if not path.is_file():
            return None
        try:
            table = pd.read_csv(path)
        except (OSError, *DAMAGE) as error:
            raise EvaluationError(
                f"not a training history ({error})", path=path, remedy="train again"
            ) from None
        missing = [c for c in ("epoch", "train_loss", "val_loss") if c not in table.columns]
        if missing or table.empty:
            problem = f"column `{missing[0]}` is missing" if missing else "it has no epochs"
            raise EvaluationError(
                f"not a training history ({problem})", path=path, remedy="train again"
            )
        return table

    @cached_property
    def settings(self) -> dict[str, Any]:
        """`config.toml` as nested tables, as it was written; `load_config` checks and fills it."""
        path = self.file(CONFIG_FILE)
        if not path.is_file():
            return {}
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
            raise EvaluationError(f"not a TOML file ({error})", path=path) from None

    @cached_property
    def environment(self) -> dict[str, Any]:
        """`environment.json`: machine, versions, command line and checksums of the data."""
        return self._json(ENVIRONMENT_FILE)

    @cached_property
    def dataset_facts(self) -> dict[str, Any]:
        """`dataset.json`: what the run learned from."""
        return self._json(DATASET_FILE)

    @property
    def finished(self) -> Finished | None:
        """`finished.json`, None for a training that has not ended."""
        return cast(Finished, self._json(FINISHED_FILE)) if self.has(FINISHED_FILE) else None

    @property
    def stored(self) -> dict[str, Any]:
        """`stored.json`: how a stored model came to be, and the checksums of its files."""
        return self._json(STORED_FILE)

    @property
    def comparison(self) -> dict[str, Any]:
        """`comparison.json`."""
        return self._json(COMPARISON_FILE)

    @cached_property
    def model_info(self) -> dict[str, Any]:
        """`model_info.json` of the published model."""
        return self._json("model_info.json")

    @property
    def calibration(self) -> dict[str, Any]:
        """`calibration.json`: the temperature and what it changes."""
        return self._json(CALIBRATION_FILE)

    def write_calibration(self, calibration: dict[str, Any] | None) -> None:
        """Write `calibration.json`, or remove it where there is none."""
        if calibration is None:
            self.file(CALIBRATION_FILE).unlink(missing_ok=True)
        else:
            write_json(self.file(CALIBRATION_FILE), calibration)

    def write_rules(self, rules: dict[str, Any] | None) -> None:
        """Write `abstention.json`, or remove it where there are no rules."""
        if rules is None:
            self.file(RULES_FILE).unlink(missing_ok=True)
        else:
            write_json(self.file(RULES_FILE), rules)

    def temperature(self, weights_sha256: str) -> float | None:
        """Return the temperature fitted for these weights, None without one.

        A calibration of other weights (of an earlier training into the folder) does not count.
        """
        if not self.has(CALIBRATION_FILE):
            return None
        path, content = self.file(CALIBRATION_FILE), None
        try:
            content = self.calibration
            value = content.get("temperature")
        except EkgError:
            value = None
        if (
            content is None
            or isinstance(value, bool)
            or not isinstance(value, int | float)
            or not 0 < value < math.inf
        ):
            raise ModelError(
                "field `temperature` is not a number above 0", path=path, remedy="evaluate again"
            )
        known = content.get("weights_sha256")
        return float(value) if known in (None, weights_sha256) else None

    def _json(self, name: str) -> dict[str, Any]:
        path = self.file(name)
        if not path.is_file():
            return {}
        content = read_json(path)
        if not isinstance(content, dict):
            raise EvaluationError("has no named values", path=path, remedy="make it again")
        return content
