"""Which fold a record is in: the published split, exactly, or a stratified one of any set."""

from __future__ import annotations

import hashlib
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from ekg.config import PAPER_SEED
from ekg.errors import SplitError
from ekg.files import atomic_open
from ekg.paths import natural_key
from ekg.records.diagnoses import CLASSES, ECTOPY, normalise_diagnoses

FOLDS = ("train", "val", "test")
VALUES = (*FOLDS, "none", "excluded")
"""`none`: kept, but left over by rounding down; `excluded`: not of the classes or multi-label."""

PROTOCOLS = ("paper", "stratified")
_TEST_FRACTION = _VAL_FRACTION = 0.15

PAPER_RECORDS = 6877
PAPER_FOLD_SIZES = {"train": 3680, "val": 784, "test": 784, "none": 13, "excluded": 1616}
PAPER_SPLIT_SHA256 = "ad013ea052517afd45effa4d609b5c1e92b3028c4a5a327718ed74c61f3d2cbd"
"""SHA-256 over the sorted lines `record,split` of the published split, each with a line feed."""


def stratum_of(
    diagnoses: str, *, keep_multi: bool = False, keep_ectopy: bool = False
) -> str | None:
    """Return the class (or joined classes) that a record counts as, None when it is excluded.

    The paper keeps records with exactly one diagnosis that is one of the seven classes.
    """
    names = sorted(normalise_diagnoses(diagnoses.split(",")))
    known = {*CLASSES, *(ECTOPY if keep_ectopy else ())}
    if not names or not known.issuperset(names):
        return None
    if len(names) > 1 and not keep_multi:
        return None
    return "+".join(names)


def split_records(
    diagnoses: Mapping[str, str],
    *,
    protocol: str = "paper",
    seed: int = PAPER_SEED,
    keep_multi: bool = False,
    keep_ectopy: bool = False,
) -> dict[str, str]:
    """Assign every record to a fold, so that all slices of a record fall in one fold.

    Parameters
    ----------
    diagnoses
        The diagnoses of each record, separated by commas, by record name, in any order.
    protocol
        `paper`: Python's `random` seeded once; the classes in alphabetical order; in each, the
        names in natural order are shuffled; test takes the first int(0.15 n), val the next
        int(0.15 n), train the next int((1 - 0.15 - 0.15) n); the few left over are in no fold.
        `stratified`: in each class the records are ordered by a hash of seed and name; test and
        val take 15 % each, rounded to the nearest and at least one record where the class has
        three; train takes all the rest.
    seed
        Seed of the shuffle or of the hash.
    keep_multi, keep_ectopy
        Switch the paper's exclusions off; each combination of diagnoses is its own class.

    Returns
    -------
    dict
        Record name to one of `VALUES`, in natural order of the names.

    Raises
    ------
    SplitError
        If no record is of the wanted classes.

    Notes
    -----
    The records carry no patient identifiers: a patient with two records may be in two folds.
    """
    if protocol not in PROTOCOLS:
        raise SplitError(f"unknown protocol {protocol!r}", remedy=f"use {' or '.join(PROTOCOLS)}")
    folds = dict.fromkeys(sorted(diagnoses, key=natural_key), "excluded")
    members: defaultdict[str, list[str]] = defaultdict(list)
    for name in folds:
        stratum = stratum_of(diagnoses[name], keep_multi=keep_multi, keep_ectopy=keep_ectopy)
        if stratum is not None:
            members[stratum].append(name)
    if not members:
        raise SplitError(
            f"none of the {len(folds)} records has exactly one diagnosis of {', '.join(CLASSES)}",
            remedy="check the column `diagnoses`",
        )
    generator = random.Random(seed)
    for stratum in sorted(members):
        names = members[stratum]
        if protocol == "paper":
            generator.shuffle(names)
            sizes = _paper_sizes(len(names))
        else:
            names.sort(key=lambda name: hashlib.sha256(f"{seed}/{name}".encode()).digest())
            sizes = _stratified_sizes(len(names))
        start = 0
        for fold, size in zip(("test", "val", "train", "none"), sizes, strict=True):
            folds.update(dict.fromkeys(names[start : start + size], fold))
            start += size
    return folds


