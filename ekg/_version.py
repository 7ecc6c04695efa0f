"""The version, apart from everything that may need it."""

__version__ = "0.1.0"
