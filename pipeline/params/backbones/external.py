"""Options of the backbone `external`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.backbones.base import OutsideOptions


class ExternalVectorsOptions(OutsideOptions):
    """An outside system's vectors: CSV, Arrow, npz or npy with image_id and embedding (one column per value in a CSV).

    A 1 in a column `failed` means that the system could not process the image: its vector is not read.
    """

    implementation: ClassVar[str] = "pipeline.models.backbones.external:ExternalVectors"
    kind: Literal["external"] = "external"
    columns: Annotated[
        str | None,
        Field(
            description="How the names of the vector's columns begin, before their numbers: `v` for v0, v1 … "
            "Needed only where several families of columns have numbers."
        ),
    ] = None
