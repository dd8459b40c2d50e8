"""Options of the loss `supcon`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.base import LossOptions


class SupConOptions(LossOptions):
    """Supervised contrastive: −1/|P(a)| Σ_{p∈P(a)} log( e^{s(a,p)/τ} / Σ_{i≠a} e^{s(a,i)/τ} ), mean over samples a."""

    implementation: ClassVar[str] = "pipeline.losses.supcon:SupCon"
    kind: Literal["supcon"] = "supcon"
    temperature: Annotated[float, Field(gt=0)] = 0.1
    """τ of the formula."""
