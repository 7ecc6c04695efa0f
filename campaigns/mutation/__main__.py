"""Change the code in small ways and see whether a test notices: mutation testing.

    make test-mutation                                     the whole campaign
    python -m campaigns.mutation --packages FOLDER --part split      one part, tables left alone
    python -m campaigns.mutation --tables    write the tables again after verdicts

Works on a copy in a temporary folder; mutmut (campaigns/mutation/requirements.txt) changes one
thing at a time in the functions of the modules below and runs the tests that reach it. Ends
with an error when fewer than 85 % of a module's mutants are killed, or when a survivor has no
verdict in benchmarks/mutation_survivors.csv: write one into its column `why`.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ekg.files import write_text

ROOT = Path(__file__).resolve().parents[2]
LEAST_SHARE = 0.85
TABLE = ROOT / "benchmarks" / "mutation.csv"
SURVIVORS = ROOT / "benchmarks" / "mutation_survivors.csv"
KEY = ["module", "function", "before", "after"]

PARTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "slicing": (("ekg/records/slicing.py",), ("tests/records/test_slicing.py",)),
    "split": (
        ("ekg/data/split.py", "ekg/data/folds.py"),
        ("tests/data/test_split.py", "tests/data/test_folds.py"),
    ),
    "metrics": (
        (
            "ekg/evaluation/metrics.py",
            "ekg/evaluation/levels.py",
            "ekg/evaluation/resampling.py",
            "ekg/evaluation/intervals.py",
        ),
        ("tests/evaluation/test_metrics.py", "tests/evaluation/test_intervals.py"),
    ),
    "manifest": (
        ("ekg/images/manifest.py", "ekg/images/image_set.py", "ekg/images/drawing_run.py"),
        tuple(f"tests/images/test_{n}.py" for n in ("image_set", "resume", "refused", "manifest")),
    ),
}
"""Part of the campaign to the modules that are changed and the tests that must notice.

