"""Estimates what a study takes in disk, memory and hours of GPUs or cores, from the sizes of its data and networks.

Nothing is measured here. The time is images × passes × FLOPs per face, divided by an assumed rate.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.params.adaptations.base import HasRoles
from pipeline.plan.networks import NetworkCost, network_of
from pipeline.plan.sizes import DataSize, sizes, train_share

if TYPE_CHECKING:
    from pipeline.core.layout import Layout
    from pipeline.params import Study
    from pipeline.params.train import Model, Training

GPU_RATE = {"fp16": 200e12, "bf16": 200e12, "fp32": 40e12}
"""FLOPs per second of an H100 or H200. Half precision as measured: IResNet-50, batch 256, 5,340 images/s, 20 % of the
peak. Full precision is assumed at 60 % of the peak."""
CORE_RATE = 30e9
"""FLOPs per second of a CPU core: on two cores, IResNet-18 takes 242 ms per image in training."""
ASSUMED = (
    "assumed: an H100 or H200 does 200 TFLOP/s in fp16 and bf16 (as measured with IResNet-50), 40 in fp32; a core 0.03;"
    " training runs to its last epoch; detection, rendering and evaluation are left out"
)
GPU_BASE, CORE_BASE, GPU_HOST_BASE = 0.5e9, 0.6e9, 3e9
"""Bytes of memory that a process takes before it has a network: on a GPU, with a CPU only, on the host of a GPU."""
WORKER = 0.4e9
"""Bytes of memory that a process takes that decodes images."""


@dataclass(frozen=True)
class Cost:
    """What one model or fusion takes."""

    images: int = 0
    """Number of training faces in an epoch."""
    epochs: int = 0
    hours: float = 0.0
    """Hours of one GPU, or of one core."""
    on_gpu: bool = False
    gpu_bytes: float = 0.0
    """Bytes of memory on each GPU."""
    memory_bytes: float = 0.0
    """Bytes of memory on one node."""
    disk_bytes: float = 0.0
    """Bytes on disk for the model, its embeddings, and its checkpoint during training."""


@dataclass(frozen=True)
class Estimate:
    """What a study takes."""

    models: dict[str, Cost | None]
    """Costs by model and fusion; None where the network or the size of its data is not known."""
    data_bytes: float
    """Bytes on disk for data sets and weights as delivered, and for aligned faces."""
    unknown: list[str]
    """Entries of `download` with an unknown size."""

    def disk_bytes(self) -> float:
        """Return the bytes of everything on disk at the end."""
        return self.data_bytes + sum(cost.disk_bytes for cost in self.models.values() if cost)

    def hours(self, on_gpu: bool) -> float:
        """Return the total hours of GPUs, or of cores."""
        return sum(cost.hours for cost in self.models.values() if cost and cost.on_gpu == on_gpu)


def estimate(study: Study, at: Layout) -> Estimate:
    """Return what a study takes, as far as its data are known."""
    known = sizes(study, at)
    costs = {name: _model(study, name, known) for name in study.models}
    costs |= dict.fromkeys(study.outside)
    dims = {name: _dim(study, name) for name in study.systems}
    images = _total(known, study.embed.datasets)
    for name in study.fuse:
        dim = dims[name]
        costs[name] = None if dim is None or images is None else Cost(disk_bytes=_embedding_bytes(images, dim))
    data = sum(material.bytes for material in known.values() if material)
    faces = sum(material.face_bytes for name, material in known.items() if material and name in study.align)
    return Estimate(costs, float(data + faces), [name for name, material in known.items() if material is None])


def _total(known: dict[str, DataSize | None], datasets: tuple[str, ...]) -> int | None:
    """Return the number of images in some data sets; None if one of them is unknown."""
    found = [material.images for name in datasets if (material := known.get(name))]
    return sum(found) if len(found) == len(datasets) else None


def _dim(study: Study, name: str) -> int | None:
    if name in study.models:
        network = network_of(study.models[name].backbone)
        return network.dim if network else None
    if name in study.outside:  # only the file knows
        return None
    parts = [_dim(study, part) for part in study.fuse[name].models]
    found = [part for part in parts if part is not None]
    if len(found) < len(parts):
        return None
    return (
        sum(found) if study.fuse[name].method.kind in ("concat", "weighted", "score", "wccn", "gated") else max(found)
    )


def _embedding_bytes(images: int, dim: int, ways: int = 1) -> float:
    return images * (4.0 * dim * ways + 30)  # 30 bytes for the name of the image


def _model(study: Study, name: str, known: dict[str, DataSize | None]) -> Cost | None:
    """Return the cost of a network's training and embeddings; None if a part of it is unknown."""
    model, network = study.models[name], network_of(study.models[name].backbone)
    embedded = _total(known, study.embed.datasets)
    if network is None or embedded is None:
        return None
    asked = study.resources.of_training(name)
    gpu = asked.gpus != 0
    ways = 2 if model.mirror else 1
    embed = embedded * ways * network.flops / (GPU_RATE["fp16"] if gpu else CORE_RATE)
    disk = _embedding_bytes(embedded, network.dim, ways)
    if not model.is_trained:
        memory = 4.0 * network.parameters + 4.0 * study.embed.batch * network.activations / 8
        return Cost(
            hours=embed / 3600,
            on_gpu=gpu,
            gpu_bytes=GPU_BASE + memory if gpu else 0.0,
            memory_bytes=GPU_HOST_BASE if gpu else CORE_BASE + memory,
            disk_bytes=disk,
        )
    training = study.training(name)
    sets = [material for dataset in training.train_on if (material := known.get(dataset))]
    if len(sets) < len(training.train_on):
        return None
    return _trained(model, training, network, sets, study, asked.world, gpu, embed, disk)


