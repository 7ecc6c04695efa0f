"""Weights in and out of files, safely: no file can run code, none is left half-written."""

from __future__ import annotations

import hashlib
import json
import pickle
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from ekg.errors import ModelError
from ekg.files import DAMAGE, atomic_path
from ekg.model.model_files import SAFETENSORS_SUFFIX, decoded

_ZIP_SIGNATURE = b"PK\x03\x04"
_TORCH_SUFFIXES = (".model", ".pt", ".pth", ".bin", ".ckpt")
_CHECKSUM = "content_sha256"
_WRAPPERS = ("module.", "_orig_mod.", "network.")
"""Prefixes that DistributedDataParallel, torch.compile and EkgModel add to every name."""


def save_weights(
    path: str | Path, state_dict: Mapping[str, Tensor], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write a state dict to a `.safetensors` file, atomically.

    `metadata`: What to store beside them; values other than text are stored as JSON, None is left
    out. `EkgModel.metadata` has everything that `load_model` needs.
    """
    path = Path(path)
    if path.suffix != SAFETENSORS_SUFFIX:
        raise ModelError("weights are written as .safetensors", path=path, remedy="rename it")
    tensors = {
        _without_wrappers(name): tensor.detach().cpu().contiguous().clone()
        for name, tensor in state_dict.items()
    }
    text = {
        key: value if isinstance(value, str) else json.dumps(value)
        for key, value in sorted((metadata or {}).items())
        if value is not None
    }
    with atomic_path(path) as temporary:
        temporary.write_bytes(_with_sorted_header(safetensors.torch.save(tensors, text)))


def _with_sorted_header(content: bytes) -> bytes:
    """Put the metadata in order (the library writes it in a random one) and add a checksum.

    Equal weights then give equal files. The header is JSON, padded with spaces to a multiple
    of eight bytes, behind its length as a little-endian 64-bit number (safetensors format).
    """
    header, tensors = _parts(content)
    metadata = header.get("__metadata__", {}) | {_CHECKSUM: _checksum(header, tensors)}
    header["__metadata__"] = dict(sorted(metadata.items()))
    text = _json(header)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + tensors


def _parts(content: bytes) -> tuple[dict[str, Any], bytes]:
    (length,) = struct.unpack("<Q", content[:8])
    return json.loads(content[8 : 8 + length]), content[8 + length :]


def _json(content: Any) -> bytes:
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def _checksum(header: dict[str, Any], tensors: bytes) -> str:
    """Return the SHA-256 over header and tensors; the checksum itself is left out."""
    metadata = header.get("__metadata__", {})
    content = {
        **header,
        "__metadata__": {k: metadata[k] for k in sorted(metadata) if k != _CHECKSUM},
    }
    return hashlib.sha256(_json(content) + tensors).hexdigest()


def load_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a state dict and what is beside it, to the CPU."""
    path = Path(path)
    if not path.is_file():
        raise ModelError("weights file not found", path=path, remedy="check the path")
    suffix = path.suffix.lower()
    if suffix == SAFETENSORS_SUFFIX:
        state_dict, metadata = _load_safetensors(path)
    elif suffix in _TORCH_SUFFIXES:
        state_dict, metadata = _load_torch(path), {}
    else:
        raise ModelError(
            f"ending {path.suffix or '(none)'!r} is not that of a weights file",
            path=path,
            remedy=f"use {SAFETENSORS_SUFFIX} or one of {', '.join(_TORCH_SUFFIXES)}",
        )
    for name, tensor in state_dict.items():
        if tensor.is_floating_point() and not bool(torch.isfinite(tensor).all()):
            raise ModelError(
                f"tensor {name} has values that are not numbers",
                path=path,
                remedy="use weights from before training diverged",
            )
    return state_dict, metadata


def _load_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    content = path.read_bytes()  # says better than the library why a file cannot be read
    try:
        with safetensors.safe_open(path, framework="pt", device="cpu") as file:
            text = dict(file.metadata() or {})
            checksum = text.pop(_CHECKSUM, None)
            metadata = {key: decoded(value) for key, value in text.items()}
            names = list(file.keys())
            tensors = {_without_wrappers(name): file.get_tensor(name) for name in names}
    except safetensors.SafetensorError as error:
        raise ModelError(
            f"is not a complete safetensors file ({error})", path=path, remedy="fetch it again"
        ) from None
    if checksum is not None and checksum != _checksum(*_parts(content)):
        raise ModelError(
            f"is corrupt: its content does not match its `{_CHECKSUM}`",
            path=path,
            remedy="fetch it again, or train it again",
        )
    return tensors, metadata


def archive_is_whole(path: Path) -> bool:
    """Return whether every part of a torch file has its checksum, which torch itself does not ask.

    Files of the old form, before torch wrote zip archives, have no checksums and count as whole.
    """
    with open(path, "rb") as stream:
        if stream.read(4) != _ZIP_SIGNATURE:
            return True
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            # torch compresses nothing. Members that are compressed, or that overlap, could
            # be far more than the file is.
            stored = all(member.compress_type == zipfile.ZIP_STORED for member in members)
            most = path.stat().st_size
            if not stored or sum(member.file_size for member in members) > most:
                return False
            return archive.testzip() is None
    except (OSError, *DAMAGE):
        return False


def _load_torch(path: Path) -> dict[str, Tensor]:
    try:
        if not archive_is_whole(path):
            raise _damaged(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "unsupported" in str(error).lower():
            raise ModelError(
                "refused: it contains more than tensors, and reading it could run code",
                path=path,
                remedy="ask its author for the state dict alone, as .safetensors",
            ) from None
        raise _damaged(path) from None
    except DAMAGE:
        raise _damaged(path) from None
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise ModelError(
            "is not a state dict (names and tensors)",
            path=path,
            remedy="give the weights file of a run or of a stored model",
        )
    return {_without_wrappers(name): value for name, value in content.items()}


def _damaged(path: Path) -> ModelError:
    return ModelError(
        "is not a complete torch file: truncated or corrupt", path=path, remedy="fetch it again"
    )


def _without_wrappers(name: str) -> str:
    for wrapper in _WRAPPERS:
        name = name.removeprefix(wrapper)
    return name


def fill_network(
    network: nn.Module, state_dict: Mapping[str, Tensor], *, path: str | Path, name: str
) -> None:
    """Put weights into a network in which every name and shape fits."""
    difference = differences(network, state_dict)
    if difference:
        raise another_network(difference, path=path, name=name)
    network.load_state_dict(dict(state_dict))


def another_network(difference: str, *, path: str | Path, name: str) -> ModelError:
    """Return the error for weights that do not fit the network `name`."""
    return ModelError(
        f"weights of another network than {name}: {difference}",
        path=path,
        remedy="use weights that were trained with this network and number of classes",
    )


def differences(network: nn.Module, state_dict: Mapping[str, Tensor]) -> str:
    """Say in what a state dict differs from a network's; empty when it fits."""
    wanted = network.state_dict()
    missing = [name for name in wanted if name not in state_dict]
    extra = [name for name in state_dict if name not in wanted]
    misshapen = [
        name
        for name in wanted
        if name in state_dict and wanted[name].shape != state_dict[name].shape
    ]
    parts = []
    if missing:
        parts.append(f"{len(missing)} of {len(wanted)} tensors missing (first {missing[0]})")
    if extra:
        parts.append(f"{len(extra)} unknown (first {extra[0]})")
    if misshapen:
        first = misshapen[0]
        parts.append(
            f"{len(misshapen)} of another shape (first {first}: {tuple(state_dict[first].shape)} "
            f"in the file, {tuple(wanted[first].shape)} in the network)"
        )
    return ", ".join(parts)
