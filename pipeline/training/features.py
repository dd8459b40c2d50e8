"""The inputs of the trained part of a network, computed once for each face if memory allows.

The leading stages without anything trainable return the same features for a face in every epoch. These features are
kept, for the mirrored face too, and only the later stages run at each step: the whole network for `full` (then the
decoded faces themselves are kept), one linear layer for `head`, the late stages for LoRA on late stages.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, get_worker_info

from pipeline.core.progress import progress
from pipeline.losses.batches import Batch
from pipeline.models.backbone import Backbone, frozen_prefix
from pipeline.models.preprocess import Normalise, Preprocess
from pipeline.training.data import Faces
from pipeline.training.processes import Processes

if TYPE_CHECKING:
    from pipeline.training.augment import Augment

FACES_AT_ONCE = 64
ALONE = Processes()


class View(NamedTuple):
    """A face in a batch."""

    position: int
    mirrored: bool = False
    drawn: tuple[int, int] | None = None
    """Seed and epoch, on which the augmentation depends; None: the face is not augmented."""


class PreparedFaces(Dataset[Tensor]):
    """Faces in a network's template, uint8 [B, S, S, 3], RGB, one for each view. Workers make them from the files.

    They take a quarter of the bytes of the network's input; the network's device normalises them.
    """

    def __init__(self, faces: Faces, prepare: Preprocess, augment: Augment | None = None) -> None:
        self.faces, self.prepare, self.augment = faces, prepare, augment

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, views: Sequence[View]) -> Tensor:
        size, stored = self.prepare.template.size, self.prepare.as_stored
        batch = torch.empty(len(views), size, size, 3, dtype=torch.uint8)
        if get_worker_info():
            # Memory shared with the training process. Moved there after it is filled, the batch would be copied.
            batch.share_memory_()  # type: ignore[no-untyped-call]
        for pixels, (position, mirrored, drawn) in zip(batch.numpy(), views, strict=True):
            face = self.faces.crop(position) if stored else self.prepare.pixels(*self.faces.face(position))
            if mirrored:
                cv2.flip(face, 1, dst=pixels)
            else:
                pixels[...] = face
            if self.augment is not None and drawn is not None:
                pixels[...] = self.augment(pixels, *drawn, position)
        return batch


class Views:
    """The batches of an epoch in the form of a loader's sampler: a list of views for each batch, made when needed."""

    batches: Iterable[Batch] = ()
    drawn: tuple[int, int] | None = None

    def __iter__(self) -> Iterator[list[View]]:
        drawn = self.drawn
        for batch in self.batches:
            each = zip(batch.images.tolist(), batch.mirrored.tolist(), strict=True)
            yield [View(position, mirrored, drawn) for position, mirrored in each]


def ignore_signals(worker: int) -> None:
    """Make a worker ignore the signals that a cluster, or Ctrl-C, sends to all processes of a job.

    The training process answers them: it finishes its step, for which it needs the workers, and writes a checkpoint.
    """
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if cv2.getNumThreads() > 1:  # a new process, not a forked one
        cv2.setNumThreads(1)


@dataclass(frozen=True, eq=False)
class Inputs:
    """The inputs of the trained part of the network: kept features, or faces that are decoded for each batch."""

    dataset: PreparedFaces
    device: torch.device
    workers: int
    mirrored: bool
    """Whether the mirror images are wanted, too."""
    kept: Tensor | None = None
    """[n, 1 or 2, …]: the features of each face and, if wanted, of its mirror image; None: nothing is kept."""

    @cached_property
    def _loader(self) -> tuple[Views, DataLoader[Tensor]]:
        """The one loader of the whole training, so that its workers start once and not in every epoch."""
        if self.workers:
            # Workers have one core each. A forked worker inherits this number. Setting it in the worker can hang,
            # since OpenCV would join the threads of a pool that only this process has.
            cv2.setNumThreads(1)
        views = Views()
        loader = DataLoader(
            self.dataset,
            batch_size=None,  # an item is a batch
            sampler=cast(Any, views),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            worker_init_fn=ignore_signals,
            pin_memory=self.device.type == "cuda",  # so that it is copied while the GPU works
        )
        return views, loader

    def batches(self, batches: Iterable[Batch], drawn: tuple[int, int] | None = None) -> Iterator[Tensor]:
        """Yield the inputs of each batch, on the device: kept features, [B, …], or pixels, uint8 [B, S, S, 3].

        Args:
            batches: the faces of each batch.
            drawn: seed and epoch, on which the augmentation depends; None: faces are not augmented.
        """
        if self.kept is not None:
            for batch in batches:
                yield self.kept[batch.images, batch.mirrored.astype(np.int64)].to(self.device)
        else:
            views, loader = self._loader
            views.batches, views.drawn = batches, drawn
            for pixels in loader:
                yield pixels.to(self.device, non_blocking=True)

    def in_order(self, mirrored: bool = False, rank: int = 0, world: int = 1) -> Iterator[Tensor]:
        """Return the inputs of all faces, batch by batch, in order; one of several processes gets its share of batches.

        The share of a process is every `world`-th batch, from batch `rank` on.
        """
        n = len(self.dataset)
        starts = range(0, n, FACES_AT_ONCE)[rank::world]
        rows = [np.arange(start, min(start + FACES_AT_ONCE, n)) for start in starts]
        return self.batches([Batch(row, np.full(len(row), mirrored)) for row in rows])


