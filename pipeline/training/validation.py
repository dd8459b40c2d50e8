"""How the epochs of a training are judged, on val sitters: by an equal error rate, or by the loss."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.core.numbers import rounded
from pipeline.losses.batches import Batch, Batches
from pipeline.losses.samplers import make_sampler
from pipeline.losses.sharded_centres import Centres
from pipeline.losses.within_process import tell_own
from pipeline.metrics.verification import eer, roc, tally
from pipeline.training.data import Faces
from pipeline.training.features import FACES_AT_ONCE, Inputs, unit_vectors
from pipeline.training.gather import gather
from pipeline.training.gradients import FullPrecision, seed
from pipeline.training.processes import Processes

if TYPE_CHECKING:
    from pipeline.params.train import Training

BATCH = 256
"""The number of faces of a process in a batch, if each face is measured by itself."""


def val_eer(embed: nn.Module, val: Inputs, epoch: int) -> float:
    """Return the equal error rate of the cosines of all pairs of val faces; NaN without genuine or impostor pairs.

    Args:
        embed: the network in evaluation mode, from inputs to vectors.
        val: the inputs of the val faces; if mirrored faces are wanted, a face's vector is the sum of both vectors.
        epoch: the number of the epoch, for the message.

    Raises:
        SitterError: a vector is not finite.
    """
    labels = val.dataset.faces.labels
    if not len(labels):
        return math.nan
    units = unit_vectors(embed, val)  # in double precision: single precision cannot tell cosines near 1 apart
    if not np.isfinite(units).all():
        raise SitterError(
            f"training diverged: after epoch {epoch}, vectors of val faces are not finite. "
            "Lower training.lr, set training.clip or use precision fp32."
        )
    pairs = np.triu(np.ones((len(labels), len(labels)), dtype=bool), 1)
    scores, same = rounded(units @ units.T)[pairs], (labels[:, None] == labels)[pairs]
    return eer(roc(tally(scores[same], scores[~same])))[0]


def lacking(labels: NDArray[np.int64]) -> str:
    """Return why the val faces have no equal error rate, from their sitters [n]; empty if they have one."""
    images = np.bincount(labels) if len(labels) else np.zeros(0, dtype=np.int64)
    sitters = int((images > 0).sum())
    if not sitters:
        return "there are no val sitters"
    if images.max() < 2:
        return f"the {sitters} val sitters have one image each, so there is no genuine pair"
    return "all val images are of one sitter, so there is no impostor pair" if sitters < 2 else ""


def judges_alone(loss: nn.Module) -> bool:
    """Whether a loss, or a part of a sum, has class centres, so that it needs no other face to measure a face."""
    return any(isinstance(module, Centres) for module in loss.modules())


class ValidationLoss:
    """The mean loss over val faces, with the network in evaluation mode and in full precision.

    A loss with class centres measures every face by itself, in the class of its training sitter. In a sum of losses
    with such a part, only the parts with class centres count, with their weights, as in the code of "ArcFace vs
    InfoNCE". Other losses measure batches of val faces, which are made like training batches and are the same after
    each epoch.
    """

    def __init__(self, loss: nn.Module, faces: Faces, sampler: Batches | None, processes: Processes, at: int) -> None:
        """Put the parts together.

        Args:
            loss: the loss of the training.
            faces: the val faces; if `sampler` is None, their sitters have the training sitters' numbers.
            sampler: makes batches of val faces, for a loss without class centres.
            processes: the processes that share each batch.
            at: the seed of the batches and of the loss's random draws.
        """
        self.whole, self.faces, self.sampler, self.processes, self.at = loss, faces, sampler, processes, at
        weighted = zip(getattr(loss, "weights", [1.0]), getattr(loss, "losses", [loss]), strict=True)
        self.parts = [(w, FullPrecision(part)) for w, part in weighted if sampler is not None or judges_alone(part)]

    @classmethod
    def of(
        cls,
        model: str,
        training: Training,
        loss: nn.Module,
        train: Faces,
        val: Faces,
        processes: Processes,
        at: int,
    ) -> ValidationLoss:
        """Choose the val faces that the loss of a training can measure, and how they are batched.

        Args:
            model: the name of the model, for messages.
            training: the settings.
            loss: the loss of the training.
            train: the faces of the train sitters.
            val: all faces of the val sitters.
            processes: the processes that share each batch.
            at: the seed of the batches and of the loss's random draws.

        Raises:
            SitterError: there are fewer faces than processes, or no batch can be made of them.
        """
        alone = judges_alone(loss)
        faces = val.known_to(train) if alone else val
        if len(faces) < processes.world:
            of = "val faces of training sitters" if alone else "val faces"
            raise SitterError(
                f"models.{model}: keep is val-loss, but {', '.join(training.train_on)} have {len(faces)} {of}. "
                + ("Split them by images (kind: images) with a share of val" if alone else "Give split.….val a share")
                + ", or set keep: val-eer, train-loss or last."
            )
        sampler = None if alone else make_sampler(training, faces.labels, processes.rank, processes.world)
        return cls(loss, faces, sampler, processes, at)

    @torch.no_grad()
    def __call__(self, embed: nn.Module, inputs: Inputs) -> float:
        """Return the mean loss over the faces; every process must call.

        Args:
            embed: the network in evaluation mode, from inputs to vectors.
            inputs: the inputs of the faces.
        """
        buffers = [(buffer, buffer.clone()) for buffer in self.whole.buffers()]  # running means belong to the training
        total, faces = 0.0, 0
        for number, (images, labels, owners) in enumerate(self._batches()):
            mine = owners == self.processes.rank
            with self.processes.together():
                x = torch.cat([embed(part).float() for part in _shares(inputs, images[mine])])
            places = torch.from_numpy(owners)
            if self.processes.world > 1:
                x = gather(x, places, self.processes.rank)
                tell_own(self.whole, torch.from_numpy(mine).to(x.device))
            seed(self.at, number)
            given = torch.from_numpy(labels).to(x.device)
            value = sum((w * part(x, given) for w, part in self.parts), start=x.new_zeros(()))
            total, faces = total + float(value) * len(images), faces + len(images)
        for buffer, before in buffers:
            buffer.copy_(before)
        return self.processes.from_first(lambda: total / faces)

    def _batches(self) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]]:
        """Yield images, sitters and owning processes of each batch, int64 [B] each."""
        labels, world = self.faces.labels, self.processes.world
        if self.sampler is None:
            for images in np.array_split(np.arange(len(labels)), max(1, len(labels) // (BATCH * world))):
                yield images, labels[images], np.arange(len(images)) * world // len(images)
        else:
            for position in range(len(self.sampler)):
                images = self.sampler.whole(self.at, 0, position).images
                yield images, labels[images], self.sampler.owners(self.at, 0, position)


def _shares(inputs: Inputs, images: NDArray[np.int64]) -> Iterator[Tensor]:
    """Return the inputs of some faces, in small batches."""
    parts = np.array_split(images, -(-len(images) // FACES_AT_ONCE))
    return inputs.batches([Batch(part, np.zeros(len(part), bool)) for part in parts])
