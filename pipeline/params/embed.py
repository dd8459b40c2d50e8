"""Section `embed`: which data sets are turned into vectors, and how."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from pipeline.core.registry import Strict


class Embed(Strict):
    """Embedding extraction."""

    datasets: tuple[str, ...]
    """Data sets that every model and fusion embeds."""
    batch: Annotated[int, Field(ge=1)] = 64
    """Faces that go through the network at once."""
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    """In which networks compute on a GPU. auto: fp16 or bf16 where the vectors of the first batch keep a cosine of
    0.9999 with those in fp32, also after their mean was subtracted; else fp32. On a CPU always fp32."""
