"""The bad-input campaign: what is read, how cases are made, and what counts as a finding."""
