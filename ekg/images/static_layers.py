"""The parts of the paper's image that never change, kept on disk so that they are drawn once.

For 800 pixels they are part of the package; other sizes are kept in the user's cache folder.
A file belongs to one matplotlib version, size and layout, and carries a checksum: anything else
is drawn again by matplotlib.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import json
import os
import re
import sys
import zlib
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from ekg.files import atomic_path
from ekg.images.layout import Layout, Panel, Pen, StaticLayers, Stroke

PACKAGED = Path(__file__).parent / "static_layers"
_FORMAT = 1


def static_layers(size: int, layout: Layout) -> StaticLayers:
    """Return the static layers: from a file where there is a valid one, otherwise drawn now."""
    key = _key(size, layout)
    name = f"{size}-{key[:16]}.bin"
    cached = cache_folder() / name
    for path in (PACKAGED / name, cached):
        layers = _read(path, key)
        if layers is not None:
            return layers
    from ekg.images.paper_figure import draw_static_layers

    layers = draw_static_layers(size, layout)
    with contextlib.suppress(OSError):  # a full or read-only disk costs time, nothing else
        write(layers, cached, key)
    return layers


def write_packaged(size: int, layout: Layout) -> Path:
    """Draw the layers again and write them into the package; return the file."""
    from ekg.images.paper_figure import draw_static_layers

    key = _key(size, layout)
    path = PACKAGED / f"{size}-{key[:16]}.bin"
    write(draw_static_layers(size, layout), path, key)
    return path


def cache_folder() -> Path:
    """Return where files that can be made again are kept for this user."""
    if "EKG_CACHE" in os.environ:
        return Path(os.environ["EKG_CACHE"])
    if sys.platform == "win32":
        base = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        base = "~/Library/Caches"
    else:
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "ekg"


def _key(size: int, layout: Layout) -> str:
    described = json.dumps([_FORMAT, matplotlib_version(), size, asdict(layout)], sort_keys=True)
    return hashlib.sha256(described.encode()).hexdigest()


def matplotlib_version() -> str:
    """Return matplotlib's version; its own small file says it sooner than its metadata."""
    package = importlib.util.find_spec("matplotlib")
    for folder in (package.submodule_search_locations or []) if package else []:
        with contextlib.suppress(OSError):
            text = (Path(folder) / "_version.py").read_text(encoding="utf-8")
            if found := re.search(r"""^(?:__)?version(?:__)? = ['"]([^'"]+)""", text, re.MULTILINE):
                return found[1]
    from importlib.metadata import version

    return version("matplotlib")


def write(layers: StaticLayers, path: Path, key: str) -> None:
    """Write the layers: checksum, key, the panels as JSON and the background, compressed."""
    panels = json.dumps([asdict(panel) for panel in layers.panels], default=lambda a: a.tolist())
    body = io.BytesIO()
    np.savez(body, panels=np.array(panels), background=layers.background)
    content = key.encode() + zlib.compress(body.getvalue(), 9)
    with atomic_path(path) as temporary:
        temporary.write_bytes(hashlib.sha256(content).digest() + content)


def _read(path: Path, key: str) -> StaticLayers | None:
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, content = content[:32], content[32:]
    if hashlib.sha256(content).digest() != digest or not content.startswith(key.encode()):
        return None
    with np.load(io.BytesIO(zlib.decompress(content[len(key) :])), allow_pickle=False) as body:
        panels = [_panel(panel) for panel in json.loads(str(body["panels"]))]
        return StaticLayers(body["background"], panels)


def _panel(fields: dict[str, Any]) -> Panel:
    top, bottom, left, right = fields["area"]
    trace, *border = (_stroke(stroke) for stroke in (fields["trace"], *fields["border"]))
    return Panel((top, bottom, left, right), trace, border)


def _stroke(fields: dict[str, Any]) -> Stroke:
    pen = fields["pen"]
    clip = None if pen["clip"] is None else tuple(pen["clip"])
    return Stroke(
        **fields
        | {
            "pen": Pen(**pen | {"clip": clip}),
            "vertices": np.array(fields["vertices"]),
            "affine": np.array(fields["affine"]),
        }
    )
