"""Public data sets: the registry, downloads, other hospitals' diagnosis codes."""
