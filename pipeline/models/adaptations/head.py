"""A linear head on the frozen network: the cheapest adaptation, because features are computed only once."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pipeline.models.adaptation import Adaptation
from pipeline.models.backbone import Backbone
from pipeline.params.adaptations.head import HeadOptions


class LinearHead(nn.Module):
    """x → (x − mean) + (x − mean) Δᵀ + b, the identity (up to the mean) while Δ and b are zero."""

    mean: Tensor

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.delta = nn.Parameter(torch.zeros(dim, dim))
        self.bias = nn.Parameter(torch.zeros(dim))
        self.register_buffer("mean", torch.zeros(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, dim] to [B, dim]."""
        x = x - self.mean
        return x + nn.functional.linear(x, self.delta, self.bias)


class Head(Adaptation):
    """A linear layer on the frozen network's vector, started at and pulled towards the identity."""

    def __init__(self, options: HeadOptions) -> None:
        self.pull = options.pull
        self.wants_features = options.centre

    def adapt(self, backbone: Backbone) -> None:
        """Freeze the network and append a stage `head`."""
        backbone.requires_grad_(False)
        backbone.stages.add_module("head", LinearHead(backbone.dim))

    def initialise(self, backbone: Backbone, features: Tensor) -> None:
        """Set the mean; `features` are the frozen network's vectors [n, dim]."""
        head = _head(backbone)
        head.mean.copy_(features.mean(0))

    def penalty(self, backbone: Backbone) -> Tensor:
        """Return pull · (‖Δ‖² + ‖b‖²)."""
        head = _head(backbone)
        return self.pull * (head.delta.square().sum() + head.bias.square().sum())


def _head(backbone: Backbone) -> LinearHead:
    head = backbone.stages[-1]
    assert isinstance(head, LinearHead)
    return head
