"""Options of the sources: where images and weights come from; one kind in each module."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from pipeline.core.registry import by_kind
from pipeline.params.sources.archive import ArchiveOptions
from pipeline.params.sources.catalogue import CatalogueOptions
from pipeline.params.sources.cfp import CFPOptions
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.folder import FolderOptions
from pipeline.params.sources.hub import HubOptions
from pipeline.params.sources.iiif import IIIFOptions
from pipeline.params.sources.ijb import IJBOptions
from pipeline.params.sources.lfw import LFWOptions
from pipeline.params.sources.manifest import ManifestOptions
from pipeline.params.sources.package import PackageOptions
from pipeline.params.sources.recordio import RecordIOOptions
from pipeline.params.sources.tinyface import TinyFaceOptions
from pipeline.params.sources.verification_bin import VerificationBinOptions

Source = Annotated[
    PackageOptions
    | FolderOptions
    | FileOptions
    | HubOptions
    | CatalogueOptions
    | ArchiveOptions
    | ManifestOptions
    | IIIFOptions
    | RecordIOOptions
    | VerificationBinOptions
    | LFWOptions
    | CFPOptions
    | IJBOptions
    | TinyFaceOptions,
    Field(discriminator="kind"),
]
SOURCES = by_kind(Source)
"""The option classes of the sources, by kind."""
