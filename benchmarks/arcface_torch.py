"""InsightFace's training step and loader, rewritten from their source: the peer of `benchmarks.train_gpu`.

The source is github.com/deepinsight/insightface, recognition/arcface_torch: `train_v2.py` (commit 06961416),
`partial_fc_v2.py` (531cb1e6), `losses.py` (2e2e8c97), `dataset.py` and `backbones/iresnet.py` (04a433f1), configuration
`ms1mv3_r50.py` (5ef98047). It has SGD with momentum, ArcFace with s = 64 and m = 0.5 over all centres, fp16 by autocast
and a scaler in the network and in the logits, gradients clipped to a norm of 5, and reads the loss at each step. The
network is the same (convolutions in fp16, the last linear layer in float32, PyTorch's default layout of channels). As
in the source, it is wrapped in DistributedDataParallel and exchanges tensors between processes even if there is only
one. The source's loader decodes with mxnet, which can no longer be installed; here OpenCV decodes. The rest is the
same: Pillow, a mirror image with probability one half, float32 in the workers.
"""

from __future__ import annotations

import math
import queue
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from pipeline.formats.recordio import RecordFile
from pipeline.models.backbones.iresnet import IResNet
from pipeline.params.backbones.iresnet import IResNetOptions
from pipeline.sources.recordio import listed


class Network(nn.Module):
    """IResNet with the same parts in fp16 as in InsightFace."""

    def __init__(self, backbone: IResNet, fp16: bool) -> None:
        super().__init__()
        self.stages, self.fp16 = backbone.stages, fp16

    def forward(self, x: Tensor) -> Tensor:
        """Map float32 [B, 3, 112, 112] to float32 [B, D]."""
        tail: Any = self.stages[-1]
        with torch.autocast(x.device.type, torch.float16, enabled=self.fp16):
            x = tail.flat(tail.dropout(tail.bn2(self.stages[:-1](x))))
        features: Tensor = tail.features(tail.fc(x.float()))
        return features


class _SoftmaxLoss(torch.autograd.Function):
    """Cross-entropy with maximum, sum and own probability exchanged between processes; it overwrites the logits."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor, labels: Tensor) -> Tensor:
        highest = logits.max(dim=1, keepdim=True).values
        dist.all_reduce(highest, dist.ReduceOp.MAX)
        logits.sub_(highest).exp_()
        sums = logits.sum(dim=1, keepdim=True)
        dist.all_reduce(sums)
        logits.div_(sums)
        rows = torch.where(labels != -1)[0]
        own = torch.zeros(len(logits), 1, device=logits.device)
        own[rows] = logits[rows].gather(1, labels[rows])
        dist.all_reduce(own)
        ctx.save_for_backward(rows, logits, labels)
        return -own.clamp_min_(1e-30).log_().mean()

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        rows, logits, labels = ctx.saved_tensors
        one_hot = torch.zeros(len(rows), logits.shape[1], device=logits.device)
        one_hot.scatter_(1, labels[rows], 1)
        logits[rows] -= one_hot
        logits.div_(len(logits))
        return logits * gradient.item(), None


class _Gather(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, own: Tensor) -> Tensor:
        parts = [torch.zeros_like(own) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, own)
        return torch.cat(parts)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        parts = list(gradient.chunk(dist.get_world_size()))
        for rank, part in enumerate(parts):
            dist.reduce(part.contiguous(), rank)
        return parts[dist.get_rank()] * len(parts)


class PartialFC(nn.Module):
    """ArcFace's loss over all class centres (a sample rate of 1), computed on one process's share of them."""

    def __init__(self, dim: int, sitters: int, fp16: bool, scale: float = 64.0, margin: float = 0.5) -> None:
        super().__init__()
        self.fp16, self.scale, self.margin = fp16, scale, margin
        self.weight = nn.Parameter(torch.normal(0, 0.01, (sitters, dim)))

    def forward(self, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Return the loss of float [B, D] and int64 [B], a scalar."""
        gathered = [torch.zeros_like(labels) for _ in range(dist.get_world_size())]
        dist.all_gather(gathered, labels)
        labels, embeddings = torch.cat(gathered).view(-1, 1), _Gather.apply(embeddings)  # type: ignore[no-untyped-call]
        with torch.autocast(embeddings.device.type, torch.float16, enabled=self.fp16):
            logits = F.linear(F.normalize(embeddings), F.normalize(self.weight))
        logits = logits.float().clamp(-1, 1)
        rows = torch.where(labels != -1)[0]
        own = logits[rows, labels[rows].view(-1)]
        further = own * math.cos(self.margin) - (1 - own.square()).sqrt() * math.sin(self.margin)
        past_pi = own - math.sin(math.pi - self.margin) * self.margin
        further = torch.where(own > math.cos(math.pi - self.margin), further, past_pi)
        logits = logits.index_put((rows, labels[rows].view(-1)), further) * self.scale
        loss: Tensor = _SoftmaxLoss.apply(logits, labels)  # type: ignore[no-untyped-call]
        return loss


