"""Options of the source `recordio`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.sources.base import OwnFile


class RecordIOOptions(OwnFile):
    """A training set as InsightFace ships it: `train.rec`, beside it `train.idx` and `property`, if there."""

    implementation: ClassVar[str] = "pipeline.sources.recordio:fetch"
    kind: Literal["recordio"] = "recordio"
    url: str | None = None
    """URL of the file; needs `sha256`. The index is rebuilt."""
    label: Annotated[int, Field(ge=0)] = 0
    """Index, from 0, of the record's label that is the sitter."""
