"""Campaigns run by hand: fault injection, bad input, mutation testing."""