def whole_network(
    backbone: Backbone, faces: Faces, device: torch.device, workers: int = 0, mirrored: bool = False
) -> tuple[nn.Sequential, Inputs]:
    """Return a network from pixels to vectors, in evaluation mode on a device, and its inputs for some faces."""
    network = nn.Sequential(Normalise(backbone), backbone).to(device).eval()
    return network, Inputs(PreparedFaces(faces, Preprocess(backbone)), device, workers, mirrored)


@torch.no_grad()
def unit_vectors(network: nn.Module, inputs: Inputs) -> NDArray[np.float64]:
    """Return the vector of each face, scaled to length 1, in double precision: float64 [n, dim].

    Args:
        network: the network in evaluation mode, from inputs to vectors.
        inputs: the inputs; if mirrored faces are wanted, a face's vector is the sum of both vectors.
    """
    ways = (False, True) if inputs.mirrored else (False,)
    vectors = sum(torch.cat([network(x).float() for x in inputs.in_order(way)]) for way in ways)
    assert isinstance(vectors, Tensor)
    units: NDArray[np.float64] = nn.functional.normalize(vectors.cpu().double()).numpy()
    return units


class Parts(NamedTuple):
    """The two parts of a network: features computed beforehand, and the stages that run in training."""

    trained: nn.Sequential
    """The stages that run in training; if nothing is kept, a layer that normalises pixels and all stages."""
    inputs: tuple[Inputs, ...]
    """The inputs of these stages for the train faces, then for the val faces."""
    kept: int
    """The number of stages that are computed beforehand."""
    first: Tensor | None
    """The output of the frozen stages for each training face, not mirrored and not augmented: float32 [n, …] on the
    CPU; None if it is not wanted."""


def split_network(
    backbone: Backbone,
    faces: Sequence[Faces],
    mirrored: Sequence[bool],
    device: torch.device,
    cache_gb: float,
    workers: int,
    check: Callable[[], None],
    processes: Processes = ALONE,
    augment: Augment | None = None,
    wants_first: bool = False,
) -> Parts:
    """Return the stages that run in training, and their inputs for the train and the val faces.

    Several processes share the computation, and each keeps all features, since its share of a batch is different each
    time. So a machine with four processes needs the memory four times.

    Args:
        backbone: the adapted network, on the device.
        faces: the training faces, then the faces of one or more validations.
        mirrored: for each of them, whether the mirror images are wanted.
        device: the device of the network.
        cache_gb: memory (on the CPU) for the features; if they need more, nothing is kept and all stages run.
        workers: the number of processes that decode faces if nothing is kept.
        check: a function that is called between batches; it may raise to stop (on all processes at once).
        processes: the processes that train together.
        augment: changes the training faces differently in each epoch, so that nothing can be kept.
        wants_first: compute the frozen stages' output for the training faces even if it is not kept.
    """
    prepare, normalise = Preprocess(backbone), Normalise(backbone).to(device)
    prefix = frozen_prefix(backbone)
    frozen = nn.Sequential(normalise, *list(backbone.stages)[:prefix]).eval()
    anew = [Inputs(PreparedFaces(f, prepare), device, workers, m) for f, m in zip(faces, mirrored, strict=True)]
    anew[0].dataset.augment = augment
    with torch.no_grad():
        with processes.together():
            one = frozen(anew[0].dataset[[View(0)]].to(device))
    needed = sum(len(f) * (2 if m else 1) for f, m in zip(faces, mirrored, strict=True)) * one.numel() * 4
    shape = tuple(one.shape[1:])
    if augment is not None or needed > cache_gb * 1e9:
        plain = replace(anew[0], mirrored=False)
        first = _features(frozen, plain, shape, "train", check, processes)[:, 0] if wants_first else None
        return Parts(nn.Sequential(normalise, *backbone.stages), tuple(anew), 0, first)
    kept = [
        replace(inputs, kept=_features(frozen, inputs, shape, what, check, processes))
        for inputs, what in zip(anew, ["train", *["val"] * len(anew[1:])], strict=True)
    ]
    trained, of_train = nn.Sequential(*list(backbone.stages)[prefix:]), kept[0].kept
    return Parts(trained, tuple(kept), prefix, of_train[:, 0] if wants_first and of_train is not None else None)


@torch.no_grad()
def _features(
    frozen: nn.Module,
    inputs: Inputs,
    shape: tuple[int, ...],
    what: str,
    check: Callable[[], None],
    processes: Processes,
) -> Tensor:
    """Return the features of all faces and, if wanted, of their mirror images: float32 [n, 1 or 2, …] on the CPU."""
    n, ways = len(inputs.dataset), 2 if inputs.mirrored else 1
    features = torch.empty(n, ways, *shape)
    with progress(range(0), f"features of {what} faces", n * ways, "face", processes.first) as shown:
        for way in range(ways):
            mine = inputs.in_order(bool(way), processes.rank, processes.world)
            for turn in range(0, n, FACES_AT_ONCE * processes.world):
                check()
                with processes.together():
                    images = next(mine, None)
                    own = None if images is None else frozen(images).float()
                for rank, start in enumerate(range(turn, n, FACES_AT_ONCE)[: processes.world]):
                    end = min(start + FACES_AT_ONCE, n)
                    features[start:end, way] = processes.from_rank(rank, own, (end - start, *shape)).cpu()
                    shown.update(end - start)
    return features
