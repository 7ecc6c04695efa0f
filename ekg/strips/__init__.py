"""A printed page (PDF, scan, photograph) becomes a recording, or is refused with a reason."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ekg.strips.intake import StripError
    from ekg.strips.read import ReadOptions, read_pages, read_strip
    from ekg.strips.reading import Reading

__all__ = ["ReadOptions", "Reading", "StripError", "read_pages", "read_strip"]
_MODULES = {
    "ReadOptions": "read",
    "Reading": "reading",
    "StripError": "intake",
    "read_pages": "read",
    "read_strip": "read",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the command line starts at once."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
