"""Subtract the mean of the training faces from a network's vectors, in a last stage for inference only."""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.models.backbone import Backbone


class Centre(nn.Module):
    """x → x / ‖x‖ − mean.

    Raw cosines of a network may all lie between 0.85 and 0.95, because its vectors share a large part that does not
    distinguish sitters. Without this part, the cosines spread out.
    """

    mean: Tensor

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, dim] to [B, dim]."""
        return nn.functional.normalize(x) - self.mean


def add_centre(backbone: Backbone, mean: Tensor) -> None:
    """Append the stage `centre`, with the mean unit vector, float32 [dim], of the training faces."""
    backbone.stages.add_module("centre", Centre(mean))
