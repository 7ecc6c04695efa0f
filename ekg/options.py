"""Command-line options from the signature of the function that does the work."""

from __future__ import annotations

import argparse
import inspect
import os
import types
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from ekg.paths import Place, place_of


@dataclass(frozen=True)
class Option:
    """What name, type and default of a parameter do not say about its option.

    `names`: instead of `--name-of-the-parameter`; `repeated`: of a list, give one value each time.
    """

    help: str | None = None
    metavar: str | None = None
    names: tuple[str, ...] = ()
    repeated: bool = False


Jobs = Annotated[int, Option("processes (default: all cores)", names=("-j", "--jobs"))]
Scheduler = Annotated[
    str | None,
    Option("work on this Dask cluster instead, e.g. tcp://host:8786 (extra `cluster`)", "ADDRESS"),
]
Fs = Annotated[float | None, Option("sampling frequency of CSV and NPY files", "HZ")]
Unit = Annotated[Literal["mV", "uV", "V", "nV"] | None, Option("unit of CSV and NPY files")]
CORES = os.cpu_count() or 1


def add_options(parser: argparse.ArgumentParser, function: Callable[..., Any]) -> None:
    """Declare a function's parameters: `Annotated` with a help text or an `Option`.

    Those that can be given by position are positional arguments, those after `*` are options.
    """
    hints = typing.get_type_hints(function, include_extras=True)
    for name, parameter in inspect.signature(function).parameters.items():
        kind, option = typing.get_args(hints[name])
        if isinstance(option, str):
            option = Option(option)
        settings: dict[str, Any] = {"help": option.help, **_settings(kind, option)}
        if option.metavar is not None:
            settings["metavar"] = option.metavar
        required = parameter.default is parameter.empty
        if not required:
            default = parameter.default
            settings["default"] = list(default) if isinstance(default, tuple) else default
        if parameter.kind is parameter.KEYWORD_ONLY:
            names = option.names or (f"--{name.replace('_', '-')}",)
            parser.add_argument(*names, dest=name, required=required, **settings)
            continue
        settings.pop("action", None)
        if not required:
            settings.setdefault("nargs", "?")
        parser.add_argument(name, **settings)


def _settings(kind: Any, option: Option) -> dict[str, Any]:
    """Return what argparse calls a type."""
    if kind == Place:
        return {"type": place_of}
    if isinstance(kind, types.UnionType) or typing.get_origin(kind) is typing.Union:
        kind = next(part for part in typing.get_args(kind) if part is not types.NoneType)
    if kind is bool:
        return {"action": "store_true"}
    if typing.get_origin(kind) is Literal:
        return {"choices": typing.get_args(kind)}
    if typing.get_origin(kind) in (list, Sequence):
        how = {"action": "append"} if option.repeated else {"action": "extend", "nargs": "+"}
        return how | _settings(typing.get_args(kind)[0], option)
    return {"type": kind}


def call_with(function: Callable[..., Any], arguments: argparse.Namespace) -> Any:
    """Call a function with its parsed options."""
    names = inspect.signature(function).parameters
    return function(**{name: getattr(arguments, name) for name in names})
