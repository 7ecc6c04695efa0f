"""The folder of a run or a stored model: the name of every file in it."""

from __future__ import annotations

CONFIG_FILE = "config.toml"
ENVIRONMENT_FILE = "environment.json"
DATASET_FILE = "dataset.json"
"""What the run learned from; an image set's description has the same name."""
HISTORY_FILE = "train_results.csv"
CHECKPOINT_FILE = "checkpoint.pt"
WEIGHTS_FILE = "weights.safetensors"
FINISHED_FILE = "finished.json"
"""Written last: a run without it has not come to its end."""

METRICS_FILE = "metrics.json"
CALIBRATION_FILE = "calibration.json"
SALIENCY_FILE = "saliency.npz"
COMPARISON_FILE = "comparison.json"

ONNX_FILE = "model.onnx"
STORED_FILE = "stored.json"
"""Checksums of a stored model's other files."""
