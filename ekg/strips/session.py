"""The networks that read pages, in onnxruntime."""

from __future__ import annotations

from pathlib import Path


def open_session(path: Path):  # type: ignore[no-untyped-def]  # onnxruntime has no types
    """Open a network with one thread: several pages are read by several processes."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
