"""A recording in millivolts: WFDB and the formats of other machines, diagnoses, quality, slices."""
