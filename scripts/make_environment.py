"""Build the project's virtual environment; needs nothing but Python >= 3.11 and its venv module.

Usage: python3 scripts/make_environment.py [FOLDER] [--torch cuda|cpu] [--torch-index URL_OR_FOLDER]

Installs exactly requirements.txt, every file checked by its hash and nothing resolved, so that
what appears later on a package index cannot matter. uv (scripts/uv-requirements.txt) installs
where it can be had, several times as fast as pip, else pip does.

Without --torch the first build decides: the CPU wheels of torch and torchvision where there is no
GPU and PyTorch's index of them answers, else the wheels of the lock. A rebuild keeps the choice.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import http.client
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCK, CPU_LOCK = ROOT / "requirements.txt", ROOT / "requirements-cpu.txt"
UV_LOCK = ROOT / "scripts" / "uv-requirements.txt"
STAMP, CHOICE = "made-from.txt", "torch.txt"
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
SECONDS_TO_ANSWER = 5.0
GIGABYTES = {"cuda": 7.0, "cpu": 2.0}
"""Free disk needed: uv unpacks wheels as they arrive, so hardly more than the environment."""
ESTIMATE = {
    "cuda": "about 6 GB on disk, 3 GB to download",
    "cpu": "about 1.5 GB on disk, 0.5 GB to download",
}
TORCH_PACKAGE = re.compile(r"torch(?:vision)?==")
CUDA_PACKAGE = re.compile(r"(?:triton|nvidia-[\w-]+|cuda-[\w-]+)==")
BY_HASH = ("--no-deps", "--require-hashes")


def complain(problem: str) -> None:
    """End with one clear line."""
    sys.exit(f"error: {problem}")


def log(line: str) -> None:
    """Print one line on standard error."""
    print(line, file=sys.stderr, flush=True)


def check_python() -> None:
    """Refuse a Python that is too old or cannot make virtual environments."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    if sys.version_info < (3, 11):  # noqa: UP036  (this script is run by whatever Python there is)
        complain(
            f"Python {version} is too old ({sys.executable}); install Python 3.11 or newer and "
            "run `make BASE_PYTHON=/path/to/python3.11 ...`"
        )
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        complain(
            f"this Python cannot make virtual environments; on Debian and Ubuntu run "
            f"`apt install python{version}-venv` (or python3-venv), or use an existing "
            "environment with `make PYTHON=/path/to/python ...`"
        )


# --- the lock ---------------------------------------------------------------------------------


def blocks_of(lock: str) -> list[str]:
    """Return the requirements of a lock file, each with its hashes."""
    return re.findall(r"(?m)^[A-Za-z0-9].*(?:\n[^A-Za-z0-9\n].*)*\n?", lock)


def pin_of(block: str) -> str:
    """Return `name==version` of a requirement."""
    return re.split(r"[\s\\;]", block, maxsplit=1)[0]


def torch_pins(lock: str) -> list[str]:
    """Return the pins of torch and torchvision."""
    return [pin_of(block) for block in blocks_of(lock) if TORCH_PACKAGE.match(block)]


def without_torch(lock: str) -> str:
    """Return the lock without torch, torchvision and the CUDA libraries."""
    return "".join(
        block
        for block in blocks_of(lock)
        if not TORCH_PACKAGE.match(block) and not CUDA_PACKAGE.match(block)
    )


def cpu_lock_for(pins: list[str]) -> Path | None:
    """Return the file with the hashes of these versions' CPU wheels, None where there is none."""
    if not CPU_LOCK.is_file():
        return None
    recorded = [pin_of(block) for block in blocks_of(CPU_LOCK.read_text(encoding="utf-8"))]
    return CPU_LOCK if sorted(recorded) == sorted(f"{pin}+cpu" for pin in pins) else None


