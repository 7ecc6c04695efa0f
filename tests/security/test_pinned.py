"""Every dependency is pinned to files with known checksums, in every place that installs any."""

import json
import re

import pytest

LOCKS = ["requirements.txt", "campaigns/fuzzing/requirements.txt", "scripts/uv-requirements.txt"]


def requirements_of(text):
    """Return the logical lines: name and version, with what belongs to them."""
    joined = re.sub(r"\\\n\s*", " ", text)
    return [
        line for line in joined.splitlines() if line.strip() and not line.strip().startswith("#")
    ]


@pytest.mark.parametrize("lock", LOCKS)
def test_every_requirement_has_one_version_and_checksums(root, lock):
    lines = requirements_of((root / lock).read_text(encoding="utf-8"))
    assert lines
    for line in lines:
        assert re.match(r"[A-Za-z0-9][\w.-]*==[\w.!+]+ ", line), line[:80]
        assert re.search(r" --hash=sha256:[0-9a-f]{64}(\s|$)", line), line[:80]
        assert not re.search(r"https?:|git\+|file:|--index|--extra|--trusted|--find", line), line[
            :80
        ]


def test_every_direct_dependency_is_in_the_lock(root):
    def name_of(line):
        return re.split(r"[=<>~! \[;]", line.strip())[0].lower().replace("_", "-")

    wanted = requirements_of((root / "requirements.in").read_text(encoding="utf-8"))
    locked = requirements_of((root / "requirements.txt").read_text(encoding="utf-8"))
    missing = {name_of(line) for line in wanted} - {name_of(line) for line in locked}
    assert not missing


@pytest.mark.parametrize(
    "name", ["docker/Dockerfile", "scripts/make_environment.py", "campaigns/fuzzing/tools.py"]
)
def test_what_installs_asks_for_the_checksums(root, name):
    text = (root / name).read_text(encoding="utf-8")
    assert text.count("--require-hashes") == 1


def test_the_pages_packages_have_checksums(root):
    lock = json.loads((root / "page" / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    for name, entry in packages.items():
        assert entry["version"], name
        assert entry["integrity"].startswith("sha512-"), name