def _trained(
    model: Model,
    training: Training,
    network: NetworkCost,
    sets: list[DataSize],
    study: Study,
    world: int,
    gpu: bool,
    embed: float,
    disk: float,
) -> Cost:
    shares = [train_share(study, dataset, training.fold) for dataset in training.train_on]
    images = sum(round(material.images * train) for material, (train, _) in zip(sets, shares, strict=True))
    val = sum(round(material.images * val) for material, (_, val) in zip(sets, shares, strict=True))
    val = val if training.keep == "val-loss" else min(val, training.val_images)
    sitters = sum(material.sitters for material in sets)
    trained = _trained_parameters(model, network)
    kept = _kept_bytes(model, training, network, images)
    precise = training.precision != "fp32"
    half, rate = (2.0 if precise else 4.0), (GPU_RATE[training.precision] if gpu else CORE_RATE)
    # Validation runs in full precision.
    slow = GPU_RATE["fp32"] if gpu else CORE_RATE
    if kept:
        seconds = network.flops * (images * (2 if training.mirror else 1) + val) / slow
    else:
        passes = {"full": 3, "lora": 2}.get(model.adaptation.kind, 1) + (training.chunk is not None)
        seconds = training.epochs * network.flops * (images * passes / rate + val / slow)
    states = 4.0 * (2 if training.optimiser.startswith("adam") else 1)
    whole = training.sitters * training.images if training.sampler == "sitters" else training.batch or 0
    own = whole if training.batch_per == "process" else -(-whole // world)
    at_once = min(own, training.chunk or own)
    centres = network.dim * sitters if _has_centres(model) else 0
    held = centres / (world if training.shard_centres and sitters >= training.shard_centres else 1)
    # Gradients end at the first stage that is adapted: for single late stages, half of the network is assumed.
    late = isinstance(model.adaptation, HasRoles) and model.adaptation.stages is not None
    memory = (
        4.0 * network.parameters
        + (4.0 + states) * (trained + held)
        + (2.0 * network.parameters if precise else 0)
        + (0 if kept else half * at_once * network.activations * (0.5 if late else 1))
        + 8.0 * own * (own + (held / network.dim))  # scores of each pair, and of each image with each class centre
    )
    checkpoint = (4.0 + states) * (trained + centres) + 4.0 * (trained + centres)
    decoding = training.workers * WORKER
    return Cost(
        images,
        training.epochs,
        (seconds + embed) / 3600,
        gpu,
        GPU_BASE + memory if gpu else 0.0,
        (world * GPU_HOST_BASE if gpu else world * CORE_BASE + memory) + kept + decoding,
        disk + 4.0 * (trained + centres) + checkpoint,
    )


def _trained_parameters(model: Model, network: NetworkCost) -> int:
    """Return the number of trained parameters; for LoRA and single layers, an estimate from a usual network."""
    adaptation = model.adaptation
    if adaptation.kind == "full":
        return network.parameters
    if adaptation.kind == "lora":  # a linear layer d × 4d gets 5 d r parameters: about r / 600 of the network
        return min(network.parameters, network.parameters * adaptation.rank // 600)
    if adaptation.kind == "layers":
        return min(network.parameters, network.last * network.dim)
    return network.dim**2


def _kept_bytes(model: Model, training: Training, network: NetworkCost, images: int) -> float:
    """Return the bytes of the frozen part's cached output for all images; 0 where each step computes it."""
    if training.augment is not None or model.adaptation.kind not in ("head", "layers"):
        return 0.0
    values = network.dim if model.adaptation.kind == "head" else network.last
    size = 4.0 * values * images * (2 if training.mirror else 1)
    return size if size <= 1e9 * training.cache_gb else 0.0


def _has_centres(model: Model) -> bool:
    """Whether a loss, or a part of a sum, has class centres."""
    from pipeline.params.losses.margin import MarginOptions

    parts = model.loss.losses if model.loss.kind == "sum" else [model.loss]
    return any(isinstance(part, MarginOptions) for part in parts)
