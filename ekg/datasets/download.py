"""Fetching a whole data set: list, plan, parallel transfer, verification, going on after a stop."""

from __future__ import annotations

import csv
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ekg.datasets.archive import is_archive, unpack
from ekg.datasets.fetch import Fetcher, HttpSettings, StoppedError, join
from ekg.datasets.ledger import Ledger
from ekg.datasets.registry import RemoteFile, Source, check_address, parse_checksums
from ekg.errors import DownloadError
from ekg.files import (
    atomic_open,
    atomic_path,
    folder_lock,
    remove_leftovers,
    sha256_of_file,
)
from ekg.progress import Progress

FAILURES_NAME = "failures.csv"
_HOPELESS = 20  # this many failures without one success: the network is down or the address wrong
_UNPACKED = ".unpacked-"


@dataclass(frozen=True)
class Plan:
    """What a data set consists of and which part is present."""

    source: Source
    folder: Path
    files: tuple[RemoteFile, ...]
    present: tuple[RemoteFile, ...]
    """Verified: their bytes have the right SHA-256."""
    missing: tuple[RemoteFile, ...]
    """Not there, or with other bytes."""
    bytes_present: int

    @property
    def bytes_missing(self) -> int:
        """About how many bytes have still to come."""
        mean = self.source.about_bytes / max(1, len(self.files))
        return round(sum(mean if f.size is None else f.size for f in self.missing))


@dataclass
class Outcome:
    """What a download did."""

    fetched: int = 0
    failures: dict[str, str] = field(default_factory=dict)
    """Path below the folder -> why it could not be fetched."""


def by_hand(source: Source, folder: Path) -> str:
    """Return instructions for a machine without a network."""
    below = f"the folder {source.folder} and {source.checksums}" if source.folder else "all files"
    if source.files:
        below = ", ".join(file.path for file in source.files)
    return (
        f"without a network, fetch {below} from {source.homepage} elsewhere, copy them to "
        f"this machine and run this command with --from FOLDER (or --from ARCHIVE); "
        f"they end up in {folder}"
    )


def list_files(
    source: Source, folder: Path, fetcher: Fetcher | None, local: Path | None = None
) -> tuple[RemoteFile, ...]:
    """Return the files of a source: from the registry, or from the publisher's list.

    A list that was fetched is kept in the folder, so that later runs need no network for it.

    `fetcher`: What fetches the list, None to use only what is on this machine.
    """
    if source.checksums is None:
        return source.files
    kept = folder / source.checksums
    ledger = Ledger(folder)
    if kept.exists() and ledger.noted(source.checksums) not in (None, sha256_of_file(kept)):
        kept.unlink()  # a damaged list would name too few files: it is fetched again
    if local is not None and not kept.exists():
        for copy in sorted(local.rglob(source.checksums), key=lambda path: len(path.parts)):
            if source.select(parse_checksums(_text(copy), copy)):
                with atomic_path(kept) as temporary:
                    shutil.copyfile(copy, temporary)
                break
    if not kept.exists():
        if fetcher is None:
            raise DownloadError(
                f"{source.checksums} is missing", path=folder, remedy=by_hand(source, folder)
            )
        urls = [join(address, source.checksums) for address in source.addresses]
        try:
            fetcher.fetch(urls, kept, sha256=None)
        except DownloadError as error:
            raise DownloadError(
                f"the publisher's list {error.problem}", path=kept, remedy=by_hand(source, folder)
            ) from None
    try:
        files = source.select(parse_checksums(_text(kept), kept))
    except DownloadError:
        if fetcher is not None:
            kept.unlink()  # a list that cannot be read is not kept: the next run fetches it again
        raise
    if ledger.noted(source.checksums) != sha256_of_file(kept):
        ledger.add(source.checksums, sha256_of_file(kept))
    if not files:
        raise DownloadError(
            f"names no file below {source.folder or 'its folder'} of the kinds "
            f"{', '.join(source.include)}",
            path=kept,
            remedy="remove it and run again",
        )
    return files


def make_plan(source: Source, folder: Path, files: Sequence[RemoteFile]) -> Plan:
    """Compare what is in the folder with the list.

    Files that were verified in an earlier run and have not changed since are not hashed again;
    files found there otherwise (put by hand, say) are.
    """
    ledger = Ledger(folder)
    unseen = [f for f in files if ledger.sha256(f.local) is None and (folder / f.local).is_file()]
    if unseen:
        with Progress(len(unseen), "checking files", "file") as progress:
            for file in unseen:
                if sha256_of_file(folder / file.local) == file.sha256:
                    ledger.add(file.local, file.sha256)
                progress.update()
    present = [file for file in files if ledger.sha256(file.local) == file.sha256]
    missing = [file for file in files if ledger.sha256(file.local) != file.sha256]
    size = sum((folder / file.local).stat().st_size for file in present)
    return Plan(source, folder, tuple(files), tuple(present), tuple(missing), size)


def download(plan: Plan, jobs: int, settings: HttpSettings | None = None) -> Outcome:
    """Fetch what is missing, several files at a time."""
    _check_space(plan)
    outcome = Outcome()
    ledger = Ledger(plan.folder)
    stop = threading.Event()
    lock = threading.Lock()
    done = plan.bytes_present
    total = plan.bytes_missing + done
    with Progress(total, f"fetching {plan.source.name}", "B", done=done) as progress:

        def on_bytes(count: int) -> None:
            with lock:
                progress.update(count)

        with Fetcher(settings, on_bytes, stop) as fetcher:

            def fetch(file: RemoteFile) -> None:
                target = plan.folder / file.local
                urls = [join(address, file.path) for address in plan.source.addresses]
                fetcher.fetch(urls, target, file.sha256)
                ledger.add(file.local, file.sha256)

            _in_parallel(plan, fetch, jobs, stop, outcome, progress)
    return outcome