def record_cpu_lock(index: str) -> None:
    """Write the CPU wheels' hashes as their index gives them; without an answer there are none."""
    CPU_LOCK.unlink(missing_ok=True)
    lines = []
    for pin in torch_pins(LOCK.read_text(encoding="utf-8")):
        package, version = pin.split("==")
        try:
            wheels = wheels_of(package, index)
        except (OSError, ValueError, http.client.HTTPException) as error:
            log(f"hashes of the CPU wheels are not recorded: {index} does not answer ({error})")
            return
        start = f"{package}-{version}+cpu-"
        hashes = sorted({sha for name, sha in wheels.items() if name.startswith(start) and sha})
        if not hashes:
            log(f"hashes of the CPU wheels are not recorded: {index} gives none for {pin}")
            return
        lines += [f"{pin}+cpu", *(f"    --hash=sha256:{sha}" for sha in hashes)]
    content = re.sub(r"\n(?=    )", " \\\\\n", "\n".join(lines))
    CPU_LOCK.write_text(f"{content}\n", encoding="utf-8")
    log(f"{CPU_LOCK.name}: hashes of the CPU wheels, from {index}")


def fingerprint(torch: str) -> str:
    """Return what the finished environment must have been made from."""
    content = LOCK.read_bytes()
    if torch == "cpu" and CPU_LOCK.is_file():
        content += CPU_LOCK.read_bytes()
    return f"{hashlib.sha256(content).hexdigest()} {torch} {sys.version.split()[0]}\n"


# --- which PyTorch ----------------------------------------------------------------------------


def wheels_of(package: str, index: str) -> dict[str, str]:
    """Return an index's wheels of a package: the SHA-256 by file name, empty where not given."""
    if Path(index).is_dir():
        return {path.name: "" for path in Path(index).glob(f"{package}-*.whl")}
    request = urllib.request.Request(f"{index.rstrip('/')}/{package}/")
    with urllib.request.urlopen(request, timeout=SECONDS_TO_ANSWER) as answer:
        page = answer.read().decode("utf-8", "replace")
    links = (urllib.parse.urlsplit(link) for link in re.findall(r"""href=["']([^"']+)""", page))
    return {
        urllib.parse.unquote(link.path.rsplit("/", 1)[-1]): link.fragment.removeprefix("sha256=")
        for link in links
        if link.path.endswith(".whl")
    }


def has_cpu_wheels(pins: list[str], index: str) -> bool:
    """Return whether an index has the CPU wheels of these versions for this Python and machine."""
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for package, version in (pin.split("==") for pin in pins):
        start = f"{package}-{version}+cpu-{tag}-"
        if not any(
            name.startswith(start) and name.endswith(f"_{platform.machine()}.whl")
            for name in wheels_of(package, index)
        ):
            return False
    return True


def why_not_cpu(pins: list[str], index: str) -> str:
    """Return why the CPU wheels are not available, empty where they can."""
    answers: list[bool | str] = []

    def ask() -> None:
        try:
            answers.append(has_cpu_wheels(pins, index))
        except (OSError, ValueError, http.client.HTTPException) as error:
            answers.append(str(getattr(error, "reason", None) or error))

    # In a thread: looking up a name obeys no timeout.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(SECONDS_TO_ANSWER)
    if not answers:
        return f"{index} does not answer within {SECONDS_TO_ANSWER:.0f} s"
    if isinstance(answers[0], str):
        return f"{index} does not answer ({answers[0]})"
    return "" if answers[0] else f"{index} lacks {' and '.join(pins)} for this Python"


