"""Predictions in a file, put in its place when complete; an interrupted one can be completed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

from ekg.errors import EkgError
from ekg.files import folder_lock, read_json, write_json
from ekg.predict.formats import ParquetWriter, Writer, whole_predictions, writer_for
from ekg.predict.inputs import Input
from ekg.predict.predictor import Prediction

_SETTINGS = "settings.json"


class Output:
    """The file, or with parquet the folder, that predictions go to.

    Until it is complete it lies in `NAME.unfinished` beside its place. Use as a context manager.

    `settings`: What decides the predictions: all of it must be equal for a run to be resumed.
    """

    def __init__(
        self,
        target: Path,
        form: str,
        classes: Sequence[str],
        settings: dict[str, Any],
        *,
        resume: bool,
    ):
        if resume and form == "text":
            raise EkgError("text cannot be resumed", path=target, remedy="use --format csv")
        self.target, self.form, self.classes = target, form, classes
        self.folder = target.with_name(f"{target.name}.unfinished")
        self.settings = {"format": form, **settings}
        self.resume = resume
        self._unfinished = self.folder / "predictions"
        self._stack = ExitStack()
        self._writer: Writer | None = None

    def __enter__(self) -> Output:
        with ExitStack() as stack:
            stack.enter_context(folder_lock(self.folder, "writing predictions"))
            self._claim()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._stack.close()
        if kind is None:
            shutil.rmtree(self.folder)

    def _claim(self) -> None:
        path = self.folder / _SETTINGS
        if not path.is_file():
            write_json(path, self.settings)
        found = read_json(path)
        if not self.resume and self._unfinished.exists():
            raise EkgError(
                "holds the predictions of an interrupted run",
                path=self.folder,
                remedy="add --resume to complete them, or delete this folder",
            )
        for name, value in self.settings.items():
            if not isinstance(found, dict) or found.get(name) != value:
                raise EkgError(
                    f"field `{name}` is {dict(found).get(name)!r}, now it is {value!r}",
                    path=path,
                    remedy="give the options of the interrupted run, or delete its folder",
                )

    def missing(self, inputs: Iterable[Input]) -> Iterator[tuple[Input, bool | None]]:
        """Go through the inputs, and through what was written of them before."""
        remaining, end = iter(inputs), 0
        for path, refused, place in whole_predictions(self._unfinished, self.form):
            found = next(remaining, None)
            if found is None or found.path != path:
                raise EkgError(
                    f"the interrupted run read {path}, now it is "
                    f"{'nothing' if found is None else found.path}",
                    path=self.folder,
                    remedy="name the same inputs in the same order, or delete this folder",
                )
            end = place
            yield found, refused
        self._writer = self._open(end)
        for found in remaining:
            yield found, None

    def _open(self, end: int) -> Writer:
        if self.form == "parquet":
            self._unfinished.mkdir(exist_ok=True)
            return ParquetWriter(self.classes, self._unfinished)
        with open(self._unfinished, "ab") as stream:
            stream.truncate(end)
        text = open(self._unfinished, "a", encoding="utf-8", newline="")  # noqa: SIM115
        self._stack.enter_context(text)
        return writer_for(self.form, self.classes, text, first=end == 0)

    def write(self, prediction: Prediction) -> None:
        """Write a prediction."""
        assert self._writer is not None
        self._writer.write(prediction)

    def finish(self) -> None:
        """Put everything in its place."""
        assert self._writer is not None
        self._writer.finish()
        if self.target.is_dir():
            shutil.rmtree(self.target)
        os.replace(self._unfinished, self.target)
