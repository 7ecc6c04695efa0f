"""A simulator of printed pages: images with the exact map, masks and signals of what they show."""

from ekg.strips.simulate.page import CLASSES, SimulatedPage, clean_image, simulate_page

__all__ = ["CLASSES", "SimulatedPage", "clean_image", "simulate_page"]
