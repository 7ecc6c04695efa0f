"""A simulator of labelled 12-lead recordings: a moving dipole, electrodes, noise, a device."""

from typing import TYPE_CHECKING

from ekg.lazy import exports

if TYPE_CHECKING:
    from ekg.simulator.mix import diagnoses_of, record_name
    from ekg.simulator.simulator import EXTRA_FINDINGS, VERSION, simulate_record

__all__ = ["EXTRA_FINDINGS", "VERSION", "diagnoses_of", "record_name", "simulate_record"]
__getattr__ = exports(
    __name__,
    {
        "EXTRA_FINDINGS": "simulator",
        "VERSION": "simulator",
        "diagnoses_of": "mix",
        "record_name": "mix",
        "simulate_record": "simulator",
    },
)
