"""ONNX Runtime sessions, by default on one thread: images go to several processes instead, which scales better."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipeline.errors import SitterError


def session(path: Path, threads: int = 1) -> Any:
    """An `onnxruntime.InferenceSession` on the CPU.

    Raises:
        SitterError: the file is no ONNX network.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes have no common public ancestor
        raise SitterError(f"{path} is no ONNX network that can be run: {error}") from None
