"""Notebook sources in, executed notebooks out: jupytext, then papermill."""

from __future__ import annotations

import multiprocessing
import os
import re
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from ekg.errors import EkgError
from ekg.files import atomic_path
from ekg.paper.run_files import PROJECT
from ekg.workers import end_with_parent

SOURCES = PROJECT / "paper" / "notebooks"
SECONDS_PER_CELL = 300
_COLOUR_CODES = re.compile(r"\x1b\[[0-9;]*m")


def notebook_names() -> list[str]:
    """Return the names of the notebook sources, in order: the paper's, then the extras."""
    names = (path.stem for path in SOURCES.glob("[!_]*.py"))
    return sorted(names, key=lambda name: (is_extra(name), name))


def is_extra(name: str) -> bool:
    """Return whether a notebook shows what the paper's own files do not."""
    return name.startswith("extra_")


def source_of(name: str) -> Path:
    """Return the source of a notebook."""
    path = SOURCES / f"{name}.py"
    if not path.exists():
        raise EkgError(
            "notebook not found", path=path, remedy=f"choose one of {', '.join(notebook_names())}"
        )
    return path


def run_notebook(source: Path, target: Path, parameters: dict[str, Any]) -> Path:
    """Convert a py:percent source to a notebook and execute it.

    The kernel is this very interpreter, whatever kernels are installed on the machine, and it
    starts beside the sources.
    """
    import jupytext
    import papermill

    failed = target.with_name(f"{target.stem}.failed.ipynb")
    failed.unlink(missing_ok=True)
    notebook = jupytext.read(source, fmt="py:percent")
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    with atomic_path(target) as temporary:
        try:
            papermill.execute_notebook(
                notebook,
                str(temporary),
                parameters=parameters,
                kernel_name="python3",
                kernel_manager_class=_own_kernel_manager(),
                cwd=str(SOURCES),
                progress_bar=False,
                execution_timeout=SECONDS_PER_CELL,
            )
        except papermill.PapermillExecutionError as error:
            os.replace(temporary, failed)
            reason = _COLOUR_CODES.sub("", error.evalue)
            raise EkgError(
                f"cell {error.exec_count}: {error.ename}: {reason}",
                path=source,
                remedy=f"see {failed} for the traceback",
            ) from None
    return target


def _own_kernel_manager() -> type:
    """Return a kernel manager class that always starts this interpreter, and talks to it alone."""
    import zmq
    from ipykernel.kernelspec import RESOURCES, get_kernel_dict
    from jupyter_client.kernelspec import KernelSpec
    from jupyter_client.manager import AsyncKernelManager
    from traitlets import default

    class ThisInterpreter(AsyncKernelManager):
        @property
        def kernel_spec(self) -> KernelSpec:
            return KernelSpec(resource_dir=str(RESOURCES), **get_kernel_dict())

        @default("transport_encryption")
        def _encrypt_where_possible(self) -> str:
            return "auto" if zmq.has("curve") else "disabled"

    return ThisInterpreter


def run_notebooks(
    names: Sequence[str], output: Path, parameters: dict[str, Any], jobs: int = 1
) -> None:
    """Execute several notebooks, `jobs` at a time, each in its own process."""
    sources = [source_of(name) for name in names]
    targets = [output / f"{name}.ipynb" for name in names]
    if len(names) == 1 or jobs == 1:
        for source, target in zip(sources, targets, strict=True):
            run_notebook(source, target, parameters)
            _log(target)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        min(jobs, len(names)), mp_context=context, initializer=end_with_parent
    ) as pool:
        futures = [
            pool.submit(run_notebook, source, target, parameters)
            for source, target in zip(sources, targets, strict=True)
        ]
        for future in futures:
            _log(future.result())


def _log(target: Path) -> None:
    print(f"executed {target}", file=sys.stderr, flush=True)
