"""The size of a part of a data set, as several records give it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SubsetSize:
    """Numbers of images and of the sitters whom they show."""

    images: int
    sitters: int
