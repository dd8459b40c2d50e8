"""The mean vector of the training faces, by the network that is kept."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.core.names import tested
from pipeline.core.progress import progress
from pipeline.losses.batches import Batch
from pipeline.models.backbone import Backbone
from pipeline.models.crops import add_crops
from pipeline.models.preprocess import Normalise, Preprocess
from pipeline.store.splits import TESTED, sitters_of
from pipeline.training.data import Faces
from pipeline.training.features import FACES_AT_ONCE, Inputs, PreparedFaces

if TYPE_CHECKING:
    from pipeline.params.recipe import Recipe

logger = logging.getLogger(__name__)


@torch.no_grad()
def mean_vector(recipe: Recipe, backbone: Backbone, faces: Faces, device: torch.device, at: Layout = HERE) -> Tensor:
    """Return the mean of the unit vectors of training faces, float32 [dim] on the CPU.

    Faces of sitters who are tested in other data sets are left out. If the model also embeds mirrored faces, the mean
    includes them. The network gets the model's further crops first, since they change its vectors.

    Args:
        recipe: the recipe of the model.
        backbone: the network; it is left on the device, in evaluation mode.
        faces: the faces of the train sitters.
        device: the device to compute on.
        at: the project with the splits, which say who is tested.

    Raises:
        SitterError: all faces are left out.
    """
    rows = strangers(recipe, faces, at)
    if not len(rows):
        raise SitterError(
            f"models.{recipe.name}.centre: all train sitters of {', '.join(faces.datasets)} are tested in other data "
            "sets, so no face is left for the mean: set centre: false, or name other data sets in train_on."
        )
    add_crops(backbone, recipe.model.crops)
    network = nn.Sequential(Normalise(backbone), backbone).to(device).eval()
    ways = (False, True) if recipe.model.mirror else (False,)
    inputs = Inputs(PreparedFaces(faces, Preprocess(backbone)), device, recipe.training.workers, len(ways) == 2)
    total = torch.zeros(backbone.dim, dtype=torch.float64, device=device)
    with progress(range(0), f"mean of {recipe.name}", len(rows) * len(ways), "face") as shown:
        for mirrored in ways:
            some = (rows[start : start + FACES_AT_ONCE] for start in range(0, len(rows), FACES_AT_ONCE))
            for pixels in inputs.batches([Batch(part, np.full(len(part), mirrored)) for part in some]):
                total += nn.functional.normalize(network(pixels).double()).sum(0)
                shown.update(len(pixels))
    mean = (total / (len(rows) * len(ways))).float().cpu()
    logger.info(f"{recipe.name}: centred on the mean of training faces, a vector of length {float(mean.norm()):.2f}")
    return mean


def strangers(recipe: Recipe, faces: Faces, at: Layout = HERE) -> NDArray[np.int64]:
    """Return the positions of the faces of sitters who are tested in no other data set."""
    keep: list[NDArray[np.int64]] = []
    for number, dataset in enumerate(faces.datasets):
        here = np.flatnonzero(faces.where[:, 0] == number)
        sitters = {faces.names[label][1] for label in np.unique(faces.labels[here])}
        elsewhere = (name for other in recipe.tested_in[dataset] for name in sitters_of(other, TESTED, at).values())
        left_out = tested(sitters, elsewhere, dataset, recipe.name)
        own = np.array([name not in left_out for _, name in faces.names])
        keep.append(here[own[faces.labels[here]]])
    return np.sort(np.concatenate(keep))
