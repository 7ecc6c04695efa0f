"""The stages that are disturbed: their command, what they read, what they leave."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ekg.errors import EkgError
from ekg.files import is_temporary, sha256_of_file

SIZE = 64
RECORDS = 28
FOLDS = {"train": 8, "val": 10, "test": 10}
"""Records of each fold, in order: ten are the fewest for which intervals are given."""

RESAMPLES = 200

_DRAW = ("images", "--records", "records", "--out", "set", "--size", str(SIZE), "--dataset", "toy")


_TRAIN = (
    "train",
    "--images",
    "set",
    "--split",
    "split.csv",
    "--run",
    "run",
    "--experiment",
    "experiment.toml",
    "--resume",
)


@dataclass(frozen=True)
class Stage:
    """One stage of the pipeline, run in a small folder of its own with relative paths."""

    name: str
    command: tuple[str, ...]
    out: str
    """Folder that it writes into."""
    needs: tuple[str, ...] = ()
    """What of the finished pipeline is there before it starts."""
    inputs: dict[str, str] = field(default_factory=dict)
    """Kind of input file -> pattern that finds one."""
    jobs: bool = False
    """Whether it takes `-j`."""
    results: tuple[str, ...] = ("**/*",)
    """Patterns, in `out`, of the files that it leaves."""
    describes: str = ""
    """A file that says what the stage has read: damaged input shows there, and there alone."""
    mark: str = ""
    """The file that stands for all the others: whoever finds it takes the stage for finished."""
    uses: tuple[str, ...] = ("ekg",)
    """Packages that are imported before the campaign forks."""
    main: bool = True
    """One of the long stages of the pipeline, which are disturbed more often."""

    def arguments(self, jobs: int = 1) -> list[str]:
        """Return the command line."""
        return [*self.command, *(["-j", str(jobs)] if self.jobs else [])]

    def files(self, workplace: Path) -> dict[str, Path]:
        """Return the files under their final names, hidden and temporary ones left out."""
        out = workplace / self.out
        found = {}
        for pattern in self.results:
            for path in sorted(out.glob(pattern)):
                name = path.relative_to(out)
                if path.is_file() and not any(part.startswith(".") for part in name.parts):
                    found[name.as_posix()] = path
        return found

    def result(self, workplace: Path) -> dict[str, str]:
        """Return a digest of each file that the stage leaves, without what a clock says."""
        return {name: digest(path) for name, path in self.files(workplace).items()}

    def half_written(
        self, workplace: Path, reference: dict[str, str], before: dict[str, str]
    ) -> list[str]:
        """Return files that have their final name and are neither whole nor refused.

        A file counts as whole when it is that of an undisturbed run, or as it was before. Of a
        training it may also be an earlier epoch's: then its reader must take it.
        """
        found, wrong = self.result(workplace), []
        for name, seen in found.items():
            known = seen in (reference.get(name), before.get(name))
            if not known and not _is_whole_epoch(workplace / self.out / name):
                wrong.append(name)
        if self.mark in found and found[self.mark] != before.get(self.mark):
            wrong += [f"{name} missing" for name in reference if name not in found]
            wrong += [f"{name} unfinished" for name in found if found[name] != reference.get(name)]
        return wrong


def _is_whole_epoch(path: Path) -> bool:
    # Imported here and below: the stages before the network need no torch.
    from ekg.model.weights import load_weights
    from ekg.training.checkpoint import load_checkpoint

    try:
        if path.name == "weights.safetensors":
            return bool(load_weights(path)[1].get("classes"))
        if path.name == "checkpoint.pt":
            return bool(load_checkpoint(path)["config"])
        if path.name == "train_results.csv":
            text = path.read_text(encoding="utf-8")
            return text.endswith("\n") and not pd.read_csv(io.StringIO(text)).isna().any(axis=None)
    except (EkgError, ValueError):
        return False
    return False


def digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, columns and fields of the clock left out."""
    if path.name == "train_results.csv":
        from ekg.training.history import MEASURED_COLUMNS

        table = pd.read_csv(path, dtype=str).drop(columns=list(MEASURED_COLUMNS))
        return hashlib.sha256(table.to_csv(index=False).encode()).hexdigest()
    if path.name == "finished.json":
        content = json.loads(path.read_text(encoding="utf-8"))
        content.pop("minutes")
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    if path.name == "checkpoint.pt":
        return _digest_of_checkpoint(path)
    if path.name == "environment.json":
        return "of the machine"
    if path.name == "dataset.json":
        return _digest_without_source(path)
    return sha256_of_file(path)


