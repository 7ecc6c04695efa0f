"""`python -m ekg VERB ...`: which function does what, and nothing else."""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib
import inspect
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ekg._version import __version__
from ekg.errors import EkgError, EkgWarning
from ekg.options import add_options, call_with
from ekg.paths import CLONE, needs_clone

DISTRIBUTION = "ekg-image-reader"


VERBS = {
    "adapt": "ekg.adapt.commands",
    "best-model": "ekg.datasets.commands",
    "compare": "ekg.evaluation.commands",
    "convert": "ekg.datasets.commands",
    "counts": "ekg.images.commands",
    "download": "ekg.datasets.commands",
    "evaluate": "ekg.evaluation.commands",
    "export": "ekg.model.commands",
    "external": "ekg.evaluation.commands",
    "hackathon": "ekg.hackathon.commands",
    "images": "ekg.images.commands",
    "page": "page.commands",
    "paper": "ekg.paper.commands",
    "predict": "ekg.predict.commands",
    "read": "ekg.strips.commands",
    "render": "ekg.images.commands",
    "runs": "ekg.evaluation.commands",
    "serve": "page.commands",
    "simulate": "ekg.simulator.commands",
    "simulate-pages": "ekg.strips.simulate.commands",
    "split": "ekg.data.commands",
    "store": "ekg.store.commands",
    "summary": "ekg.evaluation.commands",
    "train": "ekg.training.commands",
    "train-strips": "ekg.strips.learn.commands",
    "verify": "checks.commands",
}
"""The module of each verb. Its function `run_VERB` does the work: the signature gives the options
(`ekg.options`), the docstring the help. Heavy imports are inside it: `--help` starts at once."""


def verbs() -> list[str]:
    """Return the verbs, in alphabetical order."""
    return sorted(VERBS)


def module_of(verb: str) -> ModuleType | None:
    """Import a verb's module; None where it is beside the package and this is not a clone."""
    name = VERBS[verb]
    if not name.startswith("ekg."):
        if CLONE is None:
            return None
        if str(CLONE) not in sys.path:
            sys.path.append(str(CLONE))
    return importlib.import_module(name)


def build_parser(chosen: str | None = None, *, names_only: bool = False) -> argparse.ArgumentParser:
    """Return the argument parser with the chosen verb alone or, without one, with all.

    `names_only`: Leave out the verbs' arguments: the general help shows none.
    """
    parser = argparse.ArgumentParser(
        prog="ekg" if Path(sys.argv[0]).stem == "ekg" else "python -m ekg",
        description="EKG recordings as images, read by a small network. Not for clinical use.",
    )
    parser.add_argument("--version", action="version", version=f"ekg {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in [chosen] if chosen else verbs():
        module = module_of(verb)
        if module is None:
            summary = "Only in a clone of the project."
            subparser = subparsers.add_parser(verb, help=summary, description=summary)
            subparser.set_defaults(run=_refuse)
            continue
        name = verb.replace("-", "_")
        run = getattr(module, f"run_{name}")
        summary, _, epilog = inspect.cleandoc(run.__doc__ or "").partition("\n\n")
        subparser = subparsers.add_parser(verb, help=summary, description=summary, epilog=epilog)
        if names_only:
            continue
        declare = getattr(module, f"add_{name}_arguments", None)
        if declare is None:
            add_options(subparser, run)
            run = functools.partial(call_with, run)
        else:
            declare(subparser)
        subparser.set_defaults(run=run)
    return parser


def _refuse(arguments: argparse.Namespace) -> None:
    needs_clone(f"`{arguments.verb}`", f"the folder {VERBS[arguments.verb].split('.')[0]}/")


def extra_with(module: str) -> str | None:
    """Return the extra of this distribution that brings a module, None where none does."""
    name = re.escape(module.split(".")[0].replace("_", "-"))
    for extra, needs in _extras():
        if any(re.match(rf"{name}\b(?!-)", need) for need in needs):
            return extra
    return None


def _extras() -> Iterator[tuple[str, list[str]]]:
    """Give each extra and what it needs: as the clone says, or the installed distribution."""
    if CLONE is not None:
        import tomllib

        project = tomllib.loads((CLONE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        yield from project["optional-dependencies"].items()
        return
    import importlib.metadata

    for need in importlib.metadata.requires(DISTRIBUTION) or []:
        if found := re.search(r";\s*extra == [\"']([\w-]+)", need):
            yield found[1], [need]


def _speak_any_encoding() -> None:
    """Write what the terminal's encoding lacks (an umlaut in a path) as an escape."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and (
            stream.errors == "strict" or stream.encoding.lower() != "utf-8"
        ):
            stream.reconfigure(errors="backslashreplace")


@contextlib.contextmanager
def _warnings_in_one_line() -> Iterator[None]:
    """Print the project's own warnings as `warning: ...`."""
    usual = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
        if issubclass(category, EkgWarning):
            print(f"warning: {message}", file=sys.stderr)
        else:
            usual(message, category, *place, **more)

    with warnings.catch_warnings():
        warnings.simplefilter("always", EkgWarning)
        warnings.showwarning = show
        yield


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit status: 2 for anything the user can put right."""
    argv = sys.argv[1:] if argv is None else argv
    _speak_any_encoding()
    try:
        try:
            verb = argv[0] if argv and argv[0] in VERBS else None
            parser = build_parser(verb, names_only=verb is None)
            arguments, unknown = parser.parse_known_args(argv)
            if unknown and arguments.run is not _refuse:  # which has no options to know
                parser.error(f"unrecognized arguments: {' '.join(unknown)}")
            with _warnings_in_one_line():
                return int(arguments.run(arguments) or 0)
        finally:
            # What is still held back goes out here, where a reader that has gone is understood.
            sys.stdout.flush()
    except EkgError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        extra = extra_with(error.name or "")
        if extra is None:
            raise
        package = f"pip install '{DISTRIBUTION if CLONE is None else '.'}[{extra}]'"
        print(f"error: this needs {error.name}; install it with `{package}`", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to resume", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has gone: nothing left to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror or error}", file=sys.stderr)
        return 2
