"""Options of the source `iiif`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from pipeline.core.own_files import OwnPath
from pipeline.params.sources.base import Fetched

Address = Annotated[str, Field(pattern=r"^https?://[^\s/]\S*$")]


class IIIFOptions(Fetched):
    """Images of IIIF manifests, collections (Presentation API 2 and 3) and image services (Image API 2 and 3)."""

    implementation: ClassVar[str] = "pipeline.sources.iiif:fetch"
    kind: Literal["iiif"] = "iiif"
    url: Address | tuple[Address, ...] = ()
    """One or several manifests, collections or `info.json`."""
    path: OwnPath | None = None
    """Such a file of your own, or a folder of them (`*.json`), in place of `url` or beside it."""
    columns: dict[str, str] = {}
    """Our names of columns by the labels of the metadata, in any language: `{sitter: Depicted, year: Vervaardigd}`.
    Without an entry for `sitter` all portraits are unidentified. `artist`, `title`, `year`, `medium`, `institution` and
    `inventory` are found by their usual labels."""
    language: str = "en"
    """Language of texts that have several (a code of BCP 47); where a text has it not, its first one is taken."""
    canvases: Literal["all", "first"] = "all"
    """`first`: the first view of each manifest only, where the further ones are backs, frames and details."""
    region: Literal["canvas", "full"] = "canvas"
    """`canvas`: the region of an image that its canvas shows; `full`: the whole image."""
    longer_side: Annotated[int, Field(ge=112, le=100_000)] = 2000
    """What to ask for, in pixels. The image comes smaller where it is, or where the server allows less; of a
    server that has certain sizes only, the least comes that is as large as this."""

    @model_validator(mode="after")
    def _has_a_source(self) -> IIIFOptions:
        if not self.url and self.path is None:
            raise ValueError("needs a url or a path of a manifest, a collection or an info.json: add one")
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses."""
        return (self.url,) if isinstance(self.url, str) else self.url
