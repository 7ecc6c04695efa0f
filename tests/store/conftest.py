"""Fixtures of the tests of stored models."""

from tests.evaluation.conftest import predictions, toy_images, toy_model

__all__ = ["predictions", "toy_images", "toy_model"]
