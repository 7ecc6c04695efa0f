"""What the container's files say, read without an engine."""

import re
import shlex
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

import pytest
import yaml

# Always declared by the engine: https://docs.docker.com/build/building/variables (predefined)
PROXIES = {"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy"}


def read(path):
    return path.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def instructions(root):
    """The Dockerfile as pairs of an instruction and its joined, comment-free text."""
    lines = [line for line in read(root / "docker/Dockerfile").splitlines() if line[:1] != "#"]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    pairs = [line.split(maxsplit=1) for line in joined.splitlines() if line.strip()]
    assert all(len(pair) == 2 and pair[0].isupper() for pair in pairs)
    return [(name, text) for name, text in pairs]


@pytest.fixture(scope="module")
def environment(instructions):
    words = [word for name, text in instructions if name == "ENV" for word in shlex.split(text)]
    return dict(word.split("=", 1) for word in words)


@pytest.fixture(scope="module")
def fragment(root):
    return read(root / "docker/docker.mk")


def position(instructions, name, pattern):
    found = [
        i
        for i, (word, text) in enumerate(instructions)
        if word == name and re.search(pattern, text)
    ]
    assert len(found) == 1, (name, pattern, found)
    return found[0]


def test_base_is_an_argument_and_the_cuda_base_its_default(instructions):
    assert instructions[0] == ("ARG", "BASE_IMAGE=nvidia/cuda:13.0.1-base-ubuntu24.04")
    assert [text for name, text in instructions if name == "FROM"] == ["${BASE_IMAGE}"]


def test_dependencies_have_a_layer_that_only_the_lock_decides_about(instructions):
    install = position(instructions, "RUN", r"pip install")
    copied = [text for name, text in instructions[:install] if name in ("COPY", "ADD")]
    assert copied == ["requirements.txt /opt/requirements.txt"]
    code = position(instructions, "COPY", r"^\. /workspace$")
    # The version and the commit change more often than the lock: they come after all layers.
    assert install < code < position(instructions, "ARG", "^VERSION=")
    assert code < position(instructions, "ARG", "^REVISION=")
    assert "--require-hashes" in instructions[install][1]
    assert "--no-cache-dir" in instructions[install][1]


def test_no_build_tools_and_no_package_lists_stay(instructions):
    system = instructions[position(instructions, "RUN", "apt-get")][1]
    packages = re.search(r"--no-install-recommends\s+(.*?)\s+\$\{ADD_PACKAGES:-\}", system)
    assert packages[1].split() == ["ca-certificates", "make", "python3", "python3-venv"]
    assert "rm -rf /var/lib/apt/lists/*" in system
    assert ("ARG", "ADD_PACKAGES") in instructions  # empty unless asked for


def test_runs_unprivileged_and_without_health_check(instructions):
    names = [name for name, _ in instructions]
    assert "HEALTHCHECK" not in names and "VOLUME" not in names
    assert [text for name, text in instructions if name == "USER"] == ["ekg"]
    account = instructions[position(instructions, "RUN", "useradd")][1]
    assert int(re.search(r"useradd .*--uid (\d+) .* ekg$", account)[1]) >= 1000


def test_labels_name_version_commit_and_licence(root, instructions):
    text = next(text for name, text in instructions if name == "LABEL")
    labels = dict(word.split("=", 1) for word in shlex.split(text))
    prefix = "org.opencontainers.image."
    assert labels[prefix + "version"] == "${VERSION}"
    assert labels[prefix + "revision"] == "${REVISION}"
    declared = re.search(r'(?m)^license = "(.+)"$', read(root / "pyproject.toml"))[1]
    assert labels[prefix + "licenses"] == declared


def test_everything_libraries_keep_for_themselves_lies_under_tmp(environment):
    for name in (
        "HOME",
        "XDG_CACHE_HOME",
        "MPLCONFIGDIR",
        "RUFF_CACHE_DIR",
        "MYPY_CACHE_DIR",
        "HYPOTHESIS_STORAGE_DIRECTORY",
        "COVERAGE_FILE",
    ):
        assert PurePosixPath(environment[name]).is_relative_to("/tmp"), name
    assert "no:cacheprovider" in environment["PYTEST_ADDOPTS"]
    assert environment["PYTHONDONTWRITEBYTECODE"] == "1"
    # getpass.getuser() fails for a uid without an account, unless one of these is set.
    assert environment["USER"] and environment["LOGNAME"]


def test_the_makefile_finds_the_image_s_environment(root, environment):
    assert environment["EKG_PYTHON"] == "/opt/venv/bin/python"
    assert "$(EKG_PYTHON)" in read(root / "Makefile")


