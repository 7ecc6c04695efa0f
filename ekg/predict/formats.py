"""Predictions as text, JSON, CSV or parquet, written one after the other."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Protocol

from ekg.errors import EkgError
from ekg.files import DAMAGE, atomic_path, read_json, sha256_of_file, write_json
from ekg.predict.predictor import Prediction
from ekg.records.diagnoses import BY_ABBREVIATION

FORMATS = ("text", "json", "csv", "parquet")
SHARD_ROWS = 1000
"""Predictions in one parquet file."""
SHARDS_FILE = "_manifest.json"
"""Beside the parquet files; readers of parquet folders pass over names with an underscore."""
_LEAST_SHOWN = 0.05


class Writer(Protocol):
    """Writes predictions in one format."""

    def write(self, prediction: Prediction) -> None:
        """Write one prediction, so that an interruption does not lose it."""
        ...

    def finish(self) -> None:
        """Write what comes last."""
        ...


def writer_for(form: str, classes: Sequence[str], stream: IO[str], *, first: bool = True) -> Writer:
    """Return the writer of a format other than parquet.

    `first`: Whether the stream is empty; otherwise it ends with a whole prediction.
    """
    if form == "csv":
        return _CsvWriter(classes, stream, first)
    return _JsonWriter(stream, first) if form == "json" else _TextWriter(stream)


class _TextWriter:
    def __init__(self, stream: IO[str]):
        self._stream = stream

    def write(self, prediction: Prediction) -> None:
        self._stream.write("".join(f"{line}\n" for line in text_lines(prediction)))
        self._stream.flush()

    def finish(self) -> None:
        pass


class _JsonWriter:
    """One array with an object for each prediction."""

    def __init__(self, stream: IO[str], first: bool):
        self._stream, self._first = stream, first
        # What the stream's encoding lacks must stay JSON.
        self._ascii = (getattr(stream, "encoding", None) or "utf-8").lower() != "utf-8"

    def write(self, prediction: Prediction) -> None:
        content = json.dumps(
            prediction.as_json(), indent=2, ensure_ascii=self._ascii, allow_nan=False
        )
        self._stream.write("[\n  " if self._first else ",\n  ")
        self._stream.write(content.replace("\n", "\n  "))
        self._stream.flush()
        self._first = False

    def finish(self) -> None:
        self._stream.write("[]\n" if self._first else "\n]\n")
        self._stream.flush()


class _CsvWriter:
    def __init__(self, classes: Sequence[str], stream: IO[str], first: bool):
        self._classes, self._stream = classes, stream
        self._writer = csv.writer(stream, lineterminator="\n")
        if first:
            self._writer.writerow(columns_of(classes))

    def write(self, prediction: Prediction) -> None:
        self._writer.writerow(
            f"{value:.6f}"
            if isinstance(value, float)
            else str(value).lower()
            if isinstance(value, bool)
            else value
            for value in row_of(prediction, self._classes)
        )
        self._stream.flush()

    def finish(self) -> None:
        self._stream.flush()


def columns_of(classes: Sequence[str]) -> list[str]:
    """Return the columns of CSV and parquet."""
    probabilities, spread = [f"p_{name}" for name in classes], [f"spread_{n}" for n in classes]
    rest = ["slices", "calibrated", "warnings", "error", "explanation", "withheld", "possible"]
    return ["path", "record", "diagnosis", *probabilities, *spread, *rest]


def row_of(prediction: Prediction, classes: Sequence[str]) -> list[Any]:
    """Return one row for `columns_of`; None where there is no value."""

    def cells(values: dict[str, float] | None) -> list[float | None]:
        return [values[name] if values else None for name in classes]

    return [
        prediction.path,
        prediction.record,
        prediction.diagnosis,
        *cells(prediction.probabilities),
        *cells(prediction.spread),
        len(prediction.slices) or None,
        None if prediction.error is not None else prediction.calibrated,
        "; ".join(prediction.warnings),
        prediction.error,
        prediction.explanation,
        prediction.withheld,
        None if prediction.possible is None else "; ".join(prediction.possible),
    ]


class ParquetWriter:
    """A folder of parquet files of `SHARD_ROWS` predictions each, and their list."""

    def __init__(self, classes: Sequence[str], folder: Path):
        self.folder = folder
        self._classes, self._rows = classes, list[list[Any]]()
        self._schema = parquet_schema(classes)
        self._shards: list[dict[str, Any]] = [
            {"file": path.name, "rows": len(_parquet_rows(path)), "sha256": sha256_of_file(path)}
            for path in shards_of(folder)
        ]

    def write(self, prediction: Prediction) -> None:
        """Add a prediction; every `SHARD_ROWS` of them become a file."""
        self._rows.append(row_of(prediction, self._classes))
        if len(self._rows) == SHARD_ROWS:
            self._write_shard()

    def _write_shard(self) -> None:
        import pyarrow
        import pyarrow.parquet

        columns = list(zip(*self._rows, strict=True)) or [()] * len(self._schema)
        table = pyarrow.table([list(column) for column in columns], schema=self._schema)
        target = self.folder / f"part-{len(self._shards):06d}.parquet"
        with atomic_path(target) as temporary:
            pyarrow.parquet.write_table(table, temporary)
        self._shards.append(
            {"file": target.name, "rows": len(self._rows), "sha256": sha256_of_file(target)}
        )
        self._rows.clear()

    def finish(self) -> None:
        """Write the last shard and the list of all."""
        if self._rows or not self._shards:
            self._write_shard()
        rows = sum(shard["rows"] for shard in self._shards)
        write_json(self.folder / SHARDS_FILE, {"rows": rows, "shards": self._shards})


def parquet_schema(classes: Sequence[str]) -> Any:
    """Return the types of `columns_of`."""
    import pyarrow

    kinds = {"slices": pyarrow.int32(), "calibrated": pyarrow.bool_(), "withheld": pyarrow.bool_()}
    numbers = {name for name in columns_of(classes) if name.startswith(("p_", "spread_"))}
    return pyarrow.schema(
        (name, pyarrow.float64() if name in numbers else kinds.get(name, pyarrow.string()))
        for name in columns_of(classes)
    )


def shards_of(folder: Path) -> list[Path]:
    """Return the parquet files of a folder, in order."""
    return sorted(folder.glob("part-*.parquet"))


def _parquet_rows(path: Path) -> list[tuple[str, bool]]:
    import pyarrow.parquet

    table = pyarrow.parquet.read_table(path, columns=["path", "error"])
    paths, errors = (table.column(name).to_pylist() for name in ("path", "error"))
    return [(path, error is not None) for path, error in zip(paths, errors, strict=True)]


def check_shards(folder: Path) -> int:
    """Compare a finished folder of shards with its list; return the number of predictions."""
    listed = read_json(folder / SHARDS_FILE)
    try:
        wanted = {shard["file"]: shard["sha256"] for shard in listed["shards"]}
        rows = int(listed["rows"])
    except (LookupError, TypeError, ValueError):
        raise EkgError("is not a list of shards", path=folder / SHARDS_FILE) from None
    found = {path.name: sha256_of_file(path) for path in shards_of(folder)}
    for name in sorted({*wanted, *found}):
        if wanted.get(name) != found.get(name):
            state = "missing" if name not in found else "not the file that is listed"
            raise EkgError(f"{name} is {state}", path=folder, remedy="copy the folder again")
    return rows


def whole_predictions(path: Path, form: str) -> Iterator[tuple[str, bool, int]]:
    """Read back what an interrupted run wrote."""
    try:
        if form == "parquet":
            for shard in shards_of(path):
                for name, refused in _parquet_rows(shard):
                    yield name, refused, 0
        elif path.is_file():
            with open(path, "rb") as stream:
                yield from (_csv_rows if form == "csv" else _json_objects)(stream)
    except DAMAGE as error:
        raise EkgError(
            f"cannot be resumed: it is damaged ({error})", path=path, remedy="delete it"
        ) from None


def _csv_rows(stream: IO[bytes]) -> Iterator[tuple[str, bool, int]]:
    columns: list[str] = []
    end, row = 0, b""
    for line in stream:
        row += line
        if not row.endswith(b"\n") or row.count(b'"') % 2:
            continue
        end, text, row = end + len(row), row.decode(), b""
        cells = next(csv.reader(io.StringIO(text, newline="")))
        if not columns:
            columns = cells
            continue
        named = dict(zip(columns, cells, strict=True))
        yield named["path"], bool(named["error"]), end


def _json_objects(stream: IO[bytes]) -> Iterator[tuple[str, bool, int]]:
    end, begin, lines = 0, 0, list[bytes]()
    for line in stream:
        begin, end = end, end + len(line)
        lines = [line] if line == b"  {\n" else [*lines, line]
        if line.rstrip(b",\n") == b"  }":
            content = json.loads(b"".join(lines).rstrip(b",\n"))
            yield content["path"], "error" in content, begin + len(b"  }")


def text_lines(prediction: Prediction) -> Iterator[str]:
    """Return a prediction as lines for people."""
    if prediction.error is not None:
        yield f"{prediction.record}: refused: {prediction.error}"
        return
    assert prediction.diagnosis is not None
    known = BY_ABBREVIATION.get(prediction.diagnosis)
    meaning = f" ({known.meaning})" if known else ""
    others = ", ".join(
        f"{name} {p:.2f}"
        for name, p in sorted(prediction.probabilities.items(), key=lambda item: -item[1])
        if name != prediction.diagnosis and p >= _LEAST_SHOWN
    )
    probability = f"{prediction.probabilities[prediction.diagnosis]:.2f}"
    if prediction.spread is not None:
        probability += f" ± {prediction.spread[prediction.diagnosis]:.2f}"
    count = len(prediction.slices)
    front = "not sure: " if prediction.withheld else ""
    yield (
        f"{prediction.record}: {front}{prediction.diagnosis}{meaning} {probability}"
        f"{f'; {others}' if others else ''}"
        f"  [{count} slice{'' if count == 1 else 's'}"
        f"{'' if prediction.calibrated else ', not calibrated'}]"
    )
    if prediction.possible is not None and len(prediction.possible) > 1:
        yield f"  possible: {', '.join(prediction.possible)}"
    for warning in prediction.warnings:
        yield f"  warning: {warning}"
    if prediction.explanation is not None:
        yield f"  explanation: {prediction.explanation}"
    if prediction.page is not None and "explanation" in prediction.page:
        yield f"  on the page: {prediction.page['explanation']}"
