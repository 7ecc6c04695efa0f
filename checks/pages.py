"""Numbers on pages: every measured table is what its source says, every registered fact too.

`checks/pages.toml` says for each marked block of a page which file it came from.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd

from checks.findings import Finding, Repository, agree, skipped, some
from checks.stored import STORED, default_stored, stored_models
from ekg.errors import EkgError
from ekg.files import read_json
from ekg.markdown import blocks, hand_tables, table_lines

TABLES, FACTS, CARDS, BY_HAND = "page-tables", "page-facts", "model-cards", "hand-made-tables"
REGISTRY = Path("checks") / "pages.toml"
CARD_SCRIPT = Path("scripts") / "model_cards.py"
NOT_MEASURED = "Not measured yet"
_PAGES = (
    "*.md",
    "docs/**/*.md",
    "docker/*.md",
    "page/*.md",
    "paper/*.md",
    "best_model_for_paper/*/*.md",
)
_NEWEST, _REFERENCE = "STORED/", "SHARED/"
"""Stand in a path of the registry for the default model and for the reference data."""


@dataclass(frozen=True)
class MarkedTable:
    """One marked block and where its content comes from."""

    page: str
    mark: str
    source: str
    """The file it is made from; for the reader too."""
    columns: list[str] = field(default_factory=list)
    """Columns of a CSV file, shown as they are ("*": all, "*", "-name": all but name); or ..."""
    made_by: str = ""
    """`package.module:function` or `scripts/file.py:function` returning the block's lines, or the
    lines of several blocks by their marks."""


@dataclass(frozen=True)
class Fact:
    """A number in a page's prose."""

    page: str
    text: str
    """With `{}` where the number is."""
    source: str
    """A JSON file, or `package.module` for a constant of the code."""
    key: str
    """Keys joined by dots; for code the constant's name."""
    form: str = "{}"


@dataclass(frozen=True)
class Registry:
    """Content of `pages.toml`."""

    tables: list[MarkedTable]
    facts: list[Fact]
    by_hand: dict[tuple[str, str], str]
    """Page and first line of a table that no measurement is behind, and why."""


def read_registry(root: Path) -> Registry:
    """Read `pages.toml`."""
    path = root / REGISTRY
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        return Registry(
            [MarkedTable(**entry) for entry in content.get("table", [])],
            [Fact(**entry) for entry in content.get("fact", [])],
            {(e["page"], e["header"]): e["why"] for e in content.get("by_hand", [])},
        )
    except FileNotFoundError:
        raise EkgError("no registry of pages", path=path) from None
    except (tomllib.TOMLDecodeError, TypeError, KeyError) as error:
        raise EkgError(f"is not a registry of pages ({error})", path=path) from None


def pages(root: Path) -> list[Path]:
    """Return the Markdown pages of the project."""
    return sorted({path for pattern in _PAGES for path in root.glob(pattern) if path.is_file()})


def check_pages(repository: Repository) -> Iterator[Finding]:
    """Make every registered block again, look for unregistered ones, compare facts and cards."""
    registry = read_registry(repository.root)
    yield from _marked_tables(repository, registry)
    yield _hand_made(repository, registry)
    yield from _facts(repository, registry)
    yield from _cards(repository)


def _marked_tables(repository: Repository, registry: Registry) -> Iterator[Finding]:
    known = {(table.page, table.mark) for table in registry.tables}
    maker = _Maker(repository)
    for table in registry.tables:
        compared = f"{table.page}, table `{table.mark}` = {table.source}"
        try:
            yield _marked_table(repository, table, maker, compared)
        except (EkgError, OSError) as error:
            yield agree(TABLES, compared, str(error), False)
    for page in pages(repository.root):
        name = repository.short(page)
        for mark in blocks(page.read_text(encoding="utf-8")):
            if (name, mark) not in known:
                yield agree(
                    TABLES,
                    f"{name}, table `{mark}` = its source",
                    f"no source is registered; add it to {REGISTRY.as_posix()}",
                    False,
                )


def _marked_table(
    repository: Repository, table: MarkedTable, maker: _Maker, compared: str
) -> Finding:
    page = repository.root / table.page
    found = blocks(page.read_text(encoding="utf-8")).get(table.mark) if page.is_file() else None
    if found is None:
        return agree(TABLES, compared, "the page lacks the marks", False)
    if table.source.startswith(_REFERENCE) and repository.shared is None:
        return skipped(TABLES, compared, "no reference data")
    source = _path(repository, table.source)
    unmeasured = found.startswith(NOT_MEASURED) or not found
    if not source.exists():
        if unmeasured:
            return skipped(TABLES, compared, "not measured yet, as the page says")
        return agree(TABLES, compared, f"{table.source} is not here", False)
    if unmeasured:
        return agree(TABLES, compared, "the page says not measured, the file is there", False)
    expected = maker.lines(table)
    lines = found.splitlines()
    wrong = [number for number, (a, b) in enumerate(zip(lines, expected, strict=False)) if a != b]
    if len(lines) != len(expected):
        detail = f"{len(lines)} lines, not {len(expected)}"
    elif wrong:
        detail = f"{len(wrong)} lines differ, first {lines[wrong[0]]!r} for {expected[wrong[0]]!r}"
    else:
        detail = f"{len(lines)} lines equal"
    return agree(TABLES, compared, detail, lines == expected)


