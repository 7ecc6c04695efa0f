"""Figures, tables and a report, made from saved results alone."""
