"""Mutation testing: change the code, see whether a test notices."""
