"""The mean vector of the training faces, by a network as it is kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.core.progress import progress
from pipeline.fusions.fit_data import strangers_only
from pipeline.losses.samplers import Batch
from pipeline.models.backbone import Backbone
from pipeline.models.preprocess import Normalise, Preprocess
from pipeline.training.data import Faces
from pipeline.training.features import FACES_AT_ONCE, Inputs, PreparedFaces


@torch.no_grad()
def mean_vector(
    model: str,
    backbone: Backbone,
    faces: Faces,
    mirror: bool,
    tested: Mapping[str, Collection[str]],
    device: torch.device,
    workers: int,
) -> Tensor:
    """Mean of the unit vectors of training faces, float32 [dim] on the CPU; with `mirror`, of mirrored faces, too.

    Args:
        model: its name, for messages.
        backbone: on the device; left in evaluation mode.
        faces: of the train sitters.
        mirror: whether the model's vectors are those of a face and of its mirror image.
        tested: of each data set, the sitters who are tested in other data sets: they are left out.
        device: where the network runs.
        workers: processes that decode faces.

    Raises:
        SitterError: all of them are left out.
    """
    rows = strangers(model, faces, tested)
    if not len(rows):
        raise SitterError(
            f"models.{model}.centre: all train sitters of {', '.join(faces.datasets)} are tested in other data sets, "
            "and no face is left to take the mean of: set centre: false, or name other data sets in train_on."
        )
    network = nn.Sequential(Normalise(backbone).to(device), backbone).eval()
    inputs = Inputs(PreparedFaces(faces, Preprocess(backbone)), device, workers, mirror)
    total = torch.zeros(backbone.dim, dtype=torch.float64, device=device)
    ways = (False, True) if mirror else (False,)
    with progress(range(0), f"mean of {model}", len(rows) * len(ways), "face") as shown:
        for mirrored in ways:
            some = (rows[start : start + FACES_AT_ONCE] for start in range(0, len(rows), FACES_AT_ONCE))
            for pixels in inputs.batches([Batch(part, np.full(len(part), mirrored)) for part in some]):
                total += nn.functional.normalize(network(pixels).double()).sum(0)
                shown.update(len(pixels))
    return (total / (len(rows) * len(ways))).float().cpu()


def strangers(model: str, faces: Faces, tested: Mapping[str, Collection[str]]) -> NDArray[np.int64]:
    """Positions of the faces whose sitters are tested in no other data set."""
    keep: list[NDArray[np.int64]] = []
    for number, dataset in enumerate(faces.datasets):
        here = np.flatnonzero(faces.where[:, 0] == number)
        known = sorted({faces.names[label][1] for label in np.unique(faces.labels[here])})
        allowed = strangers_only({dataset: [("", sitter, "train") for sitter in known]}, tested, model)[dataset]
        names = {sitter for _, sitter, _ in allowed}
        own = np.array([name in names for _, name in faces.names])
        keep.append(here[own[faces.labels[here]]])
    return np.sort(np.concatenate(keep))
