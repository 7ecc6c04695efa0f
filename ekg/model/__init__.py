"""The networks and their weights."""

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
