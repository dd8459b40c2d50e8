"""Options of the source `cfp`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import SourceOptions


class CFPOptions(SourceOptions):
    """Celebrities in Frontal-Profile as published: the images that one of its two protocols names."""

    implementation: ClassVar[str] = "pipeline.sources.cfp:fetch"
    kind: Literal["cfp"] = "cfp"
    path: OwnPath
    """The unpacked folder `cfp-dataset`, which holds the folders `Data` and `Protocol`."""
    protocol: Literal["FF", "FP"]
    """Frontal against frontal, or frontal against profile images."""
