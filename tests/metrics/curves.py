"""Curves of a result by their kind."""

from __future__ import annotations

from typing import TypeVar

from pipeline.metrics.result import Result
from pipeline.store.curves import Curve

OneCurve = TypeVar("OneCurve", bound=Curve)


def curve(found: Result, kind: type[OneCurve]) -> OneCurve:
    """Return the only curve of a kind."""
    (one,) = [of_result for of_result in found.curves if isinstance(of_result, kind)]
    return one
