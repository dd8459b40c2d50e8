"""Compiling the trained stages (`training.compile`): when it pays, and what it needs of the machine."""

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
"""Steps from which on `compile: auto` compiles. On an H200 a step of IResNet-50 with 500 images takes 66 ms compiled
and 74 ms as it is in fp16, 69 and 107 ms in bf16. So 5,000 steps save 40 seconds at least, against a wait at the first
step that depends on the machine and was not measured there."""


def compiles(wanted: bool | Literal["auto"], device: str, steps: int, say: bool = True) -> bool:
    """Decide whether to compile the trained stages.

    Args:
        wanted: `training.compile`. auto: on a GPU, for a training of at least `PAYS_FROM` steps, where the machine can.
        device: cpu or cuda.
        steps: of the whole training, through the network; 0 where its features are computed beforehand.
        say: whether to tell what `auto` decided on a GPU.

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
