"""A small pipeline, its stages undisturbed, and fresh workplaces copied from what they leave."""

from __future__ import annotations

import os
import shutil
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ekg.files import write_text
from ekg.simulator.mix import record_name

from .process import Ended, run
from .server import Publisher
from .stages import FOLDS, RECORDS, SIZE, STAGES, Stage

_EXPERIMENT = f"""\
[data]
image_size = {SIZE}
[training]
epochs = 3
batch_size = 5
averaging_decay = 0.9
train_loss_pass = false
checkpoint_minutes = 0.0
[optimizer]
name = "adamw"
learning_rate = 0.003
[early_stopping]
enabled = false
[compute]
device = "cpu"
threads = 1
"""

_PLACES = {
    "drawn": "set",
    "packed": "set",
    "trained": "run",
    "evaluated": "run",
    "interrupted": "run",
    "downloaded": "records",
}
"""Where a material is in a workplace; others under their own name."""

_MADE_BY = {
    "records": "simulate",
    "downloaded": "download",
    "drawn": "images",
    "packed": "pack",
    "trained": "train",
    "evaluated": "evaluate",
}
_MEASURED_RUNS = 3
_TRIES = 12
_INTERRUPTED = 0.7


def _split_text() -> str:
    """Return a split by the records' numbers: classes take turns, so each fold has every class."""
    names = iter(record_name(number) for number in range(1, RECORDS + 1))
    lines = [f"{next(names)},?,{fold}\n" for fold, size in FOLDS.items() for _ in range(size)]
    return "record,diagnoses,split\n" + "".join(lines)


_TEXTS = {"split.csv": _split_text, "experiment.toml": lambda: _EXPERIMENT}


@dataclass(frozen=True)
class Reference:
    """A stage undisturbed."""

    result: dict[str, str]
    before: dict[str, str]
    """What lay in the output folder at the start."""
    seconds: float
    largest: int
    """Bytes of the largest file it writes."""


class Sandbox:
    """The campaign's folder: materials, references, and a place for each disturbed run.

    `folder`: An empty folder of the campaign's own, readable by every user.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self.materials = folder / "materials"
        self.publisher = Publisher()
        self.references: dict[str, Reference] = {}
        self._number = 0

    def close(self) -> None:
        """End the web server and remove everything."""
        self.publisher.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def material(self, name: str) -> Path:
        """Return a file of the finished pipeline; its stage runs on first use."""
        place = self.materials / name
        if place.exists():
            return place
        self.materials.mkdir(parents=True, exist_ok=True)
        if name in _TEXTS:
            write_text(place, _TEXTS[name]())
        elif name == "other":
            _copy(self.material("evaluated"), place)
        elif name == "interrupted":
            self._interrupt_a_training(place)
        else:
            stage = STAGES[_MADE_BY[name]]
            workplace = self.workplace(stage)
            self._must_succeed(stage, workplace)
            _copy(workplace / stage.out, place)
            self.discard(workplace)
        return place

    def _must_succeed(self, stage: Stage, workplace: Path) -> Ended:
        ended = self.run(stage, workplace)
        if not ended.succeeded:
            raise SystemExit(f"the undisturbed stage {stage.name} fails:\n{ended.text}")
        return ended

    def _interrupt_a_training(self, place: Path) -> None:
        """Keep the folder of a training that was killed in its second half."""
        stage = STAGES["train"]
        share = _INTERRUPTED
        for _ in range(_TRIES):
            workplace = self.workplace(stage)
            ended = self.run(stage, workplace, kill_after=share * self.reference(stage).seconds)
            begun = (workplace / stage.out / "checkpoint.pt").is_file()
            if ended.killed and begun:
                _copy(workplace / stage.out, place)
                self.discard(workplace)
                return
            self.discard(workplace)
            share *= 1.1 if ended.killed else 0.9  # the machine is slower, or faster, just now
        raise SystemExit("no training could be killed after its first checkpoint")

    def reference(self, stage: Stage) -> Reference:
        """Return what the stage leaves undisturbed, and in what time; measured once."""
        if stage.name not in self.references:
            times = []
            for _ in range(_MEASURED_RUNS):
                workplace = self.workplace(stage)
                before, lay_there = _sizes(workplace / stage.out), stage.result(workplace)
                times.append(self._must_succeed(stage, workplace).seconds)
                result, after = stage.result(workplace), _sizes(workplace / stage.out)
                known = self.references.get(stage.name)
                if known is not None and known.result != result:
                    raise SystemExit(f"the stage {stage.name} does not repeat itself")
                written = [size for name, size in after.items() if before.get(name) != size]
                largest = max(written or after.values(), default=0)
                self.references[stage.name] = Reference(
                    result, lay_there, statistics.median(times), largest
                )
                self.discard(workplace)
        return self.references[stage.name]

    def workplace(self, stage: Stage) -> Path:
        """Return a fresh folder in which the stage can be run."""
        self._number += 1
        workplace = self.folder / f"{stage.name}-{self._number:04d}"
        workplace.mkdir(parents=True)
        for material in stage.needs:
            _copy(self.material(material), workplace / _PLACES.get(material, material))
        (workplace / stage.out).mkdir(exist_ok=True)
        return workplace

    def half_written(self, stage: Stage, workplace: Path) -> list[str]:
        """See `Stage.half_written`."""
        reference = self.reference(stage)
        return stage.half_written(workplace, reference.result, reference.before)

    def discard(self, workplace: Path) -> None:
        """Remove a workplace."""
        for folder, _, _ in os.walk(workplace):
            Path(folder).chmod(0o755)
        shutil.rmtree(workplace)

    def run(
        self,
        stage: Stage,
        workplace: Path,
        *,
        jobs: int = 1,
        kill_after: float | None = None,
        set_up: Callable[[], None] | None = None,
    ) -> Ended:
        """Run the stage in a workplace."""
        return run(
            stage.arguments(jobs), workplace, kill_after=kill_after, set_up=self.prepared(set_up)
        )

    def prepared(self, set_up: Callable[[], None] | None) -> Callable[[], None]:
        """Return what a child does first: the small data set replaces the registry."""

        def both() -> None:
            self.publisher.be_the_registry()
            if set_up is not None:
                set_up()

        return both


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target)
    else:
        shutil.copy2(source, target)


def _sizes(folder: Path) -> dict[str, int]:
    return {str(path): path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def touch(path: Path, when: float | None = None) -> None:
    """Set a file's time of change: now, or this many seconds from now."""
    moment = time.time() + (when or 0.0)
    os.utime(path, (moment, moment))
