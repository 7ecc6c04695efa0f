"""A model trained further on a hospital's own recordings, with cross-validation."""
