"""Options of the loss `supcon`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.core.registry import Options


class SupConOptions(Options):
    """Supervised contrastive: −1/|P(a)| Σ_{p∈P(a)} log( e^{s(a,p)/τ} / Σ_{i≠a} e^{s(a,i)/τ} ), mean over samples a."""

    implementation: ClassVar[str] = "pipeline.losses.supcon:SupCon"
    kind: Literal["supcon"] = "supcon"
    temperature: Annotated[float, Field(gt=0)] = 0.1
    """τ of the formula."""
