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
    """URLs of one or several manifests, collections or `info.json`."""
    path: OwnPath | None = None
    """Such a file of your own, or a folder of them (`*.json`), instead of `url` or in addition to it."""
    columns: dict[str, str] = {}
    """Labels of the metadata, in any language, by Sitter's names of columns: `{sitter: Depicted, year: Vervaardigd}`.
    Without an entry for `sitter` all portraits are unidentified. `artist`, `title`, `year`, `medium`, `institution` and
    `inventory` are found by their usual labels."""
    language: str = "en"
    """Preferred language (a code of BCP 47); a text that lacks it is taken in its first language."""
    canvases: Literal["all", "first"] = "all"
    """`first`: only the first view of each manifest, where further views are backs, frames and details."""
    region: Literal["canvas", "full"] = "canvas"
    """`canvas`: the region of an image that its canvas shows; `full`: the whole image."""
    longer_side: Annotated[int, Field(ge=112, le=100_000)] = 2000
    """Length to ask for, in pixels. The image is smaller if the original is, or if the server allows less. A server
    with fixed sizes only sends the smallest one that is large enough."""

    @model_validator(mode="after")
    def _has_a_source(self) -> IIIFOptions:
        if not self.url and self.path is None:
            raise ValueError("needs a url or a path of a manifest, a collection or an info.json: add one")
        return self

    @property
    def urls(self) -> tuple[str, ...]:
        """All addresses of `url`."""
        return (self.url,) if isinstance(self.url, str) else self.url
