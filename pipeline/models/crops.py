"""Embed a face in several crops, closer and wider ones, and add their vectors; for inference only.

Faces in paintings are not found to the pixel, and a network's vector depends on the border of the crop. The sum over
several crops depends on it less.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from pipeline.models.backbone import Backbone


class CentralCrops(nn.Module):
    """Maps images [B, 3, S, S] to the images followed by their k central crops, [B·(1 + k), 3, S, S].

    A crop of 0.9 has nine tenths of the side, and is scaled to the size of the image by linear interpolation. For a
    crop above 1, the border is repeated. Rows and columns are interpolated by matrices, which is repeatable and can be
    exported to any format.
    """

    def __init__(self, sides: Sequence[float], size: int) -> None:
        super().__init__()
        self.count = len(sides)
        for n, side in enumerate(sides):
            self.register_buffer(f"side{n}", interpolation(side, size), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return all images, then all first crops, and so on."""
        maps = [getattr(self, f"side{n}") for n in range(self.count)]
        return torch.cat([x, *(rows @ x @ rows.T for rows in maps)])


def interpolation(side: float, size: int) -> Tensor:
    """Return the matrix, float32 [size, size], that scales the middle part of a line (a share `side`) to its length."""
    place = (side * (torch.arange(size) + 0.5 - size / 2) + size / 2 - 0.5).clamp(0, size - 1)
    near = place.floor().long().clamp(max=size - 2)
    part = (place - near)[:, None]
    identity = torch.eye(size)
    return (1 - part) * identity[near] + part * identity[near + 1]


class SumOfCrops(nn.Module):
    """Adds the vectors of an image and of its crops: [B·count, dim] to [B, dim]."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def forward(self, x: Tensor) -> Tensor:
        """Return the sums."""
        return x.view(self.count, -1, x.shape[1]).sum(0)


def add_crops(backbone: Backbone, sides: Sequence[float]) -> None:
    """Put the stages `crops` and `sum_of_crops` around the others; a backbone without crops stays as it is."""
    if sides:
        backbone.stages = nn.Sequential(
            OrderedDict(
                [
                    ("crops", CentralCrops(sides, backbone.template.size)),
                    *backbone.stages.named_children(),
                    ("sum_of_crops", SumOfCrops(1 + len(sides))),
                ]
            )
        )