class ArcFaceTorch:
    """A training that runs step by step."""

    def __init__(
        self, depth: int, width: float, embedding: int, sitters: int, device: torch.device, fp16: bool
    ) -> None:
        if not dist.is_initialized():
            kind = "nccl" if device.type == "cuda" else "gloo"
            store = dist.HashStore()  # type: ignore[attr-defined]
            dist.init_process_group(kind, store=store, rank=0, world_size=1)
        network = Network(IResNet(IResNetOptions(depth=depth, width=width, embedding=embedding)), fp16).to(device)
        with warnings.catch_warnings(action="ignore"):  # warnings about renamed functions
            self.network = nn.parallel.DistributedDataParallel(
                network, broadcast_buffers=False, bucket_cap_mb=16, find_unused_parameters=True
            )
            self.network._set_static_graph()  # type: ignore[no-untyped-call]
        self.network.train()  # type: ignore[no-untyped-call]
        self.loss = PartialFC(embedding, sitters, fp16).to(device)
        groups = [{"params": list(self.network.parameters())}, {"params": list(self.loss.parameters())}]
        self.optimiser = torch.optim.SGD(groups, lr=0.02, momentum=0.9, weight_decay=5e-4)
        self.scaler = torch.amp.GradScaler(device.type, growth_interval=100, enabled=fp16)

    def step(self, images: Tensor, labels: Tensor) -> float:
        """Make a step on float32 [B, 3, 112, 112] and int64 [B], both on the device, and return the loss."""
        loss = self.loss(self.network(images), labels)
        shown = loss.clone()
        self.scaler.scale(loss).backward()
        self.scaler.unscale_(self.optimiser)
        nn.utils.clip_grad_norm_(self.network.parameters(), 5)
        self.scaler.step(self.optimiser)
        self.scaler.update()
        self.optimiser.zero_grad()
        return float(shown)


class Records(Dataset[tuple[Tensor, Tensor]]):
    """Images and labels of a RecordIO file, as in `MXFaceDataset`."""

    def __init__(self, rec: Path) -> None:
        import pipeline.core.torchvision_ops  # noqa: F401, I001
        from torchvision import transforms

        self.rec, index = rec, rec.with_suffix(".idx")
        self.file: RecordFile | None = None
        self.offsets = listed(RecordFile(rec), index if index.is_file() else None).offsets
        half = [0.5] * 3
        steps = [transforms.ToPILImage(), transforms.RandomHorizontalFlip(), transforms.ToTensor()]
        self.transform = transforms.Compose([*steps, transforms.Normalize(half, half)])

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, i: int) -> tuple[Tensor, Tensor]:
        self.file = self.file or RecordFile(self.rec)
        labels, content = self.file.record(int(self.offsets[i]))
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR_RGB)
        return self.transform(image), torch.tensor(labels[0], dtype=torch.long)


def loaded(rec: Path, batch: int, workers: int, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the batches of an epoch on the device: a thread fetches up to six in advance from the workers, and a CUDA
    stream of its own copies them (`DataLoaderX`)."""
    loader = DataLoader(
        Records(rec), batch, shuffle=True, num_workers=workers, pin_memory=device.type == "cuda", drop_last=True
    )
    ahead: queue.Queue[list[Tensor] | None] = queue.Queue(6)

    def fill() -> None:
        for tensors in loader:
            ahead.put(tensors)
        ahead.put(None)

    threading.Thread(target=fill, daemon=True).start()
    stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

    def preload() -> tuple[Tensor, Tensor] | None:
        tensors = ahead.get()
        if tensors is None:
            return None
        with torch.cuda.stream(stream):
            images, labels = (t.to(device, non_blocking=True) for t in tensors)
        return images, labels

    following = preload()
    while following is not None:
        if stream is not None:
            torch.cuda.current_stream().wait_stream(stream)
        now, following = following, None
        following = preload()
        yield now
