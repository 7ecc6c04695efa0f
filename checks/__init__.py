"""Checks of what the repository promises, against the files available.

The rightmost room: it may look into every other one, and none looks into it.
"""
