"""The mean vector of the training faces, by the network that is kept."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from pipeline.core.progress import progress
from pipeline.models.backbone import Backbone
from pipeline.models.crops import add_crops
from pipeline.training.data import Faces
from pipeline.training.features import whole_network

if TYPE_CHECKING:
    from pipeline.params.recipe import Recipe

logger = logging.getLogger(__name__)


@torch.no_grad()
def mean_vector(recipe: Recipe, backbone: Backbone, faces: Faces, device: torch.device) -> Tensor:
    """Return the mean of the unit vectors of faces, float32 [dim] on the CPU.

    If the model also embeds mirrored faces, the mean includes them. The network gets the model's further crops first,
    since they change its vectors.

    Args:
        recipe: the recipe of the model.
        backbone: the network; it is left on the device, in evaluation mode.
        faces: the faces, one at least.
        device: the device to compute on.
    """
    add_crops(backbone, recipe.model.crops)
    ways = (False, True) if recipe.model.mirror else (False,)
    network, inputs = whole_network(backbone, faces, device, recipe.training.workers, len(ways) == 2)
    total, count = torch.zeros(backbone.dim, dtype=torch.float64, device=device), len(faces) * len(ways)
    with progress(range(0), f"mean of {recipe.name}", count, "face") as shown:
        for mirrored in ways:
            for pixels in inputs.in_order(mirrored):
                total += nn.functional.normalize(network(pixels).double()).sum(0)
                shown.update(len(pixels))
    mean = (total / count).float().cpu()
    logger.info(f"{recipe.name}: centred on the mean of training faces, a vector of length {float(mean.norm()):.2f}")
    return mean
