"""`python -m ekg VERB ...`: which function does what, and nothing else."""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import os
import re
import sys
from pathlib import Path
from types import ModuleType

from ekg._version import __version__
from ekg.errors import EkgError

DISTRIBUTION = "ekg-image-reader"


VERBS = {
    "best-model": "ekg.datasets.commands_best_model",
    "compare": "ekg.evaluation.commands_compare",
    "convert": "ekg.datasets.commands_convert",
    "counts": "ekg.images.commands_counts",
    "download": "ekg.datasets.commands",
    "evaluate": "ekg.evaluation.commands",
    "export": "ekg.model.commands",
    "external": "ekg.evaluation.commands_external",
    "hackathon": "ekg.hackathon.commands",
    "images": "ekg.images.commands",
    "page": "page.commands",
    "paper": "ekg.paper.commands",
    "predict": "ekg.predict.commands",
    "render": "ekg.images.commands_render",
    "runs": "ekg.evaluation.commands_runs",
    "serve": "page.commands_serve",
    "simulate": "ekg.simulator.commands",
    "split": "ekg.data.commands",
    "store": "ekg.store.commands",
    "summary": "ekg.evaluation.commands_summary",
    "train": "ekg.training.commands",
    "verify": "checks.commands",
}
"""The module of each verb: `add_arguments(parser)`, `run(arguments)`, and its help, the first
line of its docstring. Heavy imports are inside `run`, so that `--help` starts at once."""


def verbs() -> list[str]:
    """Return the verbs, in alphabetical order."""
    return sorted(VERBS)


def module_of(verb: str) -> ModuleType:
    """Import a verb's module.

    Raises
    ------
    EkgError
        If it lies beside the package (`page`, `checks`) and this is not a clone.
    """
    try:
        return importlib.import_module(VERBS[verb])
    except ModuleNotFoundError as error:
        if error.name not in ("page", "checks"):
            raise
        raise EkgError(
            f"`{verb}` needs the folder {error.name}/ of a clone of the project",
            remedy="run it in the clone",
        ) from None


def build_parser(chosen: str | None = None) -> argparse.ArgumentParser:
    """Return the argument parser with the chosen verb alone or, without one, with all."""
    parser = argparse.ArgumentParser(
        prog="ekg" if Path(sys.argv[0]).stem == "ekg" else "python -m ekg",
        description="EKG recordings as images, read by a small network. Not for clinical use.",
    )
    parser.add_argument("--version", action="version", version=f"ekg {__version__}")
    subparsers = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in [chosen] if chosen else verbs():
        module = module_of(verb)
        summary = (module.__doc__ or "").strip().splitlines()[0]
        subparser = subparsers.add_parser(verb, help=summary, description=summary)
        module.add_arguments(subparser)
        subparser.set_defaults(run=module.run)
    return parser


def extra_with(module: str) -> str | None:
    """Return the extra of this distribution that brings a module, None where none does."""
    try:
        needs = importlib.metadata.requires(DISTRIBUTION) or []
    except importlib.metadata.PackageNotFoundError:
        return None
    name = re.escape(module.split(".")[0].replace("_", "-"))
    for need in needs:
        if found := re.match(rf"{name}\b(?!-).*;\s*extra == [\"']([\w-]+)", need):
            return found[1]
    return None


def main(argv: list[str] | None = None) -> int:
    """Run one verb and return its exit status: 2 for anything the user can put right."""
    argv = sys.argv[1:] if argv is None else argv
    try:
        try:
            parser = build_parser(argv[0] if argv and argv[0] in verbs() else None)
            arguments = parser.parse_args(argv)
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
        package = f"pip install '{DISTRIBUTION}[{extra}]'"
        print(f"error: this needs {error.name}; install it with `{package}`", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; run the same command again to go on", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (`| head`) has gone: nothing left to say, and nothing to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        print(f"error: {place}{error.strerror or error}", file=sys.stderr)
        return 2