def _in_parallel(
    plan: Plan,
    fetch: Callable[[RemoteFile], None],
    jobs: int,
    stop: threading.Event,
    outcome: Outcome,
    progress: Progress,
) -> None:
    have = len(plan.present)
    waiting = iter(plan.missing)
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        running: dict[Future[None], RemoteFile] = {}
        try:
            while True:
                while len(running) < 2 * jobs and (file := next(waiting, None)) is not None:
                    running[pool.submit(fetch, file)] = file
                if not running:
                    break
                finished, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in finished:
                    file = running.pop(future)
                    try:
                        future.result()
                        outcome.fetched += 1
                    except DownloadError as error:
                        outcome.failures[file.local] = error.problem
                    except StoppedError:
                        pass
                progress.note(f"{have + outcome.fetched:,} of {len(plan.files):,} files")
                if len(outcome.failures) >= _HOPELESS and not outcome.fetched:
                    stop.set()
                    waiting = iter(())
        finally:
            # Also on Ctrl-C: threads end at the next chunk, what has arrived stays.
            stop.set()
            for future in running:
                future.cancel()


@contextmanager
def local_copy(path: Path, folder: Path, max_bytes: int) -> Iterator[Path]:
    """Give the folder of a local copy: `path` itself, or an archive unpacked for the moment."""
    for leftover in folder.glob(f"{_UNPACKED}*"):
        shutil.rmtree(leftover)
    if path.is_dir():
        yield path
    elif is_archive(path):
        with tempfile.TemporaryDirectory(prefix=_UNPACKED, dir=folder) as unpacked:
            print(f"unpacking {path}", file=sys.stderr)
            unpack(path, Path(unpacked), max_bytes)
            yield Path(unpacked)
    else:
        raise DownloadError(
            "must be a folder or a zip or tar archive"
            if path.exists()
            else "folder or archive not found",
            path=path,
            remedy="give the files that you fetched by hand",
        )


def copy_from(plan: Plan, local: Path) -> Outcome:
    """Copy what is missing from a local folder, flat or nested, verified like a download.

    A file is looked for by its whole path first, then by its name anywhere in the folder.
    """
    outcome = Outcome()
    ledger = Ledger(plan.folder)
    by_name: dict[str, list[Path]] = {}
    for path in sorted(local.rglob("*")):
        if path.is_file():
            by_name.setdefault(path.name, []).append(path)
    with Progress(len(plan.missing), f"copying {plan.source.name}", "file") as progress:
        for file in plan.missing:
            candidates = by_name.get(Path(file.local).name, [])
            candidates.sort(key=lambda path: not path.as_posix().endswith("/" + file.path))
            reason = f"not in {local}"
            for candidate in candidates:
                found = sha256_of_file(candidate)
                if found == file.sha256:
                    with atomic_path(plan.folder / file.local) as temporary:
                        shutil.copyfile(candidate, temporary)
                    ledger.add(file.local, file.sha256)
                    outcome.fetched += 1
                    break
                reason = f"{candidate} has SHA-256 {found}, expected {file.sha256}"
            else:
                outcome.failures[file.local] = reason
            progress.update()
    return outcome


def obtain(
    source: Source,
    folder: Path,
    *,
    jobs: int = 8,
    from_path: Path | None = None,
    settings: HttpSettings | None = None,
    verify: bool = False,
) -> tuple[Plan, Outcome]:
    """Bring a data set to this machine, or continue it.

    `from_path`: A local folder or archive to take the files from instead of the network.
    """
    for address in source.addresses:
        check_address(address)
    with folder_lock(folder, f"fetching {source.name}"):
        remove_leftovers(folder, "**/.*")
        if verify:
            Ledger(folder).forget_files(source.checksums)
        if from_path is not None:
            # Twice the estimate and a bit: an archive may hold more than the chosen folder.
            with local_copy(from_path, folder, 20 * source.about_bytes + 2**28) as local:
                plan = make_plan(source, folder, list_files(source, folder, None, local))
                outcome = copy_from(plan, local)
                _write_failures(folder, outcome)
                return plan, outcome
        with Fetcher(settings) as fetcher:
            files = list_files(source, folder, fetcher)
        plan = make_plan(source, folder, files)
        outcome = download(plan, jobs, settings) if plan.missing else Outcome()
        _write_failures(folder, outcome)
        return plan, outcome


def _check_space(plan: Plan) -> None:
    free = shutil.disk_usage(plan.folder).free
    if free < plan.bytes_missing:
        raise DownloadError(
            f"about {plan.bytes_missing / 1e9:.1f} GB are still to be fetched, "
            f"{free / 1e9:.1f} GB are free on the disk",
            path=plan.folder,
            remedy="make room or choose another folder with --out",
        )


def _write_failures(folder: Path, outcome: Outcome) -> None:
    target = folder / FAILURES_NAME
    if not outcome.failures:
        target.unlink(missing_ok=True)
        return
    with atomic_open(target) as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["file", "reason"])
        writer.writerows(sorted(outcome.failures.items()))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise DownloadError("is not a text file", path=path, remedy="fetch it again") from None
