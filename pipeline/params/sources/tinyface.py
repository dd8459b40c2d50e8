"""Options of the source `tinyface`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import SourceOptions


class TinyFaceOptions(SourceOptions):
    """TinyFace's test set as published: probes, the gallery of their mates, and distractors.

    The manifest's columns `probe` and `gallery` can be named under `templates` of `identification`; each distractor
    is a sitter of its own.
    """

    implementation: ClassVar[str] = "pipeline.sources.tinyface:fetch"
    kind: Literal["tinyface"] = "tinyface"
    path: OwnPath
    """The unpacked folder `tinyface`, or `Testing_Set` in it, which holds `Probe`, `Gallery_Match`,
    `Gallery_Distractor` and the two lists `….mat`."""
