"""Compiling the trained stages (`training.compile`): when it pays off, and what the machine must have for it."""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import sysconfig
from pathlib import Path
from typing import Literal

from pipeline.core.errors import SitterError

logger = logging.getLogger(__name__)

PAYS_FROM = 5_000
"""The number of steps from which on `compile: auto` compiles. On an H200, a step of IResNet-50 with 500 images takes
66 ms with compiling and 74 ms without in fp16, and 69 and 107 ms in bf16. So 5,000 steps save at least 40 seconds. The
first step takes longer instead; how long depends on the machine, and was not measured there."""


def compiles(wanted: bool | Literal["auto"], device: str, steps: int, say: bool = True) -> bool:
    """Decide whether to compile the trained stages.

    Args:
        wanted: `training.compile`. `auto` compiles on a GPU for at least `PAYS_FROM` steps, if the machine can do it.
        device: cpu or cuda.
        steps: the number of steps of the whole training; 0 if features are computed beforehand.
        say: whether to log the decision of `auto` on a GPU.

    Raises:
        SitterError: `wanted` is true, and the machine lacks something that torch.compile needs.
    """
    if wanted != "auto":
        if wanted:
            check_compiler(device)
        return wanted
    if device != "cuda" or steps < PAYS_FROM:
        return False
    line = f"compile: auto: the network is compiled for {steps:,} steps, so the first step takes longer."
    able = True
    try:
        check_compiler(device)
    except SitterError as error:
        able, line = False, f"compile: auto: the network is not compiled, so training is slower. {error}"
    if say:
        logger.info(line)
    return able


def check_compiler(device: str) -> None:
    """Check that torch.compile finds its tools, so that it does not fail in the first step.

    Args:
        device: cpu or cuda.

    Raises:
        SitterError: a tool that torch.compile needs is missing; the message names it.
    """
    missing = []
    variable, usual = ("CC", ("gcc", "clang")) if device == "cuda" else ("CXX", ("g++",))
    chosen = os.environ.get(variable)
    if not any(shutil.which(name) for name in ([chosen] if chosen else usual)):
        found = f"{variable} is {chosen!r}, which was not found" if chosen else f"no {' or '.join(usual)} was found"
        missing.append(f"a C{'' if device == 'cuda' else '++'} compiler ({found})")
    header = Path(sysconfig.get_path("include")) / "Python.h"
    if not header.is_file():
        missing.append(f"Python's headers ({header})")
    if device == "cuda" and importlib.util.find_spec("triton") is None:
        missing.append("the package triton")
    if missing:
        raise SitterError(
            f"training.compile needs {' and '.join(missing)}: install what is missing (Debian: apt install g++ "
            "python3-dev), or set compile: false; the results differ only by rounding and the draws of dropout."
        )