def _paper_sizes(n: int) -> tuple[int, int, int, int]:
    test, val = int(_TEST_FRACTION * n), int(_VAL_FRACTION * n)
    # Written as in the paper's recipe: the floating-point value of 1 - 0.15 - 0.15 decides
    # whether one more record falls into train.
    train = int((1 - _TEST_FRACTION - _VAL_FRACTION) * n)
    return test, val, train, n - test - val - train


def _stratified_sizes(n: int) -> tuple[int, int, int, int]:
    each = max(math.floor(_TEST_FRACTION * n + 0.5), 1) if n >= 3 else 0
    return each, each, n - 2 * each, 0


def split_checksum(folds: Mapping[str, str]) -> str:
    """Return the SHA-256 over the sorted lines `record,split`, each ended by a line feed."""
    lines = sorted(f"{record},{fold}\n" for record, fold in folds.items())
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def is_published_record_set(names: Iterable[str]) -> bool:
    """Return whether these are exactly the 6,877 records A0001..A6877 of CPSC 2018."""
    return set(names) == {f"A{number:04d}" for number in range(1, PAPER_RECORDS + 1)}


def check_published_split(folds: Mapping[str, str]) -> None:
    """Check a split of all CPSC 2018 records against the published one.

    Raises
    ------
    SplitError
        With both checksums and fold sizes, if they differ.
    """
    checksum = split_checksum(folds)
    if checksum != PAPER_SPLIT_SHA256:
        raise SplitError(
            f"the split of the {PAPER_RECORDS} CPSC 2018 records is not the published one: "
            f"SHA-256 {checksum} instead of {PAPER_SPLIT_SHA256}, "
            f"sizes {dict(Counter(folds.values()))} instead of {PAPER_FOLD_SIZES}",
            remedy="check that the records are those of PhysioNet challenge-2020 1.0.2, unchanged",
        )


def read_labels(path: str | Path) -> dict[str, str]:
    """Read a label file: a CSV with columns `record` and `diagnoses` (others are ignored).

    Returns
    -------
    dict
        Record name to its diagnoses as written (separated by commas), in the order of the file.

    Raises
    ------
    SplitError
        If the file is missing, has no such columns, or names a record twice.
    """
    table = _read_table(path, ("record", "diagnoses"))
    return dict(zip(table["record"], table["diagnoses"], strict=True))


def read_split(path: str | Path) -> dict[str, str]:
    """Read a split file: a CSV with columns `record` and `split` (others are ignored).

    Returns
    -------
    dict
        Record name to one of `VALUES`.

    Raises
    ------
    SplitError
        If the file is missing, has no such columns, names a record twice, or has a value of
        `split` other than `VALUES`.
    """
    table = _read_table(path, ("record", "split"))
    wrong = table[~table["split"].isin(VALUES)]
    if len(wrong):
        record, value = wrong.iloc[0][["record", "split"]]
        raise SplitError(
            f"record {record}: field `split` is {value!r}",
            path=path,
            remedy=f"use one of {', '.join(VALUES)}",
        )
    return dict(zip(table["record"], table["split"], strict=True))


def write_split(
    path: str | Path, folds: Mapping[str, str], diagnoses: Mapping[str, Iterable[str]]
) -> None:
    """Write `record,diagnoses,split`, atomically; the diagnoses stay as they were written."""
    table = pd.DataFrame(
        {
            "record": list(folds),
            "diagnoses": [diagnoses[record] for record in folds],
            "split": list(folds.values()),
        }
    )
    with atomic_open(path) as stream:
        table.to_csv(stream, index=False, lineterminator="\n")


def _read_table(path: str | Path, columns: tuple[str, ...]) -> pd.DataFrame:
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig")
    except FileNotFoundError:
        raise SplitError("file not found", path=path) from None
    except (ValueError, OSError, pd.errors.ParserError) as error:
        raise SplitError(f"not a readable CSV file ({error})", path=path) from None
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise SplitError(
            f"no column `{'`, `'.join(missing)}` (there are: {', '.join(map(str, table.columns))})",
            path=path,
            remedy=f"the header row must name the columns {', '.join(columns)}",
        )
    table = table[list(columns)].apply(lambda column: column.str.strip())
    if (table["record"] == "").any():
        raise SplitError("a row has an empty field `record`", path=path)
    repeated = table["record"][table["record"].duplicated()]
    if len(repeated):
        raise SplitError(
            f"duplicate record {repeated.iloc[0]!r}",
            path=path,
            remedy="give each record one row",
        )
    if not len(table):
        raise SplitError("has no rows", path=path)
    return table
