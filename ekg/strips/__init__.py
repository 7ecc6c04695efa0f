"""A printed page (PDF, scan, photograph) becomes a recording, or is refused with a reason."""

from typing import TYPE_CHECKING

from ekg.lazy import exports

if TYPE_CHECKING:
    from ekg.strips.intake import StripError
    from ekg.strips.read import ReadOptions, read_pages, read_strip
    from ekg.strips.reading import Reading

__all__ = ["ReadOptions", "Reading", "StripError", "read_pages", "read_strip"]
__getattr__ = exports(
    __name__,
    {
        "ReadOptions": "read",
        "Reading": "reading",
        "StripError": "intake",
        "read_pages": "read",
        "read_strip": "read",
    },
)
