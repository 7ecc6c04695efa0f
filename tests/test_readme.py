"""The commands of the README: all of them parse; the slow test runs them at toy size."""

import functools
import hashlib
import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ekg.cli import build_parser
from ekg.paths import default_model
from ekg.strips.simulate import simulate_page

TOY_EXPERIMENT = (
    "[data]\nimage_size = 96\n[training]\nepochs = 1\n[early_stopping]\nenabled = false\n"
)


def commands_of(root, page="README.md"):
    text = (root / page).read_text(encoding="utf-8")
    for line in re.findall(r"(?m)^ {4}((?:make|python) .*)$", text):
        words = shlex.split(line, comments=True)
        if words:
            yield words


def make_commands(root):
    return [words for words in commands_of(root) if words[0] == "make"]


def test_the_readme_has_the_two_commands_first(root):
    assert [" ".join(words) for words in commands_of(root)][:2] == ["make reproduce", "make test"]


def test_every_make_command_of_the_readme_has_a_rule(root):
    for words in make_commands(root):
        done = subprocess.run(
            [*words, "-n", f"PYTHON={sys.executable}"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{words}: {done.stderr}"


def test_every_python_command_of_the_readme_parses(root):
    found = 0
    for words in commands_of(root):
        if words[:3] == ["python", "-m", "ekg"]:
            build_parser(words[3]).parse_args(words[3:])
            found += 1
    assert found


def test_every_command_within_a_line_of_the_readme_has_a_rule_too(root):
    text = " ".join((root / "README.md").read_text(encoding="utf-8").split())
    spans = [span for span in re.findall(r"`(make [^`]+)`", text) if "..." not in span]
    assert spans
    for span in spans:
        done = subprocess.run(
            [*shlex.split(span), "-n", f"PYTHON={sys.executable}", "DOCKER=true"],
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{span}: {done.stderr}"


def test_readme_and_docs_name_no_folder_beside_the_clone(root):
    pages = [root / "README.md", root / "docker/README.md", *(root / "docs").rglob("*.md")]
    assert [page for page in pages if "../shared" in page.read_text(encoding="utf-8")] == []


def test_every_page_that_the_readme_links_to_exists(root):
    text = (root / "README.md").read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", text):
        assert (root / target).exists(), target


@pytest.fixture(scope="module")
def clone(root, tmp_path_factory):
    folder = tmp_path_factory.mktemp("clone") / "project"
    subprocess.run(["git", "clone", "-q", str(root), str(folder)], check=True)
    (folder / "toy.toml").write_text(TOY_EXPERIMENT)
    return folder


def make(folder, *words, **options):
    """Run make in the clone at toy size, with this Python and nothing of the caller's data."""
    done = subprocess.run(
        ["make", *words, f"PYTHON={sys.executable}", "SIMULATED=70", "SIZE=96", "JOBS=2"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **options,
    )
    assert done.returncode == 0, f"make {words}:\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.mark.slow
def test_the_whole_road_in_a_fresh_clone(clone):
    summary = make(clone, "reproduce", "EXPERIMENT=toy.toml", "RUN=toy")
    for word in (
        "Data: synthetic",
        "Not for clinical use",
        "test (",
        "report.html",
        "minutes in total",
    ):
        assert word in summary
    run = clone / "runs" / "toy"
    for name in (
        "config.toml",
        "train_results.csv",
        "weights.safetensors",
        "environment.json",
        "finished.json",
        "predictions_val.csv",
        "predictions_test.csv",
        "metrics.json",
        "saliency.npz",
        "comparison.json",
        "comparison.md",
    ):
        assert (run / name).is_file(), name
    output = clone / "paper" / "output" / "toy"
    assert 100_000 < (output / "report.html").stat().st_size < 2_000_000
    notebooks = {path.stem for path in output.glob("*.ipynb")}
    assert {"loss", "confusion_raw_test", "classes_val", "extra_results"} <= notebooks
    # Nothing that is up to date is made again.
    before = {path: path.stat().st_mtime_ns for path in run.iterdir()}
    make(clone, "paper-figures", "compare", "EXPERIMENT=toy.toml", "RUN=toy")
    assert before == {path: path.stat().st_mtime_ns for path in run.iterdir()}


@pytest.mark.slow
def test_counts_prints_nothing_but_counts(clone):
    lines = make(clone, "counts").splitlines()
    assert all(re.fullmatch(r'"[\w-]+",\d+', line) for line in lines) and len(lines) == 7


@pytest.mark.slow
def test_the_real_road(clone, shared):
    records = shared / "real" / "cpsc2018"
    split = shared / "spec" / "paper_split.csv"
    summary = make(
        clone,
        "reproduce",
        "EXPERIMENT=toy.toml",
        "RUN=real",
        f"RECORDS={records}",
        f"SPLIT={split}",
    )
    assert "val (10 records)" in summary and "test (4 records)" in summary


# Commands that are only parsed, each with the reason.
PARSED_ONLY = {
    "make test": "this test is part of it",
    "make best-model": "these very files cannot be had from another server",
    "make page serve": "needs npm; tests/page builds it, tests/commands serves it",
}


def serve_cpsc2018(folder, records):
    """Lay records out as PhysioNet does, with its list of checksums; return the server."""
    place = folder / "training/cpsc_2018/g1"
    shutil.copytree(records, place, ignore=shutil.ignore_patterns(".*", "*.json"))
    sums = "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()} {path.relative_to(folder)}\n"
        for path in sorted(place.iterdir())
    )
    (folder / "SHA256SUMS.txt").write_text(sums)
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(folder))
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.mark.slow
def test_every_command_of_the_readme_runs_at_toy_size(clone, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    ekg = [sys.executable, "-m", "ekg"]
    simulated = tmp_path / "simulated"
    simulate = ["simulate", "--out", str(simulated), "--records", "70", "-j", "2", "--seed", "7"]
    subprocess.run([*ekg, *simulate], cwd=clone, check=True, capture_output=True)
    server = serve_cpsc2018(tmp_path / "served", simulated)
    address = f"http://127.0.0.1:{server.server_address[1]}/"
    subprocess.run([*ekg, "download", "cpsc2018", "--from-url", address], cwd=clone, check=True)
    server.shutdown()
    page = simulate_page("printed", kind="screen", layout="3x4+1", subject="ekg")
    (clone / "photo.jpg").write_bytes(page.content)  # bytes tell the format, not the suffix
    ran = []
    for words in commands_of(clone):
        known = next((key for key in PARSED_ONLY if " ".join(words[: len(key.split())]) == key), "")
        if known and (len(words) == len(known.split())):
            ran.append(known)
            continue
        words = [word.replace("synthetic-quick", "synthetic-toy") for word in words]
        if words[0] == "make":
            make(clone, *words[1:], "EXPERIMENT=toy.toml")
        else:
            assert words[:3] == ["python", "-m", "ekg"]
            subprocess.run([*ekg, *words[3:]], cwd=clone, check=True, capture_output=True)
    assert set(ran) == set(PARSED_ONLY)


def test_the_results_are_those_of_the_files(root):
    spec = importlib.util.spec_from_file_location("results", root / "scripts/readme_results.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    page = (root / "README.md").read_text(encoding="utf-8")
    assert script.page_with_results(page) == page, "run scripts/readme_results.py --write"


def test_the_five_lines_of_python(root, tmp_path):
    page = (root / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    stored = default_model()
    subprocess.run(
        [sys.executable, "-m", "ekg", "simulate", "--out", str(tmp_path), "--records", "1"],
        cwd=root,
        check=True,
        capture_output=True,
    )
    code = code.replace("runs/synthetic-quick", str(stored))
    code = code.replace("data/synthetic/records/S0001", str(tmp_path / "S0001"))
    names: dict = {}
    exec(compile(code, "README.md", "exec"), names)
    assert names["verdict"].diagnosis in names["verdict"].probabilities
    assert len(names["why"]["occlusion"]) == 12
