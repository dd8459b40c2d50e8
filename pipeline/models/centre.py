"""The mean of the training faces, subtracted from a network's vectors: its last stage, for inference only."""

from __future__ import annotations

from torch import Tensor, nn

from pipeline.models.backbone import Backbone


class Centre(nn.Module):
    """x → x / ‖x‖ − mean.

    Raw cosines of a network may all lie between 0.85 and 0.95, since its vectors share a large part that tells nobody
    from anybody. Without it, they spread out.
    """

    mean: Tensor

    def __init__(self, mean: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)

    def forward(self, x: Tensor) -> Tensor:
        """[B, dim] to [B, dim]."""
        return nn.functional.normalize(x) - self.mean


def add_centre(backbone: Backbone, mean: Tensor) -> None:
    """Append the stage `centre`, with the mean unit vector, float32 [dim], of the training faces."""
    backbone.stages.add_module("centre", Centre(mean))
