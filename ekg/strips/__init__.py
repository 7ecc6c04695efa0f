"""A printed page (PDF, scan, photograph) becomes a recording, or is refused with a reason."""

from ekg.strips.intake import StripError
from ekg.strips.read import ReadOptions, read_pages, read_strip
from ekg.strips.reading import Reading

__all__ = ["ReadOptions", "Reading", "StripError", "read_pages", "read_strip"]