def _digest_without_source(path: Path) -> str:
    """Digest a description of data without the folder of its records: each run has another."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        return sha256_of_file(path)
    for part in (content, content.get("image_set") or {}):
        part.pop("source", None)
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _digest_of_checkpoint(path: Path) -> str:
    import torch

    from ekg.training.checkpoint import load_checkpoint
    from ekg.training.history import MEASURED_COLUMNS

    try:
        content = load_checkpoint(path)
    except EkgError:
        return "damaged"
    found = hashlib.sha256()

    def take(value: Any) -> None:
        if torch.is_tensor(value):
            found.update(value.contiguous().numpy().tobytes())
        elif isinstance(value, dict):
            for key in sorted(value, key=str):
                if key not in (*MEASURED_COLUMNS, "seconds"):
                    found.update(str(key).encode())
                    take(value[key])
        elif isinstance(value, list | tuple):
            for item in value:
                take(item)
        else:
            found.update(repr(value).encode())

    take(content)
    return found.hexdigest()


def leftovers_of(folder: Path) -> list[Path]:
    """Return the temporary files that killed runs left in a folder."""
    return [path for path in folder.rglob("*") if path.is_file() and is_temporary(path)]


STAGES: dict[str, Stage] = {
    stage.name: stage
    for stage in (
        Stage(
            name="simulate",
            uses=("ekg.records",),
            mark="labels.csv",
            main=False,
            command=(
                "simulate",
                "--out",
                "records",
                "--records",
                str(RECORDS),
                "--classes",
                "AF,I-AVB,LBBB,Normal,RBBB,STD,STE",
            ),
            out="records",
            jobs=True,
        ),
        Stage(
            name="download",
            uses=("ekg.datasets.download", "ekg.datasets.registry"),
            command=("download", "small", "--out", "records", "-j", "2"),
            out="records",
            results=("**/*.hea", "**/*.mat"),
        ),
        Stage(
            name="download again",
            uses=("ekg.datasets.download", "ekg.datasets.registry"),
            command=("download", "small", "--out", "records", "-j", "2", "--verify"),
            out="records",
            needs=("downloaded",),
            inputs={
                "publisher's list": "records/SHA256SUMS.txt",
                "downloaded file": "records/*/*2.mat",
                "list of what was verified": "records/.verified.jsonl",
            },
            results=("**/*.hea", "**/*.mat"),
            main=False,
        ),
        Stage(
            name="images",
            uses=("ekg.records", "ekg.images"),
            mark="manifest.csv",
            command=_DRAW,
            out="set",
            needs=("records",),
            inputs={"WFDB header": "records/*3.hea", "WFDB signal": "records/*3.mat"},
            jobs=True,
        ),
        Stage(
            name="pack",
            uses=("ekg.records", "ekg.images"),
            mark="pack.csv",
            command=(*_DRAW, "--pack"),
            out="set",
            needs=("records", "drawn"),
            inputs={"WFDB header": "records/*3.hea", "WFDB signal": "records/*3.mat"},
            jobs=True,
        ),
        Stage(
            name="split",
            uses=("ekg.records", "ekg.images", "ekg.data.split"),
            mark="",
            main=False,
            command=(
                "split",
                "--labels",
                "set/records.csv",
                "--out",
                "folds/split.csv",
                "--protocol",
                "stratified",
            ),
            out="folds",
            needs=("drawn",),
            inputs={"records.csv": "set/records.csv"},
        ),
        Stage(
            name="train",
            describes="dataset.json",
            mark="finished.json",
            command=_TRAIN,
            out="run",
            needs=("drawn", "split.csv", "experiment.toml"),
            inputs={
                "PNG image": "set/all/*/*3-s01_PIL.png",
                "manifest.csv": "set/manifest.csv",
                "split.csv": "split.csv",
                "experiment.toml": "experiment.toml",
            },
        ),
        Stage(
            name="resume",
            describes="dataset.json",
            command=_TRAIN,
            out="run",
            mark="finished.json",
            needs=("drawn", "split.csv", "experiment.toml", "interrupted"),
            inputs={"checkpoint.pt": "run/checkpoint.pt"},
            main=False,
        ),
        Stage(
            name="evaluate",
            mark="metrics.json",
            command=(
                "evaluate",
                "--model",
                "run",
                "--images",
                "set",
                "--split",
                "split.csv",
                "--fold",
                "val",
                "test",
                "--out",
                "run",
                "--resamples",
                str(RESAMPLES),
                "--saliency",
            ),
            out="run",
            needs=("packed", "split.csv", "trained"),
            inputs={
                "pack.npy": "set/pack.npy",
                "pack.csv": "set/pack.csv",
                "manifest.csv": "set/manifest.csv",
                "split.csv": "split.csv",
                "weights.safetensors": "run/weights.safetensors",
            },
        ),
        Stage(
            name="compare",
            mark="comparison.json",
            main=False,
            command=(
                "compare",
                "run",
                "other",
                "--images",
                "set",
                "--split",
                "split.csv",
                "--out",
                "compared",
            ),
            out="compared",
            needs=("packed", "split.csv", "evaluated", "other"),
            inputs={
                "predictions_test.csv": "run/predictions_test.csv",
                "metrics.json": "run/metrics.json",
            },
        ),
        Stage(
            name="store",
            mark="metrics.json",
            main=False,
            command=("store", "--run", "run", "--out", "stored"),
            out="stored",
            needs=("evaluated",),
            inputs={"metrics.json": "run/metrics.json"},
        ),
    )
}