These are the quick tests; what a survivor of theirs would meet in the other tests is not asked.
"""

# What mutmut notes for a mutant: the exit status of its tests, or one of its own numbers.
KILLED, SURVIVED = (1, 3), (0,)
TIMEOUT = (24, -24, 36, 152, 255)
UNTESTED = (5, 33)


@dataclass(frozen=True)
class Mutant:
    """One small change and what became of it."""

    module: str
    function: str
    name: str
    fate: str


def run_part(part: str, work: Path, environment: dict[str, str]) -> list[Mutant]:
    """Run one part of the campaign in a fresh copy of the project."""
    modules, tests = PARTS[part]
    for folder in ("ekg", "tests"):
        shutil.copytree(ROOT / folder, work / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "requirements.txt"):
        shutil.copy(ROOT / name, work / name)
    lists = {
        "source_paths": ["ekg"],
        "only_mutate": modules,
        "pytest_add_cli_args_test_selection": [*tests, "-m", "not slow"],
        # Worker processes and caches of pytest are of no use to a run of a second.
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "no:xdist", "-p", "no:cov"],
    }
    # A mutant may hang without using the processor: it gets 5 times what its tests take, and more.
    lines = ["[mutmut]", "use_git_change_detection=false"]
    lines += ["timeout_multiplier=5", "timeout_constant=10"]
    for key, values in lists.items():
        lines += [f"{key}=", *(f"    {value}" for value in values)]
    (work / "setup.cfg").write_text("\n".join(lines) + "\n")
    log = work / "log.txt"
    with open(log, "w") as stream:
        done = subprocess.run(
            [sys.executable, "-m", "mutmut", "run", "--max-children", "1"],
            cwd=work,
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
            check=False,
        )
    found = [
        _mutant(module, name, status)
        for module in modules
        for name, status in _statuses(work, module).items()
    ]
    if done.returncode or not found:
        sys.exit(f"error: mutmut failed on {part}:\n{log.read_text()[-3000:]}")
    return found


def _statuses(work: Path, module: str) -> dict[str, int | None]:
    meta = work / "mutants" / f"{module}.meta"
    if not meta.is_file():
        return {}
    statuses: dict[str, int | None] = json.loads(meta.read_text())["exit_code_by_key"]
    return statuses


def _mutant(module: str, name: str, status: int | None) -> Mutant:
    function = name.rpartition("__mutmut_")[0].rpartition(".")[2]
    # mutmut writes function as x_function and Class.method as xǁClassǁmethod.
    function = function.removeprefix("x").replace("ǁ", ".").removeprefix(".")
    function = function.removeprefix("_") if "." not in function else function
    for fate, codes in (
        ("killed", KILLED),
        ("survived", SURVIVED),
        ("timeout", TIMEOUT),
        ("no test", UNTESTED),
    ):
        if status in codes:
            return Mutant(module, function, name, fate)
    sys.exit(f"error: mutmut says {status} of {name}; expected a test result")


def change_of(mutant: Mutant, work: Path, environment: dict[str, str]) -> tuple[str, str]:
    """Return the changed lines before and after, each as one line of text."""
    shown = subprocess.run(
        [sys.executable, "-m", "mutmut", "show", mutant.name],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    sides = []
    for mark in "-+":
        lines = [line[1:] for line in shown if line.startswith(mark) and line[:3] != 3 * mark]
        sides.append(" ".join(" ".join(lines).split()))
    return sides[0], sides[1]


def with_verdicts(survivors: pd.DataFrame) -> pd.DataFrame:
    """Put the verdicts of earlier campaigns beside the survivors of this one."""
    known: dict[tuple[str, ...], str] = {}
    if SURVIVORS.is_file():
        table = pd.read_csv(SURVIVORS, dtype=str, keep_default_na=False)
        known = dict(zip(table[KEY].itertuples(index=False, name=None), table["why"], strict=True))
    rows = survivors[KEY].itertuples(index=False, name=None)
    return survivors.assign(why=[known.get(row, "") for row in rows])


def summary(mutants: list[Mutant], seconds: dict[str, float]) -> pd.DataFrame:
    """Return one row a module, and one for all: numbers of mutants by fate, and the share killed.

    A mutant that runs into the time limit (an endless loop, say) counts as killed.
    """
    rows: list[dict[str, object]] = []
    for module in [*dict.fromkeys(mutant.module for mutant in mutants), "all"]:
        fates = Counter(m.fate for m in mutants if module in (m.module, "all"))
        rows.append(
            {
                "module": module,
                "mutants": fates.total(),
                "killed": fates["killed"],
                "timeout": fates["timeout"],
                "survived": fates["survived"] + fates["no test"],
                "share_killed": f"{(fates['killed'] + fates['timeout']) / fates.total():.3f}",
            }
        )
    rows[-1]["seconds"] = round(sum(seconds.values()))
    return pd.DataFrame(rows).astype({"seconds": "Int64"})


def main() -> None:
    """Run the campaign."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packages", type=Path, help="where mutmut is installed")
    parser.add_argument("--part", choices=PARTS, help="run this part only and write no table")
    arguments = parser.parse_args()
    if arguments.packages is None:
        parser.error("--packages is needed; `make test-mutation` gives it")
    mutants: list[Mutant] = []
    survivors: list[dict[str, str]] = []
    seconds: dict[str, float] = {}
    for part in [arguments.part] if arguments.part else PARTS:
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="ekg-mutation-") as temporary:
            work = Path(temporary)
            environment = os.environ | {
                "PYTHONPATH": str(arguments.packages.resolve()),
                # The same everywhere: with or without the reference data.
                "EKG_SHARED": str(work / "none"),
                "OMP_NUM_THREADS": "1",
            }
            found = run_part(part, work, environment)
            for mutant in found:
                if mutant.fate in ("survived", "no test"):
                    before, after = change_of(mutant, work, environment)
                    row = (mutant.module, mutant.function, before, after)
                    survivors.append(dict(zip(KEY, row, strict=True)))
        seconds[part] = time.monotonic() - started
        mutants += found
        lost = sum(m.fate in ("survived", "no test") for m in found)
        print(f"{part}: {len(found)} mutants, {lost} survived, {seconds[part]:.0f} s", flush=True)
    judged = with_verdicts(pd.DataFrame(survivors, columns=KEY))
    table = summary(mutants, seconds)
    open_ones = judged[judged["why"] == ""]
    print(table.to_string(index=False))
    for module, function, before, after in open_ones[KEY].itertuples(index=False, name=None):
        print(f"\n{module} {function}\n- {before}\n+ {after}")
    if not arguments.part:
        write_text(TABLE, table.to_csv(index=False, lineterminator="\n"))
        write_text(SURVIVORS, judged.to_csv(index=False, lineterminator="\n"))
    few = table[table["share_killed"].astype(float) < LEAST_SHARE]
    if len(few):
        sys.exit(f"error: under {LEAST_SHARE:.0%} killed in {', '.join(few['module'])}")
    if len(open_ones):
        sys.exit(f"error: {len(open_ones)} survivors have no verdict in {SURVIVORS}")


if __name__ == "__main__":
    main()
