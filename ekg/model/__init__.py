"""The networks and their weights."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ekg.model.ekg_model import EkgModel
    from ekg.model.loading import load_model
    from ekg.model.networks import build_network, network_names
    from ekg.model.weights import load_weights, save_weights

__all__ = [
    "EkgModel",
    "build_network",
    "load_model",
    "load_weights",
    "network_names",
    "save_weights",
]
_MODULES = {
    "EkgModel": "ekg_model",
    "build_network": "networks",
    "load_model": "loading",
    "load_weights": "weights",
    "network_names": "networks",
    "save_weights": "weights",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the ONNX engine needs no torch."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
