"""The networks and their weights."""

from typing import TYPE_CHECKING

from ekg.lazy import exports

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
__getattr__ = exports(
    __name__,
    {
        "EkgModel": "ekg_model",
        "build_network": "networks",
        "load_model": "loading",
        "load_weights": "weights",
        "network_names": "networks",
        "save_weights": "weights",
    },
)
