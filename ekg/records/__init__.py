"""What a recording is: records in millivolts, diagnoses, slices, and a simulator of records."""
