"""Options of the outside systems of kind `embeddings`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.outside_systems.base import OutsideOptions


class OutsideEmbeddingsOptions(OutsideOptions):
    """A system's vectors: CSV, Arrow, npz or npy with image_id and embedding (in a CSV, a column a value).

    A column `failed` says by 1 of which images the system could make nothing: their vectors are not read.
    """

    implementation: ClassVar[str] = "pipeline.outside.embeddings:EmbeddingsFile"
    kind: Literal["embeddings"] = "embeddings"
    columns: Annotated[
        str | None,
        Field(
            description="What the names of the vector's columns begin with, before their numbers: `v` for v0, v1 … "
            "Needed only where several families of columns have numbers."
        ),
    ] = None