class _Maker:
    """Makes blocks from their sources; each function is called once."""

    def __init__(self, repository: Repository):
        self._repository = repository
        self._made: dict[str, Any] = {}

    def lines(self, table: MarkedTable) -> list[str]:
        """Return the lines that a block should have."""
        if table.columns:
            path = _path(self._repository, table.source)
            rows = pd.read_csv(path, dtype=str)
            columns = table.columns
            if columns[0] == "*":
                columns = [str(name) for name in rows if f"-{name}" not in columns]
            missing = [column for column in columns if column not in rows]
            if missing:
                raise EkgError(f"column {missing[0]} missing", path=path)
            return table_lines(rows, columns)
        if table.made_by not in self._made:
            self._made[table.made_by] = self._call(table)
        made = self._made[table.made_by]
        if isinstance(made, dict):
            if table.mark not in made:
                raise EkgError(f"{table.made_by} makes no block of this mark", path=REGISTRY)
            made = made[table.mark]
        lines = made.splitlines() if isinstance(made, str) else list(made)
        return "\n".join(lines).strip("\n").splitlines()

    def _call(self, table: MarkedTable) -> Any:
        place, _, function = table.made_by.partition(":")
        script = place.endswith(".py")
        module = (
            load_script(self._repository.root / place) if script else importlib.import_module(place)
        )
        if not hasattr(module, function):
            raise EkgError(f"no function {table.made_by!r}", path=REGISTRY)
        try:
            return getattr(module, function)()
        except (KeyError, IndexError, ValueError) as error:
            # The source lacks what the table shows: that is a finding, not an accident.
            raise EkgError(
                f"the table cannot be made of it by {table.made_by} ({error!r})", path=table.source
            ) from None


def load_script(path: Path) -> ModuleType:
    """Import a script by its path, with its folder's other scripts within reach."""
    name = f"_ekg_script_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None or not path.is_file():
        raise EkgError("script not found", path=path)
    module = importlib.util.module_from_spec(spec)
    paths, modules = list(sys.path), set(sys.modules)
    sys.path.insert(0, str(path.parent))
    sys.modules[name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = paths
        # Scripts are no package: their bare names must not stay behind for others to find.
        for new in set(sys.modules) - modules:
            file = getattr(sys.modules[new], "__file__", None)
            if file is not None and path.parent in Path(file).parents:
                del sys.modules[new]
    return module


def _path(repository: Repository, name: str) -> Path:
    if name.startswith(_REFERENCE) and repository.shared is not None:
        return repository.shared / name.removeprefix(_REFERENCE)
    if name.startswith(_NEWEST):
        stored = default_stored(repository.root) or repository.root / STORED / "none"
        return stored / name.removeprefix(_NEWEST)
    return repository.root / name


def _hand_made(repository: Repository, registry: Registry) -> Finding:
    """Find tables with decimal numbers that neither marks nor the registry account for."""
    unknown = []
    accounted = 0
    for page in pages(repository.root):
        if page.parent.parent.name == STORED:
            continue  # model cards are compared as a whole
        name = repository.short(page)
        for table in hand_tables(page.read_text(encoding="utf-8")):
            if (name, table.header) in registry.by_hand:
                accounted += 1
            else:
                unknown.append(f"{name}:{table.line}")
    return agree(
        BY_HAND,
        "tables with decimals outside marks: registered with a reason",
        f"{accounted} registered" + (f", not registered: {some(unknown)}" if unknown else ""),
        not unknown,
    )


def _facts(repository: Repository, registry: Registry) -> Iterator[Finding]:
    by_page: dict[str, list[Fact]] = {}
    for fact in registry.facts:
        by_page.setdefault(fact.page, []).append(fact)
    for name, facts in by_page.items():
        page = repository.root / name
        text = " ".join(page.read_text(encoding="utf-8").split()) if page.is_file() else ""
        wrong = []
        for fact in facts:
            expected = fact.text.format(fact.form.format(_value(repository, fact)))
            if expected not in text:
                wrong.append(repr(expected))
        yield agree(
            FACTS,
            f"{name}: numbers in its text = their sources",
            f"{len(facts) - len(wrong)} of {len(facts)} found"
            + (f"; not: {some(wrong)}" if wrong else ""),
            not wrong,
        )


def _value(repository: Repository, fact: Fact) -> Any:
    if re.fullmatch(r"ekg(\.\w+)+", fact.source):
        return getattr(importlib.import_module(fact.source), fact.key)
    value = read_json(_path(repository, fact.source))
    for key in fact.key.split("."):
        if not isinstance(value, dict) or key not in value:
            raise EkgError(f"no field `{fact.key}`", path=fact.source)
        value = value[key]
    return value


def _cards(repository: Repository) -> Iterator[Finding]:
    cards: dict[Path, str] = load_script(repository.root / CARD_SCRIPT).cards()
    for path, expected in cards.items():
        compared = f"{repository.short(path)} = made from its files"
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        wrong = [a for a, b in zip(lines, expected.splitlines(), strict=False) if a != b]
        detail = f"{len(lines)} lines" + (f", {len(wrong)} differ: {wrong[0]!r}" if wrong else "")
        yield agree(CARDS, compared, detail, lines == expected.splitlines())
    for folder in stored_models(repository.root):
        if folder / "README.md" not in cards:
            yield agree(
                CARDS,
                f"{folder.name}: model card = made from its files",
                f"{CARD_SCRIPT.as_posix()} makes no card for it",
                False,
            )
