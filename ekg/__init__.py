"""EKG recordings drawn as images and read by a small convolutional network.

An independent implementation of Das, Epland, Yu and Suri, "Interpretation of EKG with Image
Recognition and Convolutional Neural Networks" (2023, doi 10.1016/j.cpcardiol.2023.101744).
Not for clinical use.

`ekg.load`, `ekg.read_record`, `ekg.read_strip`: see `ekg.api`.
"""

from typing import TYPE_CHECKING, Any

from ekg._version import __version__

if TYPE_CHECKING:
    from ekg.api import Prediction, Predictor, Record, load, read_record, read_strip

__all__ = ["Prediction", "Predictor", "Record", "__version__", "load", "read_record", "read_strip"]


def __getattr__(name: str) -> Any:
    """Load the interface when it is first used, so that light commands start at once."""
    if name in __all__:
        from ekg import api

        return getattr(api, name)
    raise AttributeError(f"module 'ekg' has no attribute {name!r}")
