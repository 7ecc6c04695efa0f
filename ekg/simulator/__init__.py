"""A simulator of labelled 12-lead recordings: a moving dipole, electrodes, noise, a device."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ekg.simulator.mix import diagnoses_of, record_name
    from ekg.simulator.simulator import EXTRA_FINDINGS, VERSION, simulate_record

__all__ = ["EXTRA_FINDINGS", "VERSION", "diagnoses_of", "record_name", "simulate_record"]
_MODULES = {
    "EXTRA_FINDINGS": "simulator",
    "VERSION": "simulator",
    "diagnoses_of": "mix",
    "record_name": "mix",
    "simulate_record": "simulator",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the command line starts at once."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
