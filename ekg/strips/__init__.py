"""A printed page (PDF, scan, photograph) becomes a recording, or is refused with a reason."""
