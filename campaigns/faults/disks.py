"""A disk that fills up, a folder that may not be written, a file that may not be read."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ekg.seeds import generator_for

from .conclusion import conclude
from .process import become_nobody, is_root
from .sandbox import Sandbox
from .stages import Stage
from .table import LOST, Row

FULL, READ_ONLY, DENIED = "full disk", "read-only output", "permission denied on an input"

_SHARES = (0.0, 0.15, 0.3, 0.5, 0.7, 0.85, 0.96)
_PAGE = 4096
_HALF = 0.5


def full(sandbox: Sandbox, stage: Stage, count: int) -> Iterator[Row]:
    """Let the output's disk fill up at different points; then make room."""
    shares = _SHARES[:: max(len(_SHARES) // count, 1)][:count]
    needed = _space_needed(sandbox, stage) if can_mount() else 0
    for share in shares:
        if needed:
            yield _on_small_disk(sandbox, stage, share, needed)
        else:
            yield _with_file_limit(sandbox, stage, share)


def can_mount() -> bool:
    """Return whether a small file system in memory can be mounted here."""
    return is_root() and shutil.which("mount") is not None and _mounts()


def _mounts() -> bool:
    probe = Path(os.environ.get("TMPDIR", "/tmp")) / f"ekg-mount-{os.getpid()}"
    probe.mkdir()
    try:
        with _mounted(probe, 10 * _PAGE):
            return True
    except subprocess.CalledProcessError:
        return False
    finally:
        probe.rmdir()


@contextlib.contextmanager
def _mounted(folder: Path, size: int) -> Iterator[None]:
    _call("mount", "-t", "tmpfs", "-o", f"size={size},mode=755", "tmpfs", str(folder))
    try:
        yield
    finally:
        _call("umount", str(folder))


def _remount(folder: Path, options: str) -> None:
    _call("mount", "-o", f"remount,{options}", str(folder))


def _call(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True)


@contextlib.contextmanager
def _own_disk(stage: Stage, workplace: Path, size: int) -> Iterator[Path]:
    """Put what is in the output folder on its own disk with `size` bytes to spare."""
    out = workplace / stage.out
    before = workplace / "before"
    out.rename(before)
    out.mkdir()
    with _mounted(out, 1 << 30):
        for path in before.iterdir():
            target = out / path.name
            if path.is_dir():
                shutil.copytree(path, target)
            else:
                shutil.copy2(path, target)
        shutil.rmtree(before)
        _remount(out, f"size={max(_used(out) + size, _PAGE)}")
        yield out


def _used(folder: Path) -> int:
    status = os.statvfs(folder)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def _space_needed(sandbox: Sandbox, stage: Stage) -> int:
    """Return how many bytes the stage adds to its output folder, in whole pages."""
    workplace = sandbox.workplace(stage)
    with _own_disk(stage, workplace, 1 << 29) as out:
        before = _used(out)
        sandbox.run(stage, workplace)
        needed = _used(out) - before
    sandbox.discard(workplace)
    # A stage that only replaces files needs room for the new one beside the old one.
    return max(needed, sandbox.reference(stage).largest)


def _on_small_disk(sandbox: Sandbox, stage: Stage, share: float, needed: int) -> Row:
    room = int(share * needed) // _PAGE * _PAGE
    workplace = sandbox.workplace(stage)
    with _own_disk(stage, workplace, room) as out:
        ended = sandbox.run(stage, workplace)
        half = sandbox.half_written(stage, workplace)
        _remount(out, "size=1g")
        # What the stage left is brought back to the common disk: the rerun finds it there.
        kept = workplace / "kept"
        shutil.copytree(out, kept)
    (workplace / stage.out).rmdir()
    kept.rename(workplace / stage.out)
    detail = f"{room} bytes free of those needed ({share:.0%})"
    return conclude(sandbox, stage, workplace, FULL, detail, ended, half_written=half)


def _with_file_limit(sandbox: Sandbox, stage: Stage, share: float) -> Row:
    most = int(share * sandbox.reference(stage).largest)
    workplace = sandbox.workplace(stage)
    log_room = 1 << 14  # what the command prints goes into a file too

    def limit() -> None:
        size = max(most, log_room)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    ended = sandbox.run(stage, workplace, set_up=limit)
    detail = f"no file over {max(most, log_room)} bytes (no small disk can be mounted here)"
    return conclude(sandbox, stage, workplace, FULL, detail, ended)


def read_only(sandbox: Sandbox, stage: Stage) -> Iterator[Row]:
    """Forbid writing into the output folder, at the start and in the middle of a run's work."""
    for half_way in (False, True):
        workplace = sandbox.workplace(stage)
        if half_way:
            sandbox.run(stage, workplace, kill_after=_HALF * sandbox.reference(stage).seconds)
        where = "half-finished output" if half_way else "output before the first run"
        out = workplace / stage.out
        modes = _forbid_writing(out)
        ended = sandbox.run(stage, workplace, set_up=become_nobody)
        half = sandbox.half_written(stage, workplace)
        for path, mode in modes.items():
            path.chmod(mode)
        yield conclude(sandbox, stage, workplace, READ_ONLY, where, ended, half_written=half)
    if can_mount():
        workplace = sandbox.workplace(stage)
        with _own_disk(stage, workplace, 1 << 28) as out:
            _remount(out, "ro")
            ended = sandbox.run(stage, workplace)
            half = sandbox.half_written(stage, workplace)
            kept = workplace / "kept"
            shutil.copytree(out, kept)
        (workplace / stage.out).rmdir()
        kept.rename(workplace / stage.out)
        yield conclude(
            sandbox,
            stage,
            workplace,
            READ_ONLY,
            "file system mounted read-only",
            ended,
            half_written=half,
        )


def _forbid_writing(folder: Path) -> dict[Path, int]:
    modes = {path: path.stat().st_mode & 0o7777 for path in [folder, *folder.rglob("*")]}
    for path, mode in modes.items():
        path.chmod((mode | 0o444 | (0o111 if path.is_dir() else 0)) & ~0o222)
    return modes


def denied(sandbox: Sandbox, stage: Stage, seed: int) -> Iterator[Row]:
    """Forbid reading one file of each kind of input."""
    for kind, pattern in stage.inputs.items():
        workplace = sandbox.workplace(stage)
        for path in [workplace, *workplace.rglob("*")]:
            path.chmod(0o777 if path.is_dir() else 0o666)
        victim = choose(sorted(workplace.glob(pattern)), seed, f"{stage.name}/{kind}")
        victim.chmod(0)
        ended = sandbox.run(stage, workplace, set_up=become_nobody)
        half = sandbox.half_written(stage, workplace)
        word = ""
        if ended.succeeded and victim.stem in ended.text:
            word = "skipped"
            half = [line for line in half if of_other_records(line, victim.stem)]
        elif ended.is_own_error and victim.name not in ended.error_line:
            word = "own error, file not named"
        victim.chmod(0o644)
        row = conclude(
            sandbox,
            stage,
            workplace,
            DENIED,
            f"{kind}: {victim.name}",
            ended,
            half_written=half,
            word=word,
        )
        yield replace(row, verdict=LOST) if "not named" in word else row


_TABLES = {"manifest.csv", "records.csv", "dataset.json", "pack.csv", "pack.npy"}
"""What differs when a damaged record was reported and left out."""


def of_other_records(line: str, record: str) -> bool:
    """Return whether a difference has nothing to do with a record that was left out."""
    return line.split()[0] not in _TABLES and record not in line


def choose(paths: list[Path], seed: int, name: str) -> Path:
    """Return one of the paths, by seed and name."""
    if not paths:
        raise SystemExit(f"{name}: no such input")
    return paths[int(generator_for(seed, name).integers(len(paths)))]
