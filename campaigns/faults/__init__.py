"""The fault campaign: every stage of the pipeline, disturbed in every way a machine can fail."""
