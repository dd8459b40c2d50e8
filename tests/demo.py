"""The demo study: the content of the project's params.yaml."""

from __future__ import annotations

import copy
from functools import cache
from pathlib import Path
from typing import Any

import yaml

PARAMS = Path(__file__).parents[1] / "params.yaml"


def demo() -> dict[str, Any]:
    """Return the content of params.yaml, as a copy that a test may change."""
    return copy.deepcopy(_read())


def data_only() -> dict[str, Any]:
    """Return the study without anything after the splits: no model, no fusion, no benchmark and no question."""
    raw = demo() | {"models": {}, "fuse": {}, "overlap": {}, "explain": None, "identify": {}}
    raw["embed"]["datasets"], raw["train"]["train_on"], raw["evaluate"] = [], [], {"benchmarks": {}}
    return raw


@cache
def _read() -> dict[str, Any]:
    raw: dict[str, Any] = yaml.safe_load(PARAMS.read_text(encoding="utf-8"))
    return raw