def test_the_classic_builder_understands_the_file(root, instructions):
    assert "# syntax=" not in read(root / "docker/Dockerfile")
    for name, text in instructions:
        assert not re.match(r"--(mount|link|chmod|parents|exclude|network|security)\b", text), name
        assert "<<" not in text


def test_every_forwarded_argument_is_declared(fragment, instructions):
    declared = {text.split("=")[0] for name, text in instructions if name == "ARG"}
    passed = set(re.findall(r"--build-arg ([A-Z_]+)=", fragment))
    names = re.search(r"(?s)FORWARDED_BUILD_ARGS = \$\(foreach name,(.*?),\$\(if", fragment)[1]
    forwarded = set(names.replace("\\", " ").split())
    assert passed == {"BASE_IMAGE", "ADD_PACKAGES", "VERSION", "REVISION"}
    assert passed | (forwarded - PROXIES) == declared


# --- what is sent to the build ----------------------------------------------------------------


@pytest.fixture(scope="module")
def ignored(root):
    """Return whether a path is left out, by the rules of .dockerignore (no exceptions in ours)."""
    lines = [line.strip() for line in read(root / ".dockerignore").splitlines()]
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert not [pattern for pattern in patterns if pattern.startswith(("!", "/"))]

    def matches(path, pattern):
        if pattern.startswith("**/"):
            parts = PurePosixPath(path).parts
            return any(fnmatchcase(part, pattern[3:]) for part in parts)
        heads = ["/".join(PurePosixPath(path).parts[: pattern.count("/") + 1])]
        return any(fnmatchcase(head, pattern) for head in heads)

    return lambda path: any(matches(path, pattern) for pattern in patterns)


@pytest.mark.parametrize(
    "path",
    [
        ".git/HEAD",
        ".venv/bin/python",
        "data/synthetic/records/A0001.mat",
        "runs/quick/weights.safetensors",
        "paper/output/quick/report.html",
        "ekg/data/__pycache__/split.cpython-311.pyc",
        ".mypy_cache/3.11/ekg.json",
        "ekg.sif",
        "docker/.env",
    ],
)
def test_data_runs_history_and_caches_stay_out_of_the_image(ignored, path):
    assert ignored(path)


def test_the_whole_project_goes_into_the_image(root, ignored):
    made = {"__pycache__", "output", ".ipynb_checkpoints"}
    folders = [
        "ekg",
        "checks",
        "campaigns",
        "tests",
        "experiments",
        "paper/notebooks",
        "scripts",
        "docs",
        "docker",
    ]
    paths = [
        path.relative_to(root).as_posix()
        for folder in folders
        for path in (root / folder).rglob("*")
        if path.is_file() and not made & set(path.parts)
    ]
    assert "ekg/data/split.py" in paths  # a folder named like the one with the data
    assert [path for path in paths if ignored(path)] == []
    for path in ("Makefile", "pyproject.toml", "requirements.txt", "README.md", ".dockerignore"):
        assert not ignored(path), path


# --- Compose, Apptainer -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def services(root):
    return yaml.safe_load(read(root / "docker/compose.yaml"))["services"]


def test_services_mount_the_folders_that_make_mounts(services, fragment):
    folders = re.search(r"CONTAINER_FOLDERS := (.*)", fragment)[1].split()
    for name, service in services.items():
        pairs = {(volume["source"], volume["target"]) for volume in service["volumes"]}
        needed = ["build/page"] if name == "page" else folders
        assert pairs == {(f"../{folder}", f"/workspace/{folder}") for folder in needed}, name
        # Made by the engine, a missing folder would belong to root.
        assert not any(volume["bind"]["create_host_path"] for volume in service["volumes"])


def test_services_run_read_only_as_the_caller(services):
    assert set(services) >= {"train", "train-gpu", "figures", "page"}
    for name, service in services.items():
        assert service["read_only"] is True, name
        assert service["user"].startswith("${EKG_USER:?"), name
        assert service["tmpfs"] == ["/tmp:rw,exec,nosuid,nodev,mode=1777"]
        assert service["command"][0] == "make"
    devices = services["train-gpu"]["deploy"]["resources"]["reservations"]["devices"]
    assert devices == [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]


def test_services_make_targets_that_exist(services, root):
    targets = re.findall(r"(?m)^([a-z][a-z-]*):", read(root / "Makefile"))
    assert {service["command"][1] for service in services.values()} <= set(targets)


def test_apptainer_keeps_caches_apart_by_user(root, environment):
    text = read(root / "docker/ekg.def")
    assert text.split("Bootstrap:")[1].splitlines()[0].strip() == "docker-archive"
    moved = set(re.findall(r"([A-Z_]+)=\"\$EKG_CACHE", text))
    under_tmp = {name for name, value in environment.items() if value.startswith("/tmp")}
    assert moved == under_tmp - {"HOME"}  # Apptainer sets HOME itself
