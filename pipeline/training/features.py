"""What the trained part of a network takes of each face, computed once where memory allows.

The longest run of leading stages without anything trainable gives the same for a face in every epoch. Its output is
kept, for the mirrored face too, and only the stages behind it run at each step: the whole network for `full` (what is
kept is then the decoded face itself), one linear layer for `head`, the late stages for LoRA on late stages.
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
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, get_worker_info

from pipeline.core.progress import progress
from pipeline.losses.samplers import Batch
from pipeline.models.backbone import Backbone, frozen_prefix
from pipeline.models.preprocess import Normalise, Preprocess
from pipeline.training.data import Faces
from pipeline.training.processes import Processes

if TYPE_CHECKING:
    from pipeline.training.augment import Augment

FACES_AT_ONCE = 64
ALONE = Processes()


class View(NamedTuple):
    """A face as a batch has it."""

    position: int
    mirrored: bool = False
    epoch: int | None = None
    """In which it is learned from; None: it is wanted as it is."""


class PreparedFaces(Dataset[Tensor]):
    """Faces in a network's template, uint8 [B, S, S, 3], RGB, one for each view: what workers make of files.

    A quarter of the bytes of what the network takes; it is normalised on its own device.
    """

    def __init__(self, faces: Faces, prepare: Preprocess, augment: Augment | None = None) -> None:
        self.faces, self.prepare, self.augment = faces, prepare, augment

    def __len__(self) -> int:
        return len(self.faces)

    def __getitem__(self, views: Sequence[View]) -> Tensor:
        size, stored = self.prepare.template.size, self.prepare.as_stored
        batch = torch.empty(len(views), size, size, 3, dtype=torch.uint8)
        if get_worker_info():
            # With the training, before it is filled: after, it would be copied there.
            batch.share_memory_()  # type: ignore[no-untyped-call]
        for pixels, (position, mirrored, epoch) in zip(batch.numpy(), views, strict=True):
            face = self.faces.crop(position) if stored else self.prepare.pixels(*self.faces.face(position))
            if mirrored:
                cv2.flip(face, 1, dst=pixels)
            else:
                pixels[...] = face
            if self.augment is not None and epoch is not None:
                pixels[...] = self.augment(pixels, position, epoch)
        return batch


class Views:
    """The batches of an epoch as a loader wants them: a view of each face, made as they are asked for."""

    batches: Iterable[Batch] = ()
    epoch: int | None = None

    def __iter__(self) -> Iterator[list[View]]:
        epoch = self.epoch
        for batch in self.batches:
            each = zip(batch.images.tolist(), batch.mirrored.tolist(), strict=True)
            yield [View(position, mirrored, epoch) for position, mirrored in each]


def ignore_signals(worker: int) -> None:
    """Let a worker outlive the signals that a cluster, or Ctrl-C, sends to all processes of a job.

    The training itself answers them: it makes the step that it is at, which needs the workers, and a checkpoint.
    """
    for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if cv2.getNumThreads() > 1:  # a process that was started anew, not forked
        cv2.setNumThreads(1)


@dataclass(frozen=True, eq=False)
class Inputs:
    """What the trained part of the network takes: kept features, or faces decoded anew for each batch."""

    dataset: PreparedFaces
    device: torch.device
    workers: int
    mirrored: bool
    """Whether the mirror images are wanted, too."""
    kept: Tensor | None = None
    """[n, 1 or 2, …]: of each face, and of its mirror image."""

    @cached_property
    def _loader(self) -> tuple[Views, DataLoader[Tensor]]:
        """One for the whole training: its workers start once, not in every epoch."""
        if self.workers:
            # Workers have one core each. A forked one inherits the number. To set it there can wait for ever, since
            # OpenCV would join the threads of a pool that only this process has.
            cv2.setNumThreads(1)
        views = Views()
        loader = DataLoader(
            self.dataset,
            batch_size=None,  # an item is a batch
            sampler=cast(Any, views),
            num_workers=self.workers,
            persistent_workers=self.workers > 0,
            worker_init_fn=ignore_signals,
            pin_memory=self.device.type == "cuda",  # from where it is copied while the GPU is at work
        )
        return views, loader

    def batches(self, batches: Iterable[Batch], epoch: int | None = None) -> Iterator[Tensor]:
        """Inputs of each batch, on the device: what is kept, [B, …], else pixels, uint8 [B, S, S, 3].

        Args:
            batches: which faces.
            epoch: in which they are learned from, and augmented where the training says so; None: as they are.
        """
        if self.kept is not None:
            for batch in batches:
                yield self.kept[batch.images, batch.mirrored.astype(np.int64)].to(self.device)
        else:
            views, loader = self._loader
            views.batches, views.epoch = batches, epoch
            for pixels in loader:
                yield pixels.to(self.device, non_blocking=True)

    def in_order(self, mirrored: bool = False, rank: int = 0, world: int = 1) -> Iterator[Tensor]:
        """Inputs of all faces, some at once, in their order; for one of several processes, every `world`-th of them."""
        n = len(self.dataset)
        starts = range(0, n, FACES_AT_ONCE)[rank::world]
        rows = [np.arange(start, min(start + FACES_AT_ONCE, n)) for start in starts]
        return self.batches([Batch(row, np.full(len(row), mirrored)) for row in rows])


class Parts(NamedTuple):
    """A network in two: what is computed beforehand, and what is trained."""

    trained: nn.Sequential
    """The stages that are trained; where nothing is kept, all stages, behind one that normalises pixels."""
    inputs: tuple[Inputs, ...]
    """What they take of the train and of the val faces."""
    kept: int
    """How many stages are computed beforehand."""
    first: Tensor | None
    """What the frozen prefix makes of each training face as it is, float32 [n, …] on the CPU, where it is wanted."""


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
    """Return the stages that are trained, and what they take of the train and of the val faces.

    Several processes share the computation out and each keeps all of it, since its share of a batch is another each
    time: a machine with four of them needs the memory four times.

    Args:
        backbone: adapted, on the device.
        faces: of training, then those of one or more validations.
        mirrored: whether the mirror images of each are wanted.
        device: that the network is on.
        cache_gb: memory (on the CPU) for what is kept; if it needs more, nothing is kept and all stages are run.
        workers: processes that decode faces where nothing is kept.
        check: called between batches; may raise to stop (on all processes at once).
        processes: that do the same.
        augment: changes the training faces anew in each epoch, so that nothing can be kept.
        wants_first: compute what the frozen prefix makes of the training faces even if it is not kept.
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
    """float32 [n, 1 or 2, …] on the CPU."""
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
