"""Options of the source `lfw`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import SourceOptions


class LFWOptions(SourceOptions):
    """Labeled Faces in the Wild as published: the folders of images that its `pairs.txt` names."""

    implementation: ClassVar[str] = "pipeline.sources.lfw:fetch"
    kind: Literal["lfw"] = "lfw"
    path: OwnPath
    """The unpacked folder, which holds a folder for each person (`NAME/NAME_0001.jpg`)."""
    pairs: OwnPath
    """The list of pairs, `pairs.txt`."""
