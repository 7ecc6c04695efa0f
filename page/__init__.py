"""The page that reads an EKG in the browser: building it, and serving it to one's own machine."""

from ekg.errors import EkgError


class PageError(EkgError):
    """A page that cannot be built or served."""
