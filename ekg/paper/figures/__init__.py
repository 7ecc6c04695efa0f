"""The figures, one module a topic; every function returns a matplotlib `Figure`."""
