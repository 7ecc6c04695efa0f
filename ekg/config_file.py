"""Experiment files: TOML in and out, with every field checked by name and type."""

from __future__ import annotations

import dataclasses
import json
import tomllib
import types
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ekg.config import TrainConfig
from ekg.errors import ConfigError
from ekg.files import write_text

_Kind = typing.TypeVar("_Kind")


def load_config(path: str | Path | None, overrides: Iterable[str] = ()) -> TrainConfig:
    """Read an experiment file and apply overrides.

    Parameters
    ----------
    path
        A TOML file whose tables are the fields of `TrainConfig`; what it leaves out keeps its
        default. None: the defaults, the paper's recipe.
    overrides
        `section.field=value` each, value in TOML; quotes may be left off a string.

    Raises
    ------
    ConfigError
        Naming the file and the field, if the file is not TOML, a field is unknown, or a value
        has the wrong type or is out of range.
    """
    values: dict[str, Any] = {}
    if path is not None:
        values = _read_toml(Path(path))
    for override in overrides:
        _apply_override(values, override)
    return config_from_dict(values, path)


def load_table(path: str | Path, kind: type[_Kind]) -> _Kind:
    """Read a TOML file whose keys are the fields of the dataclass `kind`, checked by type."""
    try:
        return typing.cast(_Kind, _build(kind, _read_toml(Path(path)), ""))
    except TypeError as error:
        raise ConfigError(str(error).split("__init__() ")[-1], path=path) from None
    except ConfigError as error:
        raise ConfigError(error.problem, path=error.path or path, remedy=error.remedy) from None


def config_from_dict(values: Mapping[str, Any], path: str | Path | None = None) -> TrainConfig:
    """Build a `TrainConfig` from nested tables; `path` is named in errors."""
    try:
        return typing.cast(TrainConfig, _build(TrainConfig, values, ""))
    except ConfigError as error:
        raise ConfigError(error.problem, path=error.path or path, remedy=error.remedy) from None


def config_to_dict(config: TrainConfig) -> dict[str, Any]:
    """Return nested tables of plain values: what `config_from_dict` takes."""
    return typing.cast(dict[str, Any], _plain(dataclasses.asdict(config)))


def save_config(path: str | Path, config: TrainConfig, *, title: str = "") -> None:
    """Write `config` in full as TOML, atomically."""
    lines = [f"# {line}" for line in title.splitlines()]
    for section, table in config_to_dict(config).items():
        lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        lines += [f"{name} = {_toml_value(value)}" for name, value in table.items()]
    write_text(path, "\n".join(lines) + "\n")


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        if not text.strip():
            # As a TOML file it would mean the paper's recipe; as a file it was cut off.
            raise ConfigError(
                "is empty", path=path, remedy="leave it out if the paper's recipe is meant"
            )
        return tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError("no such experiment file", path=path, remedy="see experiments/") from None
    except IsADirectoryError:
        raise ConfigError("is a folder, not an experiment file", path=path) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"not a TOML file ({error})", path=path) from None


def _apply_override(values: dict[str, Any], override: str) -> None:
    name, equals, text = override.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot:
        raise ConfigError(
            f"override {override!r} is not of the form section.field=value",
            remedy="e.g. training.batch_size=16",
        )
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text.strip()
    table = values.setdefault(section, {})
    if not isinstance(table, dict):
        raise ConfigError(f"field `{section}` must be a table")
    table[key] = value


def _build(kind: type, values: Mapping[str, Any], prefix: str) -> Any:
    """Build dataclass `kind`, checking names and types."""
    hints = typing.get_type_hints(kind)
    unknown = [name for name in values if name not in hints]
    if unknown:
        raise ConfigError(
            f"unknown field `{prefix}{unknown[0]}`", remedy=f"known here: {', '.join(hints)}"
        )
    arguments = {}
    for name, value in values.items():
        hint = hints[name]
        if dataclasses.is_dataclass(hint):
            if not isinstance(value, Mapping):
                raise ConfigError(f"field `{prefix}{name}` must be a table ([{prefix}{name}])")
            arguments[name] = _build(typing.cast(type, hint), value, f"{prefix}{name}.")
        else:
            arguments[name] = _checked(hint, value, prefix + name)
    return kind(**arguments)


def _checked(hint: Any, value: Any, name: str) -> Any:
    """Return `value` as the type `hint` asks for, or say that it does not fit."""
    origin = typing.get_origin(hint)
    if origin is typing.Literal:
        choices = typing.get_args(hint)
        if value not in choices:
            raise ConfigError(
                f"field `{name}` is {value!r}", remedy=f"choose one of {', '.join(choices)}"
            )
        return value
    if origin is tuple:
        items = value if isinstance(value, list | tuple) else [value]
        return tuple(_checked(typing.get_args(hint)[0], item, name) for item in items)
    if origin in (types.UnionType, typing.Union):
        raise TypeError(f"no union types in configurations: {name}")
    wanted = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}[hint]
    is_bool = isinstance(value, bool)
    if hint is float and isinstance(value, int) and not is_bool:
        value = float(value)
    if not isinstance(value, hint) or (is_bool and hint is not bool):
        raise ConfigError(f"field `{name}` is {value!r}, must be {wanted}")
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value


def _toml_value(value: Any) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml_value(item) for item in value) + "]"
    if isinstance(value, float):
        return repr(value)  # the shortest form that reads back as the same number
    # Texts, whole numbers, true and false; TOML, unlike JSON, wants the delete character escaped.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
