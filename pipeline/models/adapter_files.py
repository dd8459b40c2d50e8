"""Add a LoRA adapter from elsewhere, in the format of the library peft, to a transformer's weights.

An adapter uses the layer names of the network that it was trained in. The names of transformers, open_clip, timm and
OpenAI's code are known; in these, query, key and value are one matrix or three (here they are three separate layers).
"""

from __future__ import annotations

import json
import logging
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.formats.companions import ADAPTER, ADAPTER_CONFIG
from pipeline.models.backbone import Backbone
from pipeline.store.weights import weights_file

logger = logging.getLogger(__name__)

# Ends of the names of layers in a block, and the roles of our layers that make up each, stacked in this order.
PARTS = {
    r"(self_attn|attn)\.q_proj|attention\.attention\.query|attention\.q": ("q",),
    r"(self_attn|attn)\.k_proj|attention\.attention\.key|attention\.k": ("k",),
    r"(self_attn|attn)\.v_proj|attention\.attention\.value|attention\.v": ("v",),
    r"(self_attn|attn)(\.base_layer)?\.out_proj|attn\.proj|attention\.output\.dense|attention\.out": ("out",),
    r"attn(\.qkv|\.in_proj)?": ("q", "k", "v"),
    r"mlp\.(fc1|c_fc)": ("mlp-1",),
    r"mlp\.(fc2|c_proj)": ("mlp-2",),
}
BLOCK = re.compile(r"(?:^|\.)(?:layers|layer|resblocks|blocks)\.(\d+)\.(.+)$")
OF_TEXT = re.compile(r"(^|\.)(text_model|text|text_projection)(\.|$)")
OF_IMAGE = re.compile(r"(^|\.)visual\.")  # everything else belongs to the text tower
# Settings that can make an adapter more than low-rank updates of the published weights, and their required values.
PLAIN: dict[str, tuple[Any, ...]] = {
    "use_dora": (None, False),
    "bias": (None, "none"),
    "lora_bias": (None, False),
    "fan_in_fan_out": (None, False),
    "modules_to_save": (None, []),
    "layer_replication": (None, []),
    "target_parameters": (None, []),
    "init_lora_weights": (None, True, False, "gaussian", "eva", "orthogonal"),
}


def add_adapter(backbone: Backbone, entry: str, architecture: str, at: Layout) -> Path:
    """Add the low-rank updates (alpha / rank) · B A of an adapter to the layers that it names, in place.

    Updates of CLIP's text tower are left out. LoRA: Hu et al. 2021, arXiv 2106.09685; rank-stabilised scale alpha /
    √rank: Kalajdzievski 2023, arXiv 2312.03732.

    Args:
        backbone: a backbone of blocks `stages.block1` …, with its weights loaded.
        entry: the entry under `download` with both files of the adapter.
        architecture: architecture of the backbone, as params.yaml names it.

    Returns:
        The file of the adapter's weights.

    Raises:
        SitterError: the file is no LoRA adapter, or an unsupported sort of it; it was trained in another base model; or
            it names layers that do not exist or have another shape.
    """
    file = weights_file(entry, at)
    if file.name != ADAPTER:
        raise SitterError(
            f"{file} is no adapter in the format of peft: backbone.adapter needs an entry under download with "
            f"{ADAPTER} and {ADAPTER_CONFIG}."
        )
    config = _config(file, architecture)
    pairs = _pairs(file)
    layers, done = dict(backbone.named_modules()), set[str]()
    with torch.no_grad():
        for module, (a, b) in pairs.items():
            names = _layers_of(module, backbone, file, architecture)
            if done & set(names):
                raise SitterError(f"{file} updates one layer of {architecture} twice, the second time as {module}.")
            done.update(names)
            update = _scale(module, config, len(a)) * (b @ a)
            weights = [_weight(layers[name]) for name in names]
            expected = sum(len(weight) for weight in weights), weights[0].shape[1]
            if update.shape != expected:
                found, wanted = (" × ".join(map(str, shape)) for shape in (update.shape, expected))
                raise SitterError(
                    f"{file} does not fit {architecture}: its update of {module} is {found} (from A {list(a.shape)} "
                    f"and B {list(b.shape)}), but the layer is {wanted}. Is it for a network of another width?"
                )
            parts = torch.split(update, [len(weight) for weight in weights])
            for weight, part in zip(weights, parts, strict=True):
                weight.add_(part)
    logger.info(f"{file}: low-rank updates of {len(pairs)} layers were added to {architecture}")
    return file


def _config(file: Path, architecture: str) -> Mapping[str, Any]:
    """Return the adapter's configuration, checked."""
    path = file.with_name(ADAPTER_CONFIG)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise SitterError(
            f"{path} is not the configuration of an adapter (a JSON object) or was cut off: fetch it again."
        )
    kind = config.get("peft_type")
    if kind != "LORA":
        raise SitterError(f"{path}: peft_type is {kind!r}; only LORA can be added to a network's weights.")
    odd = {name: config[name] for name, plain in PLAIN.items() if config.get(name) not in plain}
    if odd:
        found = ", ".join(f"{name}: {value!r}" for name, value in odd.items())
        raise SitterError(
            f"{path} has {found}: such an adapter is more than low-rank updates of the base model's weights. Merge it "
            "with peft (merge_and_unload), save the whole network, and name that under backbone.weights."
        )
    if not isinstance(config.get("lora_alpha"), int | float):
        raise SitterError(f"{path} has no lora_alpha, which scales the updates: is the file whole?")
    base = config.get("base_model_name_or_path")
    known, ours = (_traits(str(name or "")) for name in (base, architecture))
    unlike = [trait for trait in known if trait in ours and known[trait] != ours[trait]]
    if unlike:
        raise SitterError(
            f"{path} names {base} as its base model, but backbone.architecture is {architecture} (another "
            f"{' and '.join(unlike)}): an adapter fits only the network that it was trained in. Set that architecture "
            "and its weights, or take another adapter."
        )
    return config


