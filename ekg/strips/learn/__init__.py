"""Training of the two networks that read pages, from simulated pages alone."""
