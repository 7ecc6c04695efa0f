"""Stored models and their cards."""
