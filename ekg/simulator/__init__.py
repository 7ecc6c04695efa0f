"""A simulator of labelled 12-lead recordings: a moving dipole, electrodes, noise, a device."""

from ekg.simulator.mix import diagnoses_of, record_name
from ekg.simulator.simulator import EXTRA_FINDINGS, VERSION, simulate_record

__all__ = ["EXTRA_FINDINGS", "VERSION", "diagnoses_of", "record_name", "simulate_record"]
