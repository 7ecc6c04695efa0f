"""One process of the campaign: one target, one engine, this many cases.

Run by `python -m campaigns.fuzzing`, which watches it from outside: how many cases are done,
since when the present one runs, and with what bytes, is in a small mapped file that
survives any death.
"""

from __future__ import annotations

import argparse
import hashlib
import mmap
import os
import resource
import struct
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

from campaigns.fuzzing.case import MEGABYTES_ALLOWED, Target, run_case  # noqa: E402

NUMBERS = struct.Struct("<QQQQQdQdd")
"""Cases begun, results, refused, findings, peak memory (kB), slowest case (s of CPU time); length
of the present case's bytes, when it began (0: none is running) and the CPU time used till then."""
ROOM = 1 << 17


class Watched:
    """Runs cases, counts them, and leaves a trace for the parent."""

    def __init__(self, target: Target, state: Path):
        self.target, self.state = target, state
        shared = Path("/dev/shm")  # memory, where there is any: thousands of small files
        parent = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
        self.folder = Path(tempfile.mkdtemp(prefix="ekg-fuzz-", dir=parent)) / "case"
        (state / "scratch").write_text(str(self.folder.parent))
        (state / "findings").mkdir(exist_ok=True)
        path = state / "trace"
        if not path.exists():
            path.write_bytes(bytes(ROOM))
        self._file = open(path, "r+b")  # noqa: SIM115 - open as long as the process
        self._map = mmap.mmap(self._file.fileno(), ROOM)
        self.numbers = list(NUMBERS.unpack_from(self._map))

    def run(self, data: bytes) -> None:
        """Run one case."""
        self.numbers[0] += 1
        self.numbers[6:] = len(data), time.monotonic(), time.process_time()
        end = NUMBERS.size + len(data)
        self._map[NUMBERS.size : end] = data
        self._save()
        verdict = run_case(self.target, data, self.folder)
        # CPU time: on a busy machine the clock tells of others.
        seconds = time.process_time() - self.numbers[8]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        if peak > MEGABYTES_ALLOWED * 1024 >= self.numbers[4]:
            self._keep(data, "memory", f"the process grew to {peak // 1024} MiB")
        self.numbers[1 + ("result", "refused", "finding").index(verdict.kind)] += 1
        if verdict.kind == "finding":
            self._keep(data, verdict.place, verdict.text)
        self.numbers[4] = peak
        self.numbers[5] = max(self.numbers[5], seconds)
        self.numbers[7] = 0.0
        self._save()

    def warm_up(self) -> None:
        """Build once what is built once, and note which of the project's files are at work."""
        names: set[str] = set()
        sys.setprofile(lambda frame, event, argument: names.add(frame.f_code.co_filename))
        try:
            for data in known_inputs(self.target):
                run_case(self.target, data, self.folder)
        finally:
            sys.setprofile(None)
        (self.state / "sources").write_text("\n".join(of_the_project(names)))

    def _save(self) -> None:
        NUMBERS.pack_into(self._map, 0, *self.numbers)

    def _keep(self, data: bytes, place: str, text: str) -> None:
        """Keep the shortest input of each defect."""
        name = hashlib.sha256(place.encode()).hexdigest()[:10]
        path = self.state / "findings" / f"{name}.bin"
        if not path.exists() or path.stat().st_size > len(data):
            path.write_bytes(data)
            path.with_suffix(".txt").write_text(f"{place}\n\n{text}", encoding="utf-8")


def limit_memory() -> None:
    """Let the process ask for no more than the allowed memory beyond what it has now."""
    if not Path("/proc/self/status").exists():
        return  # elsewhere the parent's look at the peak has to do
    status = Path("/proc/self/status").read_text()
    now = int(status.split("VmData:")[1].split()[0]) * 1024
    limit = now + MEGABYTES_ALLOWED * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))


def of_the_project(names: set[str]) -> list[str]:
    """Return the project's own files among these, relative to its root."""
    parts = (ROOT / "ekg", ROOT / "campaigns")
    paths = {Path(name) for name in names if name.startswith(tuple(map(str, parts)))}
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


def coverage_guided(
    watched: Callable[[Target], Watched], name: str, state: Path, seed: int, cases: int
) -> None:
    """Let libFuzzer make the inputs; does not return."""
    import atheris  # type: ignore[import-untyped]

    from campaigns.fuzzing.targets import packages_of, target_named

    with atheris.instrument_imports(include=list(packages_of(name)), enable_loader_override=False):
        target = target_named(name)
    corpus, seeds = state / "corpus", state / "seeds"
    for folder in (corpus, seeds):
        folder.mkdir(exist_ok=True)
    for number, data in enumerate(known_inputs(target)):
        (seeds / f"{number:03d}").write_bytes(data)
    dictionary = state / "dictionary"
    words = ("".join(f"\\x{byte:02x}" for byte in token) for token in target.tokens)
    dictionary.write_text("".join(f'"{word}"\n' for word in words))
    runner = watched(target)
    runner.warm_up()
    options = {
        "seed": seed,
        "runs": cases,
        "max_len": target.longest,
        "dict": dictionary,
        "artifact_prefix": f"{state}/",
        "timeout": 600,
        "rss_limit_mb": 0,
        "detect_leaks": 0,
    }
    atheris.Setup(
        [
            sys.argv[0],
            *(f"-{key}={value}" for key, value in options.items()),
            str(corpus),
            str(seeds),
        ],
        runner.run,
    )
    limit_memory()
    atheris.Fuzz()


def known_inputs(target: Target) -> list[bytes]:
    """Return the sound inputs and the committed ones."""
    folder = ROOT / "tests" / "bad_input" / "corpus" / target.name
    stored = sorted(folder.iterdir()) if folder.is_dir() else []
    return target.seeds() + [path.read_bytes() for path in stored]


def structured(watched: Watched, seed: int, cases: int) -> None:
    """Let hypothesis make inputs of the format's own structure."""
    import hypothesis

    from campaigns.fuzzing.structured import strategy_for

    strategy = strategy_for(watched.target)

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=cases,
        database=None,
        deadline=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(strategy)
    def run(data: bytes) -> None:
        watched.run(data[: ROOM - NUMBERS.size])

    run()


def main() -> None:
    """Run one target with one engine."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target")
    parser.add_argument("--engine", choices=("atheris", "mutation", "hypothesis", "replay"))
    parser.add_argument("--cases", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--state", type=Path)
    parser.add_argument("--input", type=Path)
    given = parser.parse_args()
    os.chdir(ROOT)
    if given.engine == "atheris":
        coverage_guided(
            lambda target: Watched(target, given.state),
            given.target,
            given.state,
            given.seed,
            given.cases,
        )
        return
    from campaigns.fuzzing.mutation import inputs
    from campaigns.fuzzing.targets import target_named

    watched = Watched(target_named(given.target), given.state)
    watched.warm_up()
    if given.engine == "replay":
        limit_memory()
        watched.run(given.input.read_bytes())
    elif given.engine == "mutation":
        stream = inputs(watched.target, given.seed, known_inputs(watched.target))
        limit_memory()
        for _ in range(given.cases):
            watched.run(next(stream))
    else:
        limit_memory()
        structured(watched, given.seed, given.cases)


if __name__ == "__main__":
    main()
