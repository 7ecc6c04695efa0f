"""The last room: figures, tables and a report, made from saved results alone."""
