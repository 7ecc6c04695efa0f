"""The built page, node and a browser; what is missing is a reason to skip."""

import json
import os
import shutil
import subprocess
import threading

import pytest
from filelock import FileLock

from ekg.images.renderer import Renderer
from page.assets import image_description, quality_description, slicing_description
from page.build import write_rules

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PUBLISHED = "published_model/mobilenetv3_small_custom_37.model"
PATIENCE = 540


@pytest.fixture(scope="session")
def node():
    """The JavaScript engine node."""
    found = shutil.which("node")
    if not found:
        pytest.skip("node is not installed")
    return found


@pytest.fixture(scope="session")
def run_node(node, root):
    """Run one of this folder's scripts with JSON in and JSON out."""

    def run(script, given):
        done = subprocess.run(
            [node, str(root / "tests" / "page" / script)],
            input=json.dumps(given),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def renderer():
    return Renderer(800)


@pytest.fixture(scope="session")
def bare_page(root, renderer, tmp_path_factory):
    """The page's modules with what they need to read and draw, without network or runtime."""
    folder = tmp_path_factory.mktemp("bare") / "page"
    shutil.copytree(root / "page" / "src", folder / "src")
    (folder / "assets").mkdir()
    description, background = image_description(renderer)
    (folder / "assets" / "background.bin").write_bytes(background)
    write_rules(folder / "assets")
    for name, content in (
        ("picture", description),
        ("quality", quality_description()),
        ("slicing", slicing_description()),
    ):
        (folder / "assets" / f"{name}.json").write_text(json.dumps(content))
    return folder


@pytest.fixture(scope="session")
def strips_page(root, tmp_path_factory):
    """The page's reader of printed pages with what it knows."""
    folder = tmp_path_factory.mktemp("strips") / "page"
    shutil.copytree(root / "page" / "src", folder / "src")
    (folder / "assets").mkdir()
    write_rules(folder / "assets")
    return folder


@pytest.fixture(scope="session")
def modules(root):
    """The folder with the page's npm packages."""
    folder = root / "page"
    for name in ("axe-core", "onnxruntime-web", "pdfjs-dist", "playwright-core"):
        if not (folder / "node_modules" / name / "package.json").is_file():
            pytest.skip(f"{name} is not installed: run `npm ci` in {folder}")
    return folder


@pytest.fixture(scope="session")
def chromium():
    """A browser."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip(f"no browser is installed ({', '.join(BROWSERS)})")
    return found


@pytest.fixture(scope="session")
def model_path(root, tmp_path_factory):
    """The published weights where available, else ones whose answers vary as widely."""
    published = root.parent / "shared"
    published = type(root)(os.environ.get("EKG_SHARED", published)) / PUBLISHED
    if published.is_file():
        return published
    import torch

    from ekg.model import build_network, save_weights
    from ekg.model.ekg_model import PUBLISHED_MEAN, PUBLISHED_STD
    from ekg.records.diagnoses import CLASSES

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(45)
        network = build_network()
    last = [part for part in network.modules() if isinstance(part, torch.nn.Linear)][-1]
    with torch.no_grad():
        last.weight *= 300
    path = tmp_path_factory.mktemp("model") / "weights.safetensors"
    about = {
        "network": "mobilenetv3_small_custom",
        "classes": list(CLASSES),
        "image_size": 800,
        "mean": PUBLISHED_MEAN,
        "std": PUBLISHED_STD,
    }
    save_weights(path, network.state_dict(), about)
    return path


@pytest.fixture(scope="session")
def built_page(modules, model_path, tmp_path_factory):
    """The page, built once for all test processes, of a model whose name is long."""
    from page.build import MARK, build_page

    common = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        common = common.parent
    folder = common / "built-page"
    with FileLock(f"{folder}.lock"):
        if not (folder / MARK).is_file():
            named = common / f"2026-01-01_mobilenetv3_small_custom_800_simulated{model_path.suffix}"
            shutil.copyfile(model_path, named)
            build_page(named, folder, modules)
    return folder


@pytest.fixture(scope="session")
def served():
    """Serve a folder on a free port; give the address."""
    from page.server import make_server

    servers = []

    def serve(folder):
        server = make_server(folder, 0)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_address[1]}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()
