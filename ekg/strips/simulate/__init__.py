"""A simulator of printed pages: images with the exact map, masks and signals of what they show."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ekg.strips.simulate.page import CLASSES, SimulatedPage, clean_image, simulate_page

__all__ = ["CLASSES", "SimulatedPage", "clean_image", "simulate_page"]
_MODULES = {
    "CLASSES": "page",
    "SimulatedPage": "page",
    "clean_image": "page",
    "simulate_page": "page",
}


def __getattr__(name: str) -> Any:
    """Import what is asked for when it is asked for: the command line starts at once."""
    if name in _MODULES:
        return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
