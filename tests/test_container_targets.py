"""The container's make targets, with a stand-in for the engine that writes down its arguments."""

import os
import re
import shutil
import subprocess

import pytest

STAND_IN = r"""#!/bin/bash
case "$1 ${2:-}" in
  "info "*)
    [[ -z ${STAND_IN_DOWN:-} ]] || { echo "cannot reach the daemon" >&2; exit 1; }
    [[ $* != *SecurityOptions* ]] || echo "[name=seccomp ${STAND_IN_SECURITY:-}]" ;;
  "image inspect")
    [[ -z ${STAND_IN_EMPTY:-} ]] || exit 1
    [[ $* != *--format* ]] || echo built-from-another-commit ;;
  *) printf '%s\n' "$@" > "$STAND_IN_CALL" ;;
esac
"""


@pytest.fixture
def make(root, tmp_path):
    """Run make in a copy of what the targets need; give the process and the engine's arguments."""
    for name in ("Makefile", "docker/docker.mk", "ekg/_version.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(root / name, tmp_path / name)
    programs = tmp_path / "programs"
    programs.mkdir()
    call = tmp_path / "call.txt"

    def program(name, text):
        (programs / name).write_text(text)
        (programs / name).chmod(0o755)

    def run(*arguments, gpu=False, **variables):
        program("docker", STAND_IN)
        program("nvidia-smi", "#!/bin/sh\n" + ("echo GPU 0: a card" if gpu else "exit 9") + "\n")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not re.search("(?i)proxy|^PIP_|^MAKE|^MFLAGS|^EKG_", name)
        }
        environment |= {"PATH": f"{programs}:{os.environ['PATH']}", "STAND_IN_CALL": str(call)}
        done = subprocess.run(
            ["make", *arguments],
            cwd=tmp_path,
            env=environment | variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done, call.read_text().splitlines() if call.exists() else None

    return run


def option(call, name):
    """Return the values that follow an option."""
    return [call[i + 1] for i, word in enumerate(call) if word == name]


def test_run_makes_the_target_on_the_mounted_folders(make, tmp_path):
    done, call = make("docker-run", 'TARGET=train EXPERIMENT="my file.toml" RUN=one')
    assert done.returncode == 0, done.stderr
    image = call.index("ekg")
    assert call[image + 1 :] == ["make", "train", "EXPERIMENT=my file.toml", "RUN=one"]
    options = call[:image]
    assert options[:2] == ["run", "--rm"]
    assert "--read-only" in options and "--init" in options and "--tty" not in options
    assert option(options, "--user") == [f"{os.getuid()}:{os.getgid()}"]
    assert option(options, "--shm-size") == ["8g"]
    assert option(options, "--mount") == [
        f'type=bind,"source={tmp_path}/{folder}",target=/workspace/{folder}'
        for folder in ("data", "runs", "paper/output", "best_model_for_paper")
    ]
    # Folders that the engine would otherwise make as root.
    assert all((tmp_path / folder).is_dir() for folder in ("data", "runs", "paper/output"))


def test_gpus_are_given_where_there_are_any(make):
    assert "--gpus" not in make("docker-run")[1]
    assert option(make("docker-run", gpu=True)[1], "--gpus") == ["all"]


def test_reference_data_is_mounted_read_only_where_the_project_looks(make, tmp_path):
    folder = tmp_path / "a folder, shared"
    folder.mkdir()
    call = make("docker-run", EKG_SHARED=str(folder))[1]
    assert option(call, "--mount")[-1] == f'type=bind,"source={folder}",target=/shared,readonly'
    assert not any("/shared" in word for word in make("docker-run", EKG_SHARED="/no/such")[1])


def test_the_tests_run_without_network(make):
    call = make("docker-test")[1]
    assert option(call, "--network") == ["none"]
    assert call[-2:] == ["make", "test"]
    # The engine refuses an option given twice.
    for network in ("none", "host"):
        call = make("docker-test", f"DOCKER_FLAGS=--network {network}")[1]
        assert option(call, "--network") == [network]


def test_shell_and_further_options(make):
    call = make("docker-shell", "DOCKER_FLAGS=--network none --env A=1", "IMAGE=mine:2")[1]
    assert call[-6:] == ["--network", "none", "--env", "A=1", "mine:2", "bash"]


@pytest.mark.parametrize(
    ("arguments", "security", "user"),
    [([], "name=rootless", "0:0"), (["DOCKER_USER=7:8"], "name=rootless", "7:8")],
)
def test_a_rootless_engine_s_root_is_the_caller(make, arguments, security, user):
    call = make("docker-run", *arguments, STAND_IN_SECURITY=security)[1]
    assert option(call, "--user") == [user]


def test_build_passes_base_version_and_commit(make, root):
    done, call = make("docker-build", "BASE_IMAGE=debian:13", "BUILD_FLAGS=--no-cache")
    assert done.returncode == 0, done.stderr
    assert call[0] == "build" and call[-2:] == ["--no-cache", "."]
    version = re.search('__version__ = "(.+)"', (root / "ekg/_version.py").read_text())[1]
    passed = option(call, "--build-arg")
    # The copy is no repository, so the commit is not known.
    assert passed == ["BASE_IMAGE=debian:13", f"VERSION={version}", "REVISION=unknown"]
    assert option(call, "--file") == ["docker/Dockerfile"] and option(call, "--tag") == ["ekg"]


def test_build_forwards_a_private_index_by_name_alone(make):
    address = "https://user:secret@index.example/simple"
    call = make("docker-build", PIP_INDEX_URL=address, HTTPS_PROXY="http://proxy.example:1")[1]
    assert {"PIP_INDEX_URL", "HTTPS_PROXY"} <= set(option(call, "--build-arg"))
    assert not any("example" in word for word in call)  # not to be read in a list of processes


def test_missing_engine_is_said_in_one_line(make):
    done, call = make("docker-run", "DOCKER=no-such-engine")
    assert done.returncode and call is None
    assert done.stderr.startswith("error: no-such-engine not found; install Docker")


def test_silent_daemon_is_said_in_one_line(make):
    done, call = make("docker-build", STAND_IN_DOWN="1")
    assert done.returncode and call is None
    assert done.stderr.startswith("error: the daemon of docker does not answer (cannot reach")


def test_missing_image_names_the_target_that_builds_it(make):
    done, call = make("docker-test", STAND_IN_EMPTY="1")
    assert done.returncode and call is None
    assert done.stderr.startswith("error: image ekg not found; run `make docker-build` first")


def test_an_image_of_another_commit_is_noted_and_used(make):
    done, call = make("docker-run", "TARGET=counts")
    assert call[-2:] == ["make", "counts"]
    assert "note: image ekg was built from built-from-another-commit" in done.stderr
    assert done.stdout == ""  # `make docker-run TARGET=counts > counts.csv`
