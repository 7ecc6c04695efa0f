"""A simulator of printed pages: images with the exact map, masks and signals of what they show."""

from typing import TYPE_CHECKING

from ekg.lazy import exports

if TYPE_CHECKING:
    from ekg.strips.simulate.page import CLASSES, SimulatedPage, clean_image, simulate_page

__all__ = ["CLASSES", "SimulatedPage", "clean_image", "simulate_page"]
__getattr__ = exports(
    __name__,
    {
        "CLASSES": "page",
        "SimulatedPage": "page",
        "clean_image": "page",
        "simulate_page": "page",
    },
)