def sees_gpu() -> bool:
    """Return whether the NVIDIA driver lists a GPU."""
    try:
        listed = subprocess.run(
            ["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return False
    return bool(listed.stdout.strip())


def stored_choice(folder: Path) -> str | None:
    """Return the choice that an environment was made with, also by an interrupted build."""
    for name, field in ((CHOICE, 0), (STAMP, 1)):
        words = (folder / name).read_text().split() if (folder / name).is_file() else []
        if len(words) > field and words[field] in ESTIMATE:
            return words[field]
    return None


def choose_torch(folder: Path, asked: str | None, index: str) -> tuple[str, str]:
    """Return which wheels of PyTorch to take, `cuda` (those of the lock) or `cpu`, and why."""
    if asked:
        return asked, "as asked for"
    if stored := stored_choice(folder):
        return stored, "as this environment was first made"
    if sys.platform != "linux":
        return "cuda", f"on {sys.platform} they bring no CUDA libraries"
    if sees_gpu():
        return "cuda", "a GPU is here"
    obstacle = why_not_cpu(torch_pins(LOCK.read_text(encoding="utf-8")), index)
    return ("cuda", f"no GPU here, but {obstacle}") if obstacle else ("cpu", "no GPU here")


# --- installing -------------------------------------------------------------------------------


class Installer:
    """Installs into an environment by uv or, where that is not available or fails, by pip."""

    def __init__(self, python: Path, uv: bool):
        self.python = python
        self.uv = self._get_uv() if uv else None

    def install(self, *arguments: str) -> None:
        """Install; ends the program where it fails."""
        if self.uv and self._run_uv(arguments):
            return
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install"]
        command += ["--quiet", *arguments]
        if subprocess.run(command, stdout=sys.stderr, check=False).returncode:
            complain(
                f"`{' '.join(command)}` failed; the lines above say why. "
                "Run the same command again to resume"
            )

    def _get_uv(self) -> Path | None:
        """Fetch uv into the environment's folder, beside its packages."""
        place = self.python.parents[1] / "installer"
        command = [str(self.python), "-m", "pip", "--disable-pip-version-check", "install"]
        command += ["--quiet", *BY_HASH, "--only-binary", ":all:", "--target", str(place)]
        command += ["-r", str(UV_LOCK)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            (block,) = blocks_of(UV_LOCK.read_text(encoding="utf-8"))
            log(f"{pin_of(block)} is not available here: pip installs, which takes longer")
            return None
        return place / "bin" / ("uv.exe" if os.name == "nt" else "uv")

    def _run_uv(self, arguments: tuple[str, ...]) -> bool:
        command = [str(self.uv), "pip", "install", "--python", str(self.python)]
        command += ["--quiet"] if not sys.stderr.isatty() else []
        # Every file is checked by its hash or named by its version: which index has it is equal.
        command += ["--index-strategy", "unsafe-best-match", *arguments]
        done = subprocess.run(
            command, env=os.environ | self._uv_settings(), stdout=sys.stderr, check=False
        )
        if done.returncode:
            log("uv failed (see above): pip installs, which takes longer")
            self.uv = None
        return not done.returncode

    def _uv_settings(self) -> dict[str, str]:
        """Return pip's own settings (index, proxy, certificates) as uv reads them."""
        command = [str(self.python), "-m", "pip", "config", "list"]
        listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        lines = re.findall(r"(?m)^(global|install|:env:)\.([\w-]+)=(.*)$", listed)
        # The environment's variables come before what is in files.
        lines.sort(key=lambda line: line[0] == ":env:")
        found = {name: str(ast.literal_eval(value)) for _, name, value in lines}
        web = [url for url in found.get("extra-index-url", "").split() if url.startswith("http")]
        settings = {
            "UV_DEFAULT_INDEX": found.get("index-url"),
            "UV_INDEX": " ".join(web),
            "UV_INSECURE_HOST": found.get("trusted-host"),
            "SSL_CERT_FILE": found.get("cert"),
            "ALL_PROXY": found.get("proxy"),
            "UV_HTTP_TIMEOUT": found.get("default-timeout") or found.get("timeout"),
        }
        return {name: value for name, value in settings.items() if value and name not in os.environ}


def install_lock(installer: Installer, torch: str, index: str) -> None:
    """Install every package of the lock."""
    if torch == "cuda":
        installer.install(*BY_HASH, "-r", str(LOCK))
        return
    content = LOCK.read_text(encoding="utf-8")
    pins = torch_pins(content)
    with tempfile.TemporaryDirectory() as temporary:
        rest = Path(temporary) / "requirements.txt"
        rest.write_text(without_torch(content), encoding="utf-8")
        installer.install(*BY_HASH, "-r", str(rest))
    local = Path(index).is_dir()
    place = ["--no-index", "--find-links", index] if local else ["--index-url", index]
    if recorded := cpu_lock_for(pins):
        installer.install(*BY_HASH, *place, "-r", str(recorded))
    else:
        log(f"no hashes of the CPU wheels are recorded: those of {index} are not verified")
        installer.install("--no-deps", *place, *(f"{pin}+cpu" for pin in pins))


def make_venv(folder: Path, torch: str) -> Path:
    """Make an empty environment in `folder` that remembers the choice; return its Python."""
    folder.mkdir(parents=True, exist_ok=True)
    made = (STAMP, CHOICE, "pyvenv.cfg")
    if any(folder.iterdir()) and not any((folder / name).is_file() for name in made):
        complain(f"{folder}: is not empty and no environment; name another folder")
    (folder / STAMP).unlink(missing_ok=True)
    (folder / CHOICE).write_text(f"{torch}\n")
    # Nothing is kept, an environment of another Python least of all, but the choice.
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry)
        elif entry.name != CHOICE:
            entry.unlink()
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def build(folder: Path, asked: str | None, index: str, *, uv: bool = True) -> None:
    """Make the environment in `folder`, unless it is there already."""
    stamp = folder / STAMP
    current = asked or stored_choice(folder)
    if current and stamp.is_file() and stamp.read_text() == fingerprint(current):
        os.utime(stamp)
        return
    check_python()
    torch, why = choose_torch(folder, asked, index)
    small = torch == "cpu" or sys.platform != "linux"
    free = shutil.disk_usage(folder.parent).free / 1e9
    name = "CPU wheels" if torch == "cpu" else "wheels of the lock"
    other = "" if asked or small else "; TORCH=cpu asks for the small ones"
    log(
        f"environment {folder}: PyTorch's {name} ({why}{other}): "
        f"{ESTIMATE['cpu' if small else 'cuda']}, 1 to 10 minutes; {free:,.0f} GB are free"
    )
    needed = GIGABYTES["cpu" if small else "cuda"]
    if free < needed:
        complain(
            f"{folder.parent}: {free:.1f} GB free, {needed:g} GB are needed; make room, "
            "or use an existing environment with `make PYTHON=/path/to/python ...`"
        )
    started = time.monotonic()
    python = make_venv(folder, torch)
    installer = Installer(python, uv)
    install_lock(installer, torch, index)
    installer.install("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
    stamp.write_text(fingerprint(torch))
    how = "uv" if installer.uv else "pip"
    log(f"environment {folder}: made by {how} in {time.monotonic() - started:.0f} s")


def main() -> None:
    """Build what the command line asks for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("folder", type=Path, nargs="?", default=ROOT / ".venv")
    parser.add_argument(
        "--torch", choices=("cuda", "cpu"), help="default: as described in this file's head"
    )
    parser.add_argument(
        "--torch-index", default=CPU_INDEX, help="CPU wheels: an index address or a folder"
    )
    parser.add_argument("--installer", choices=("uv", "pip"), default="uv")
    parser.add_argument(
        "--record-cpu-hashes",
        action="store_true",
        help=f"write {CPU_LOCK.name} from the index and build nothing",
    )
    arguments = parser.parse_args()
    if arguments.record_cpu_hashes:
        record_cpu_lock(arguments.torch_index)
        return
    build(
        arguments.folder.absolute(),
        arguments.torch,
        arguments.torch_index,
        uv=arguments.installer == "uv",
    )


if __name__ == "__main__":
    main()
