"""ONNX Runtime sessions, by default on one thread: spreading images over several processes scales better."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.core.file_types import instead
from pipeline.formats.companions import check_companions


def session(path: Path, threads: int = 1) -> Any:
    """Open a network as an `onnxruntime.InferenceSession` on the CPU.

    Raises:
        SitterError: the file is no ONNX network that can be run, or lacks its external data.
    """
    import onnxruntime

    check_companions(path)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own classes have no common public ancestor
        raise SitterError(f"{path} is no ONNX network that can be run: {instead(path) or reason(error)}.") from None


def tried(found: Any, path: Path, inputs: Mapping[str, Any], outputs: Sequence[str] | None = None) -> list[Any]:
    """Run a network for the first time, on inputs that may not suit it.

    Raises:
        SitterError: the network cannot be run on them.
    """
    try:
        results: list[Any] = found.run(outputs, dict(inputs))
    except Exception as error:
        shapes = ", ".join(f"{name} {list(value.shape)} {value.dtype}" for name, value in inputs.items())
        raise SitterError(f"{path} cannot be run on {shapes}: {reason(error)}.") from None
    return results


def reason(error: Exception) -> str:
    """Return the first line of what ONNX Runtime says, without its codes, and what to do where that is known."""
    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    said = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : (Load model from .*? failed:)?", "", said)
    said = re.sub(r"^\S+\.(cc|cpp|h):\d+ (.*\) )?", "", said).rstrip(". ")[:300]  # the place in its code
    lower = said.lower()
    if "ir version" in lower or "opset" in lower:
        return f"{said}. It was made for a newer ONNX Runtime: export it with a lower opset"
    if "protobuf parsing failed" in lower or "invalidprotobuf" in lower:
        return f"{said}. It is no ONNX file, or was cut off: fetch it again"
    return said
