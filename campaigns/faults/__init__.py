"""The fault campaign: the stages of the road, disturbed in every way that a machine has."""
