"""Read `models/<name>/`: the trained network, ready to turn faces into vectors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError
from safetensors.torch import load_file
from torch import Tensor

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.registry import Options
from pipeline.formats.companions import checksum
from pipeline.models.backbone import Backbone, load_trained_state
from pipeline.models.build import build
from pipeline.models.centre import add_centre
from pipeline.models.crops import add_crops
from pipeline.models.preprocess import Preprocess
from pipeline.params.adaptations import ADAPTATIONS
from pipeline.params.adaptations import Adaptation as AdaptationOptions
from pipeline.params.backbones import BACKBONES
from pipeline.params.backbones import Backbone as BackboneOptions
from pipeline.store.models import MEAN, MEAN_VECTOR, RECORD, read_record, record_file, weights_of
from pipeline.store.systems import FusionRecord, OutsideRecord, WeightsFile


@dataclass(frozen=True)
class Embedder:
    """A loaded model."""

    name: str
    module: Backbone
    """The network float32 [B, 3, S, S] → [B, dim], in evaluation mode, without gradients, on `device`."""
    prepare: Preprocess
    """Maps a crop, uint8 [112, 112, 3] RGB, and its landmarks, float32 [5, 2], to the network's input, float32 [3, S,
    S]."""
    dim: int
    mirror: bool
    """Whether the vector of the mirrored image is added to the image's vector."""
    device: torch.device


def load_model(name: str, at: Layout, device: str | torch.device = "cpu") -> Embedder:
    """Return the model in `models/<name>/`, with low-rank updates merged into the weights.

    Raises:
        SitterError: the folder is missing or incomplete, the base weights have changed since training, or this version
            of the code does not know the recorded options.
    """
    record = read_record(name, "train", at)
    if isinstance(record, OutsideRecord):
        raise SitterError(f"{name} is an outside system, no network: all that is known of it stands in its file.")
    if isinstance(record, FusionRecord):
        raise SitterError(f"{name} is a fusion, no network: fuse applies it to the embeddings of its models.")
    backbone: BackboneOptions = _options(name, "backbone", BACKBONES, record.backbone, at)
    adaptation: AdaptationOptions = _options(name, "adaptation", ADAPTATIONS, record.adaptation, at)
    network, way = build(backbone, adaptation, record.seed, at)
    _check_base(name, network.weights_file, record.weights)
    _check_base(name, network.adapter_file, record.adapter)
    if record.parameters.trained:
        _load_trained(name, network, at)
    way.merge(network)
    add_crops(network, record.crops)
    if record.centre:
        add_centre(network, _mean(name, at))
    network.eval().requires_grad_(False)
    # On a CPU, convolutions are a quarter faster if the channels of a pixel are adjacent in memory.
    network.to(device=torch.device(device), memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Embedder(name, network, Preprocess(network), network.dim, record.mirror, torch.device(device))


def _options(name: str, part: str, kinds: Mapping[str, type[Options]], recorded: Mapping[str, Any], at: Layout) -> Any:
    """Return the options that `model.json` has recorded, if the code still knows them."""
    kind = recorded.get("kind", "")
    try:
        if kind in kinds:
            return kinds[kind].model_validate(recorded)
        reason = f"there is no kind {kind!r}"
    except ValidationError as error:
        reason = "; ".join(e["msg"] for e in error.errors())
    raise SitterError(
        f"{record_file(name, at)}: this version of the code does not know its {part} ({reason}): train {name} again."
    )


def _check_base(name: str, file: Path | None, recorded: WeightsFile | None) -> None:
    """Raise SitterError if the base weights have changed since training; updates of other weights would be noise."""
    if recorded is None or file is None:
        return
    found = checksum(file)
    if found != recorded.sha256:
        raise SitterError(
            f"{file} has changed since model {name} was made: its SHA-256 is {found[:12]}…, {RECORD} records "
            f"{recorded.sha256[:12]}…. Put the file back, or train {name} again."
        )


def _mean(name: str, at: Layout) -> Tensor:
    file = at.model(name) / MEAN
    if not file.is_file():
        raise SitterError(f"{file} does not exist, but {RECORD} says that {name} is centred: train it again.")
    return load_file(file)[MEAN_VECTOR]


def _load_trained(name: str, network: Backbone, at: Layout) -> None:
    file = weights_of(name, at)
    if not file.is_file():
        raise SitterError(f"{file} does not exist, but {RECORD} says that {name} was trained: train it again.")
    try:
        load_trained_state(network, load_file(file))
    except Exception as error:  # safetensors has an exception class of its own
        raise SitterError(f"{file} does not fit the model that {RECORD} describes: {error}. Train again.") from None
