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
    """Number of faces in a batch."""
    precision: Literal["auto", "fp32", "fp16", "bf16"] = "auto"
    """Precision of the networks on a GPU. auto: fp16 or bf16 if, in the first batch, the vectors keep a cosine of
    0.9999 with the vectors in fp32, also after their mean was subtracted; else fp32. On a CPU it is always fp32."""