def _traits(name: str) -> dict[str, str]:
    """Return what a model's name says about its network: family, size and side of the patches, where it does."""
    low = name.lower().replace("/", "-")
    family = next((word for word in ("dinov2", "ijepa", "dino", "mae") if word in low), None)
    size = re.search(r"(?:^|[-_])(small|base|large|huge|giant)|vit[-_]([sblhg])(?![a-z])", low)
    patch = re.search(r"patch(\d+)|vit[-_][sblhg][-_](\d+)", low)
    if family is None and ("clip" in low or re.match(r"vit-[blhg]-\d+", low)):
        family = "clip"
    found = {"family": family, "size": size and (size[1] or size[2])[0], "patch": patch and (patch[1] or patch[2])}
    return {trait: value for trait, value in found.items() if value}


def _pairs(file: Path) -> dict[str, tuple[Tensor, Tensor]]:
    """Return A [rank, inputs] and B [outputs, rank] of each layer, by its name in the adapter's own network."""
    try:
        state = load_file(file)
    except Exception as error:  # safetensors has an exception class of its own
        raise SitterError(f"{file} cannot be read ({error}): fetch it again.") from None
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in state.items():
        match = re.fullmatch(r"(?:base_model\.model\.)?(.+)\.lora_([AB])(?:\.default)?\.weight", name)
        if match is None or tensor.ndim != 2:
            raise SitterError(
                f"{file} holds {name} {list(tensor.shape)}, which is no factor of a linear layer's low-rank update: "
                "only lora_A and lora_B of linear layers can be read. Merge the adapter with peft and save the network."
            )
        found.setdefault(match[1], {})[match[2]] = tensor.float()
    whole = any(OF_IMAGE.search(name) for name in found)
    own = {
        name: pair for name, pair in found.items() if not OF_TEXT.search(name) and (not whole or OF_IMAGE.search(name))
    }
    for name, pair in own.items():
        if len(pair) != 2 or pair["A"].shape[0] != pair["B"].shape[1]:
            shapes = ", ".join(f"{factor} {list(tensor.shape)}" for factor, tensor in sorted(pair.items()))
            raise SitterError(f"{file}: {name} has {shapes}, which are not two factors of one rank: fetch it again.")
    if not own:
        raise SitterError(f"{file} updates no layer of an image network: it holds {len(state)} tensors.")
    return {name: (pair["A"], pair["B"]) for name, pair in own.items()}


def _layers_of(module: str, backbone: Backbone, file: Path, architecture: str) -> list[str]:
    """Return our layers that correspond to one layer of the adapter's own network."""
    if re.search(r"(^|\.)(visual_projection|head\.fc)$", module) and isinstance(
        backbone.get_submodule("stages.head.fc"), nn.Linear
    ):
        return ["stages.head.fc"]
    blocks = sum(name.startswith("block") for name, _ in backbone.stages.named_children())
    match = BLOCK.search(module)
    roles = next((roles for part, roles in PARTS.items() if match and re.fullmatch(part, match[2])), None)
    if match is None or roles is None:
        raise SitterError(
            f"{file} updates {module}, which has no counterpart in {architecture}: known are the query, key, value, "
            "output and MLP layers of a transformer's blocks, and CLIP's projection. Is it for another network?"
        )
    if int(match[1]) >= blocks:
        raise SitterError(
            f"{file} updates {module}, but {architecture} has {blocks} blocks (0 to {blocks - 1}): is it for a deeper "
            "network?"
        )
    ends = {role: ends[0] for role, ends in backbone.roles.items() if role in ("q", "k", "v", "out")}
    ends |= {f"mlp-{n}": end for n, end in enumerate(backbone.roles["mlp"], 1)}
    return [f"stages.block{int(match[1]) + 1}.{ends[role]}" for role in roles]


def _scale(module: str, config: Mapping[str, Any], rank: int) -> float:
    """Return the scale of a layer's update; the configuration may have patterns that give layers their own alpha."""
    patterns: Mapping[str, float] = config.get("alpha_pattern") or {}
    # In PyTorch's MultiheadAttention, peft (0.21.2) merges the output's update twice in each pass, in training, too.
    times = 2 if module.endswith(".base_layer.out_proj") else 1
    own = (alpha for pattern, alpha in patterns.items() if re.fullmatch(rf"(.*\.)?({pattern})", module))
    alpha = next(own, config["lora_alpha"])
    return times * float(alpha) / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _weight(layer: nn.Module) -> Tensor:
    assert isinstance(layer, nn.Linear)
    return layer.weight
