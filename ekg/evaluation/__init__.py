"""Predictions, metrics, intervals, comparison, saliency."""
