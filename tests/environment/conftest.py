import importlib.util
import os
import shutil

import pytest

from tests.environment.stand_ins import Index, fill


def load_script(path):
    spec = importlib.util.spec_from_file_location("environment", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script(root):
    return load_script(root / "scripts/make_environment.py")


@pytest.fixture(scope="session")
def lock(root):
    return (root / "requirements.txt").read_text(encoding="utf-8")


@pytest.fixture
def index():
    index = Index()
    yield index
    index.close()


@pytest.fixture
def only_index(index, monkeypatch, tmp_path):
    """Nothing but the local index is asked, by pip and by uv."""
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    for name, value in {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": index.url,
        "PIP_RETRIES": "0",
        "UV_NO_CONFIG": "1",
        "HOME": str(tmp_path),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }.items():
        monkeypatch.setenv(name, value)
    return index


@pytest.fixture
def project(root, only_index, lock, tmp_path):
    """A project with its own copy of the script and a lock of stand-ins, in a path with a space."""
    folder = tmp_path / "a project"
    (folder / "scripts").mkdir(parents=True)
    for name in ("scripts/make_environment.py", "scripts/uv-requirements.txt"):
        shutil.copy(root / name, folder / name)
    (folder / "requirements.txt").write_text(fill(only_index, lock))
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "setuptools.build_meta"\n'
    )
    return folder


@pytest.fixture
def its_script(project):
    """The project's own make_environment."""
    return load_script(project / "scripts/make_environment.py")
