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
    """As owner/name."""
    revision: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    """The commit, whole, since branches and tags move."""
    file: Annotated[str, Field(pattern=r"^[\w-][\w./-]*$")]
    """Path in the repository."""
    sha256: Sha256
    """Its checksum, as its page on the hub shows it."""
    beside: dict[Annotated[str, Field(pattern=r"^[\w-][\w./-]*$")], Sha256] = {}
    """Further files that belong to it, by their paths in the repository, each with its checksum: the
    `adapter_config.json` of a LoRA adapter."""
