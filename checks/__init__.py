"""Checks of what the repository promises, against the files available.

It may import every other package; none imports it.
"""
