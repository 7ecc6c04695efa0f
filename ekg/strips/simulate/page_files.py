"""Simulated pages as files: image, facts, mask, map and the signal as a WFDB record."""

from __future__ import annotations

import csv
import functools
import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import wfdb

from ekg.errors import ConfigError, EkgError
from ekg.files import atomic_open, atomic_path, folder_lock, read_json, write_json, write_text
from ekg.progress import Progress
from ekg.records.record import LEADS
from ekg.strips.simulate.kinds import KINDS
from ekg.strips.simulate.page import VERSION, SimulatedPage, simulate_page
from ekg.strips.simulate.photography import png
from ekg.strips.simulate.plan import FREQUENCY
from ekg.workers import Lost, Workers, in_order

_SETTINGS = "settings.json"
_COLUMNS = ("page", "file", "kind", "subject", "layout", "style", "speed", "gain")


@dataclass(frozen=True)
class PageSettings:
    """What decides the content of a folder of pages, whatever their number."""

    seed: int = 44
    held_out: bool = False
    kind: str | None = None
    version: int = VERSION


def page_name(number: int) -> str:
    """Return the name of the n-th page, from 1."""
    return f"P{number:05d}"


def write_page(folder: Path, page: SimulatedPage) -> None:
    """Write one page.

    NAME.jpg or NAME.png is the image; NAME.mask.png its classes; NAME.map.npz the exact map
    (`lattice`, `step`, `origin` as in `geometry.PageMap`); NAME.hea and NAME.dat the signal with
    WFDB's invalid sample where nothing is printed; NAME.json, written last, the other facts.
    """
    name = page.name
    with atomic_open(folder / f"{name}{page.suffix}", "wb") as stream:
        stream.write(page.content)
    with atomic_open(folder / f"{name}.mask.png", "wb") as stream:
        stream.write(png(page.masks()))
    with atomic_path(folder / f"{name}.map.npz") as temporary:
        np.savez_compressed(
            temporary,
            lattice=page.page_map.lattice,
            step=page.page_map.step,
            origin=page.page_map.origin,
        )
    if page.subject == "ekg":
        _write_signal(folder, name, page.signal)
    write_json(folder / f"{name}.json", {"file": f"{name}{page.suffix}", **page.facts()})


def _write_signal(folder: Path, name: str, signal: np.ndarray) -> None:
    """Write a signal in steps of a microvolt, -32768 where there is none."""
    steps = np.where(np.isfinite(signal), np.round(signal * 1000), -32768)
    samples = np.clip(steps, -32768, 32767).astype(np.int16).T
    count = len(LEADS)
    wfdb.wrsamp(
        name,
        fs=FREQUENCY,
        units=["mV"] * count,
        sig_name=list(LEADS),
        d_signal=samples,
        fmt=["16"] * count,
        adc_gain=[1000.0] * count,
        baseline=[0] * count,
        write_dir=str(folder),
    )


def is_whole(folder: Path, name: str) -> bool:
    """Return whether all files of a page are there (the JSON is written last)."""
    try:
        facts = read_json(folder / f"{name}.json")
        return (folder / facts["file"]).is_file()
    except (EkgError, OSError, KeyError, TypeError):
        return False


def simulate_pages(
    folder: Path, count: int, settings: PageSettings, *, jobs: int = 1, overwrite: bool = False
) -> tuple[int, int]:
    """Fill a folder with pages P00001 ... and list them in pages.csv.

    Parameters
    ----------
    folder
        Made when missing.
    count
        How many pages there shall be.
    settings
        Seed, held-out or not, and the kind (None: all kinds).
    jobs
        Processes; the pages do not depend on it.
    overwrite
        Redo everything, even in a folder made with other settings.

    Returns
    -------
    made, kept : int
        Pages made now, and those that were there.

    Raises
    ------
    ConfigError
        If `count` or `jobs` is below 1, the kind is unknown or the folder holds other pages.
    """
    if count < 1 or jobs < 1:
        raise ConfigError("options --pages and -j must be 1 or more")
    if settings.kind is not None and settings.kind not in {kind.name for kind in KINDS}:
        raise ConfigError(
            f"unknown kind {settings.kind!r}",
            remedy=f"choose {', '.join(kind.name for kind in KINDS)}",
        )
    with folder_lock(folder, "simulating pages"):
        _check_settings(folder, settings, overwrite)
        names = [page_name(number) for number in range(1, count + 1)]
        missing = [name for name in names if overwrite or not is_whole(folder, name)]
        with (
            Progress(count, "simulating", "page", done=count - len(missing)) as progress,
            Workers(max(1, min(jobs, len(missing)))) as workers,
        ):
            work = zip(missing, missing, strict=True)
            for name, done in in_order(workers, functools.partial(_make, folder, settings), work):
                if isinstance(done, Lost):
                    raise EkgError(
                        f"page {name}: {done.reason}",
                        path=folder,
                        remedy="run the same command again, with fewer processes (-j)",
                    )
                progress.update()
        _write_list(folder, names)
    return len(missing), count - len(missing)


def _make(folder: Path, settings: PageSettings, name: str) -> str:
    write_page(
        folder,
        simulate_page(name, settings.seed, kind=settings.kind, held_out=settings.held_out),
    )
    return name


def _check_settings(folder: Path, settings: PageSettings, overwrite: bool) -> None:
    path = folder / _SETTINGS
    wanted = json.loads(json.dumps(asdict(settings)))
    if path.is_file() and not overwrite:
        found = read_json(path)
        if found != wanted:
            raise ConfigError(
                f"holds pages simulated with {found}, not {wanted}",
                path=folder,
                remedy="choose another folder, or pass --overwrite to simulate them anew",
            )
    elif not overwrite and any(p for p in folder.iterdir() if not p.name.startswith(".")):
        raise ConfigError(
            "holds files that were not simulated here", path=folder, remedy="choose another folder"
        )
    write_json(path, wanted)


def _write_list(folder: Path, names: list[str]) -> None:
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for name in names:
        facts = read_json(folder / f"{name}.json")
        writer.writerow(
            [
                name,
                facts["file"],
                facts["kind"],
                facts["subject"],
                facts["layout"],
                facts["style"],
                facts["speed_mm_per_s"],
                facts["gain_mm_per_mv"],
            ]
        )
    write_text(folder / "pages.csv", table.getvalue())
