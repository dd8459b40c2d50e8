"""Options of the source `hub`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.sources.base import Sha256, SourceOptions


class HubOptions(SourceOptions):
    """One file of weights from a repository of the Hugging Face hub, by commit and checksum."""

    implementation: ClassVar[str] = "pipeline.sources.hub:fetch"
    kind: Literal["hub"] = "hub"
    repo: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    """The repository, as owner/name."""
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    """The full commit hash, since branches and tags move."""
    file: Annotated[str, Field(pattern=r"^[\w-][\w./-]*$")]
    """Path of the file in the repository."""
    sha256: Sha256
    """Checksum of the file, as its page on the hub shows it."""
    beside: dict[Annotated[str, Field(pattern=r"^[\w-][\w./-]*$")], Sha256] = {}
    """Further files that the file needs, by their paths in the repository, with their checksums, such as the
    `adapter_config.json` of a LoRA adapter."""
