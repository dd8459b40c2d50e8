"""The pipeline's linear head, trained on vectors that are already there, for hundreds of trials on portraits.

The module `head` and the losses are the pipeline's own, the loop is not: it has no validation sitters, so that it ends
after a number of steps, and the vectors are centred and mirrored before they come.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.core.numbers import Singles
from pipeline.losses.infonce import InfoNCE
from pipeline.losses.triplet import Triplet
from pipeline.models.adaptations.head import LinearHead
from pipeline.params.losses.infonce import InfoNCEOptions
from pipeline.params.losses.triplet import TripletOptions
from pipeline.store.embeddings import normalise

Loss = Literal["infonce", "triplet"]
PULL: dict[Loss, float] = {"infonce": 0.1, "triplet": 0.01}
"""Weight of the squared distance from the identity, as the option `pull` of the adaptation `head` is."""
STEPS, LR = 200, 1e-3
SITTERS, IMAGES = 16, 3


def train(units: Singles, sitter: NDArray[np.integer], loss: Loss, seed: int) -> LinearHead:
    """Return a head that tells sitters apart, trained by Adam on batches of 16 sitters with up to 3 images each.

    Args:
        units: vectors of length 1, float32 [n, dim].
        sitter: of each, any numbers [n]; sitters of one image are left out.
        loss: with the pipeline's own options, but a triplet's margin of 0.2.
        seed: of the batches and of the triplets.
    """
    random = np.random.default_rng(seed)
    torch.manual_seed(seed)
    dim = units.shape[1]
    head, criterion = LinearHead(dim), _criterion(loss, dim)
    optimiser = torch.optim.Adam(head.parameters(), lr=LR)
    images, labels = torch.from_numpy(units), torch.from_numpy(sitter.astype(np.int64))
    groups = [group for s in np.unique(sitter) if len(group := np.flatnonzero(sitter == s)) > 1]
    for _ in range(STEPS):
        chosen = random.choice(len(groups), min(SITTERS, len(groups)), replace=False)
        batch = np.concatenate([random.permutation(groups[n])[:IMAGES] for n in chosen])
        found: Tensor = criterion(head(images[batch]), labels[batch])
        found = found + PULL[loss] * (head.delta.square().sum() + head.bias.square().sum())
        optimiser.zero_grad()
        found.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
    return head


def _criterion(loss: Loss, dim: int) -> nn.Module:
    if loss == "infonce":
        return InfoNCE(dim, 0, InfoNCEOptions())
    return Triplet(dim, 0, TripletOptions(margin=0.2))


@torch.no_grad()
def applied(head: LinearHead, units: Singles) -> Singles:
    """Return the head's vectors, brought to length 1."""
    return normalise(head(torch.from_numpy(units)).numpy())
