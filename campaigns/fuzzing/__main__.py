"""The bad-input campaign: a hundred thousand and more bad inputs for everything that reads.

Usage: python -m campaigns.fuzzing [--cases N] [--seed S] [--only TARGET ...] [--work FOLDER]

Each reader of outside bytes is run in its own process, watched from here: a case must end
within 5 s, below 1 GiB, in a result or in one of the project's own errors. Inputs are made by a
coverage-guided engine (atheris, where it exists for the platform; else by plain mutation) and by
hypothesis. Finished parts are kept in the work folder and not run again while the code they
exercised is the same. At the end benchmarks/fuzz.csv is written.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

from campaigns.fuzzing.case import SECONDS_ALLOWED  # noqa: E402
from campaigns.fuzzing.child import NUMBERS  # noqa: E402
from campaigns.fuzzing.structured import STRATEGIES  # noqa: E402
from campaigns.fuzzing.targets import NAMES, what_of  # noqa: E402
from campaigns.fuzzing.tools import coverage_engine  # noqa: E402
from ekg.files import atomic_open, read_json, write_json, write_text  # noqa: E402
from ekg.progress import Progress  # noqa: E402

TABLE = ROOT / "benchmarks" / "fuzz.csv"
CASES = 120_000
SEED = 44
SHARE_STRUCTURED = 0.25
WEIGHT = {
    "record": 0.5,
    "signal": 0.4,
    "metadata": 0.05,
    "lists": 0.5,
    "saliency": 0.5,
    "onnx": 0.5,
    "comments": 2.0,
    "checksums": 2.0,
    "override": 2.0,
    "journal": 2.0,
    "png": 2.0,
    "archive": 1.5,
    "safetensors": 2.0,
    "torch_file": 2.0,
}
"""Times a usual target's cases: fewer where one takes long, more where it takes no time."""
SECONDS_WAITED = 60.0
"""A case that uses no CPU time is given up after so long."""
_MOST_STARTS = 30


@dataclass(frozen=True)
class Job:
    """One target with one engine."""

    target: str
    engine: str
    version: str
    cases: int
    seed: int

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.target}-{self.engine}"


def plan(cases: int, seed: int, engine: str, versions: dict[str, str]) -> list[Job]:
    """Divide the cases over targets and engines; no target gets less than its share."""
    shares = [(name, engine, WEIGHT.get(name, 1.0)) for name in NAMES]
    shares += [
        (name, "hypothesis", SHARE_STRUCTURED * WEIGHT.get(name, 1.0)) for name in STRATEGIES
    ]
    total = sum(share for _, _, share in shares)
    return [
        Job(name, kind, versions[kind], -int(-cases * share // total), seed)
        for name, kind, share in shares
    ]


class Run:
    """Runs one job to its end, over any number of deaths of the process."""

    def __init__(self, job: Job, folder: Path, environment: dict[str, str]):
        self.job, self.folder, self.environment = job, folder, environment

    def finished(self) -> dict[str, object] | None:
        """Return the result of an earlier run that still holds."""
        path = self.folder / "result.json"
        if not path.is_file():
            return None
        result: dict[str, object] = read_json(path)
        # What was found is tried again: it may have been put right in a place that only
        # now comes into play.
        same = result["job"] == asdict(self.job) and not result["findings"]
        return result if same and result["sources"] == digests(list(result["sources"])) else None  # type: ignore[call-overload]

    def go(self) -> dict[str, object]:
        """Run it; return its result."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        deaths = 0
        with Progress(self.job.cases, self.job.name, "case") as progress:
            for start in range(_MOST_STARTS):
                done = self.numbers()[0]
                if done >= self.job.cases:
                    break
                problem = self._watch(start, int(self.job.cases - done), progress)
                if problem:
                    deaths += self._keep(problem)
        numbers = self.numbers()
        if numbers[0] < self.job.cases:
            raise SystemExit(
                f"{self.job.name}: gave up after {_MOST_STARTS} deaths, see {self.folder}"
            )
        result = {
            "job": asdict(self.job),
            "cases": numbers[0],
            "results": numbers[1],
            "refused": numbers[2],
            "findings": len(list((self.folder / "findings").glob("*.bin"))),
            "peak_mib": round(numbers[4] / 1024),
            "slowest_s": round(numbers[5], 2),
            "branches": self._branches(),
            "sources": digests((self.folder / "sources").read_text().split()),
        }
        write_json(self.folder / "result.json", result)
        return result

    def numbers(self) -> tuple[float, ...]:
        """Return the child's counts."""
        trace = self.folder / "trace"
        if not trace.exists():
            return (0,) * 9
        with open(trace, "rb") as stream:
            return NUMBERS.unpack(stream.read(NUMBERS.size))

    def _watch(self, start: int, cases: int, progress: Progress) -> str:
        """Start a child and wait for its end; return what it died of, nothing if it did not."""
        job = self.job
        with open(self.folder / "log", "a") as log:
            child = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "campaigns.fuzzing.child",
                    job.target,
                    "--engine",
                    job.engine,
                    "--cases",
                    str(cases),
                    "--seed",
                    str(job.seed + start),
                    "--state",
                    self.folder,
                ],
                stdout=log,
                stderr=log,
                env=self.environment,
                cwd=ROOT,
            )
            try:
                while child.poll() is None:
                    time.sleep(0.1)
                    numbers = self.numbers()
                    progress.update(int(numbers[0]) - progress.count)
                    if numbers[7] and too_long(child.pid, *numbers[7:]):
                        child.kill()
                        child.wait()
                        return f"no end after {SECONDS_ALLOWED:g} s"
            finally:
                if child.poll() is None:
                    child.kill()
                    child.wait()
                scratch = self.folder / "scratch"
                if scratch.exists():
                    shutil.rmtree(scratch.read_text(), ignore_errors=True)
        if child.returncode and self.numbers()[7]:
            return f"the process died with status {child.returncode}"
        if child.returncode or self.numbers()[0] == 0:
            tail = (self.folder / "log").read_text(errors="replace")[-2000:]
            raise SystemExit(f"{job.name}: the child failed outside any case\n{tail}")
        return ""

    def _keep(self, problem: str) -> int:
        """Keep the bytes at which the process died."""
        numbers = self.numbers()
        with open(self.folder / "trace", "r+b") as stream:
            stream.seek(NUMBERS.size)
            data = stream.read(int(numbers[6]))
            stream.seek(0)
            stream.write(NUMBERS.pack(*map(int, numbers[:5]), numbers[5], 0, 0.0, 0.0))
        name = hashlib.sha256(data).hexdigest()[:10]
        path = self.folder / "findings" / f"{name}.bin"
        path.write_bytes(data)
        write_text(path.with_suffix(".txt"), problem + "\n")
        return 1

    def _branches(self) -> int | None:
        """Return how many branches the coverage-guided engine saw taken."""
        found = [
            int(line.split(" cov: ")[1].split()[0])
            for line in (self.folder / "log").read_text(errors="replace").splitlines()
            if " cov: " in line
        ]
        return max(found, default=None)


