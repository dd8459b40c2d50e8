"""Options of the loss `infonce`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.losses.base import LossOptions


class InfoNCEOptions(LossOptions):
    """InfoNCE: −log( e^{s(a,p)/τ} / (e^{s(a,p)/τ} + Σ_n e^{s(a,n)/τ}) ), mean over the samples a of the batch."""

    implementation: ClassVar[str] = "pipeline.losses.infonce:InfoNCE"
    kind: Literal["infonce"] = "infonce"
    temperature: Annotated[float, Field(gt=0)] = 0.07
    """τ of the formula."""
    symmetric: bool = True
    """Take the positive for an anchor, too."""
    negatives: Literal["all", "process"] = "all"
    """With several processes: compare with the samples of all, or only with the samples of the same process."""

    @property
    def is_per_process(self) -> bool:
        """Whether samples are compared with those of the same process only."""
        return self.negatives == "process"
