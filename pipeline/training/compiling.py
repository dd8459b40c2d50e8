"""Compiling the trained stages (`training.compile`), and what that needs of the machine."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sysconfig
from pathlib import Path

from pipeline.errors import SitterError


def check_compiler(device: str) -> None:
    """Refuse to begin what would fail in the first step.

    Args:
        device: cpu or cuda.

    Raises:
        SitterError: names what torch.compile wants and did not find.
    """
    missing = []
    variable, usual = ("CC", ("gcc", "clang")) if device == "cuda" else ("CXX", ("g++",))
    chosen = os.environ.get(variable)
    if not any(shutil.which(name) for name in ([chosen] if chosen else usual)):
        found = f"{variable} names {chosen!r}, which is none" if chosen else f"no {' and no '.join(usual)} is there"
        missing.append(f"a C{'' if device == 'cuda' else '++'} compiler ({found})")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        missing.append(f"Python's headers ({header})")
    if device == "cuda" and importlib.util.find_spec("triton") is None:
        missing.append("the package triton")
    if missing:
        raise SitterError(
            f"training.compile needs {' and '.join(missing)}: install that (Debian: apt install g++ python3-dev), "
            "or set compile: false, which gives the same but for rounding and the draws of dropout."
        )