def too_long(pid: int, began: float, used_before: float) -> bool:
    """Return whether the present case has used more CPU time than allowed, or waits for ever."""
    waited = time.monotonic() - began
    if waited <= SECONDS_ALLOWED:
        return False
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # no such system file here, or the process has just ended
        return waited > SECONDS_WAITED
    used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return used - used_before > SECONDS_ALLOWED or waited > SECONDS_WAITED


def digests(files: list[str]) -> dict[str, str]:
    """Return the checksum of each source file, so that old results are not taken for new."""
    found = {}
    for name in files:
        path = ROOT / name
        found[name] = hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.exists() else ""
    return found


def write_table(results: list[dict[str, object]], out: Path) -> None:
    """Write the CSV."""
    rows = []
    for result in results:
        job = Job(**result["job"])  # type: ignore[arg-type]
        keys = ("cases", "results", "refused", "findings", "branches", "slowest_s", "peak_mib")
        rows.append(
            {
                "read": job.target,
                "what": what_of(job.target),
                "made_by": f"{job.engine} {job.version}".strip(),
                "seed": job.seed,
                **{key: result[key] for key in keys},
            }
        )
    with atomic_open(out) as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> int:
    """Run what is missing, say what was found."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=CASES, help="in all (%(default)s)")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--only", nargs="+", choices=NAMES, metavar="TARGET", help=", ".join(NAMES))
    parser.add_argument("--engine", choices=("atheris", "mutation"), help="instead of the best")
    parser.add_argument("--minutes", type=float, help="begin no further part after so long")
    parser.add_argument("--work", type=Path, default=ROOT / ".cache" / "fuzz")
    parser.add_argument("--out", type=Path, default=TABLE)
    given = parser.parse_args()
    engine, versions, environment = coverage_engine(given.work, given.engine)
    jobs = plan(given.cases, given.seed, engine, versions)
    results: list[dict[str, object]] = []
    began, missing = time.monotonic(), 0
    for job in jobs:
        run = Run(job, given.work / job.name, environment)
        result = run.finished()
        late = given.minutes is not None and time.monotonic() - began > 60 * given.minutes
        if result is None and not late and (given.only is None or job.target in given.only):
            result = run.go()
        if result is None:
            missing += 1
            continue
        results.append(result)
        if result["findings"]:
            print(f"{job.name}: {result['findings']} findings in {run.folder}/findings")
    found = sum(int(str(result["findings"])) for result in results)
    cases = sum(int(str(result["cases"])) for result in results)
    print(f"{cases:,} cases, {found} findings" + (f"; {missing} parts to go" if missing else ""))
    if not missing:
        write_table(results, given.out)
        print(f"written: {given.out}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
