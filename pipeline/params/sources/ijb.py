"""Options of the source `ijb`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import SourceOptions


class IJBOptions(SourceOptions):
    """IJB-B or IJB-C, as NIST publishes it or as InsightFace's crops: images with their templates and media.

    The manifest's columns `template`, `medium` and `gallery`, and one for each list of the 1:N protocol (`gallery_g1`,
    `probe_mixed`, …), can be named under `templates` of a benchmark.
    """

    implementation: ClassVar[str] = "pipeline.sources.ijb:fetch"
    kind: Literal["ijb"] = "ijb"
    path: OwnPath
    """The unpacked folder: NIST's, with `protocols` and `images` in it, or InsightFace's, with `meta` and
    `loose_crop`."""
    margin: Annotated[float, Field(ge=0, le=2)] = 0.3
    """The listed face is cut out of NIST's images, which may show several people, with this share of its box added on
    each side."""
