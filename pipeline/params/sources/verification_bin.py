"""Options of the source `verification-bin`."""

from __future__ import annotations

from typing import ClassVar, Literal

from pipeline.params.sources.base import OwnFile, Sha256


class VerificationBinOptions(OwnFile):
    """A verification set with its pairs, as InsightFace ships them: `lfw.bin` and the like."""

    implementation: ClassVar[str] = "pipeline.sources.verification_bin:fetch"
    kind: Literal["verification-bin"] = "verification-bin"
    sha256: Sha256 | None = None
    """Checksum of the file; copies of one set differ between packages, and so do results on them."""
