"""Options of the outside systems of kind `embeddings`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.outside_systems.base import OutsideOptions


class OutsideEmbeddingsOptions(OutsideOptions):
    """A system's vectors: CSV, Arrow, npz or npy with image_id and embedding (one column per value in a CSV).

    A row with 1 in the column `failed` means that the system could not process the image; its vector is not read.
    """

    implementation: ClassVar[str] = "pipeline.sources.outside.embeddings:EmbeddingsFile"
    kind: Literal["embeddings"] = "embeddings"
    columns: Annotated[
        str | None,
        Field(
            description="Prefix of the names of the vector's columns, before their numbers: `v` for v0, v1 … "
            "Needed only if several families of columns have numbers."
        ),
    ] = None
