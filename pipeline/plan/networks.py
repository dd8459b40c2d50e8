"""Sizes of the networks and the cost of a face in them, without building any, for the estimates of `sitter check`.

FLOPs count matrix products, convolutions and attention, two for each multiply-add, as PyTorch
counts them (`torch.utils.flop_counter`). A test compares every figure with PyTorch's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pipeline.params.backbones import Backbone
    from pipeline.params.backbones.clip import CLIPOptions
    from pipeline.params.backbones.iresnet import IResNetOptions
    from pipeline.params.backbones.timm_vit import TimmViTOptions


@dataclass(frozen=True)
class NetworkCost:
    """One network."""

    parameters: int
    flops: float
    """FLOPs of the forward pass of one face."""
    activations: int
    """Values that the training of the whole network keeps for one face until the gradients are computed."""
    dim: int
    """Length of the vector."""
    last: int
    """Values of a face before the last stage, which are kept if only the last stage is trained."""


@dataclass(frozen=True)
class _Transformer:
    """The dimensions of a vision transformer, as in open_clip and timm."""

    patch: int
    width: int
    depth: int
    dim: int
    """Length of CLIP's projected vector; for other networks the width."""
    prefix: int = 1
    """Number of tokens that are no patches: class token, registers."""
    placed: int = 1
    """Number of these tokens that have a position."""
    scaled: bool = False
    """Whether each block has two LayerScales (DINOv2)."""


_CLIP = {
    "ViT-B-32": _Transformer(32, 768, 12, 512),
    "ViT-B-16": _Transformer(16, 768, 12, 512),
    "ViT-L-14": _Transformer(14, 1024, 24, 768),
    "ViT-H-14": _Transformer(14, 1280, 32, 1024),
}
_TIMM = {
    "vit_small_patch14_dinov2.lvd142m": _Transformer(14, 384, 12, 384, scaled=True),
    "vit_base_patch14_dinov2.lvd142m": _Transformer(14, 768, 12, 768, scaled=True),
    "vit_large_patch14_dinov2.lvd142m": _Transformer(14, 1024, 24, 1024, scaled=True),
    "vit_base_patch14_reg4_dinov2.lvd142m": _Transformer(14, 768, 12, 768, prefix=5, placed=0, scaled=True),
    "vit_huge_patch14_gap_224.in1k_ijepa": _Transformer(14, 1280, 32, 1280, prefix=0, placed=0),
    "vit_huge_patch14_gap_224.in22k_ijepa": _Transformer(14, 1280, 32, 1280, prefix=0, placed=0),
    "vit_small_patch16_224.dino": _Transformer(16, 384, 12, 384),
    "vit_base_patch16_224.dino": _Transformer(16, 768, 12, 768),
    "vit_base_patch16_224.mae": _Transformer(16, 768, 12, 768),
}
# Networks of a single size, as counted by PyTorch.
_FIXED = {
    "dlib-resnet29": NetworkCost(5_614_592, 541_708_288, 1_388_140, 128, 256),
    "efficientnet-lite0": NetworkCost(3_371_008, 211_222_176, 5_193_555, 1280, 1280 * 4 * 4),
    "mobilefacenet": NetworkCost(999_936, 467_620_864, 9_428_864, 128, 512),
}
# IResNet: blocks of each layer by depth, and channels.
_BLOCKS = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 14, 3), 100: (3, 13, 30, 3)}
_CHANNELS = (64, 128, 256, 512)


def network_of(options: Backbone) -> NetworkCost | None:
    """Return the measures of a backbone; None where they are unknown: for an ONNX graph, or a kind of your own.

    >>> from pipeline.params.backbones.iresnet import IResNetOptions
    >>> network_of(IResNetOptions(depth=50)).parameters
    43590848
    """
    if options.kind == "iresnet":
        return _iresnet(options)
    if options.kind == "clip":
        return _clip(options)
    if options.kind == "timm-vit":
        return _timm_vit(options)
    return _FIXED.get(options.kind)


def _iresnet(options: IResNetOptions) -> NetworkCost:
    channels = [max(1, round(c * options.width)) for c in _CHANNELS]
    here, pixels = channels[0], options.size**2
    parameters = 27 * here + 3 * here  # convolution, batch normalisation, PReLU
    flops = 2.0 * 27 * here * pixels
    kept = (3 + 2 * here) * pixels
    for out, blocks in zip(channels, _BLOCKS[options.depth], strict=True):
        for block in range(blocks):
            after = pixels if block else pixels // 4
            parameters += 9 * here * out + 9 * out * out + 2 * here + 5 * out
            flops += 2.0 * 9 * out * (here * pixels + out * after)
            kept += (2 * here + 3 * out) * pixels + out * after
            if not block:  # the shortcut is a strided 1×1 convolution with batch normalisation
                parameters += here * out + 2 * out
                flops += 2.0 * here * out * after
                kept += out * after
            here, pixels = out, after
    last = here * (options.size // 16) ** 2
    parameters += 2 * here + last * options.embedding + 3 * options.embedding
    flops += 2.0 * last * options.embedding
    return NetworkCost(parameters, flops, kept + 2 * last + options.embedding, options.embedding, last)


def _clip(options: CLIPOptions) -> NetworkCost:
    shape = _CLIP[options.architecture.removesuffix("-quickgelu")]
    d = options.width or shape.width
    more = 4 * d + (d * shape.dim if options.projected else 0)  # two normalisations, the projection
    return _transformer(shape, options, more, patch_bias=0, dim=shape.dim if options.projected else d)


def _timm_vit(options: TimmViTOptions) -> NetworkCost:
    shape = _TIMM[options.architecture]
    d = options.width or shape.width
    return _transformer(shape, options, more=2 * d, patch_bias=d, dim=d)


def _transformer(
    shape: _Transformer, options: CLIPOptions | TimmViTOptions, more: int, patch_bias: int, dim: int
) -> NetworkCost:
    """Return the measures of a transformer (Dosovitskiy et al. 2020) with `more` parameters outside its blocks."""
    d, depth = options.width or shape.width, options.depth or shape.depth
    patches = (options.size // shape.patch) ** 2
    tokens = patches + shape.prefix
    pixels = 3 * shape.patch**2
    positions = (patches + shape.placed) * d
    block = 12 * d * d + 13 * d + (2 * d if shape.scaled else 0)
    parameters = pixels * d + patch_bias + shape.prefix * d + positions + depth * block + more
    projection = d * dim if options.kind == "clip" and options.projected else 0
    flops = 2.0 * patches * pixels * d + depth * (24.0 * tokens * d * d + 4.0 * tokens**2 * d) + 2.0 * projection
    # Kept for each token: two normalisations (before and after), query, key, value and result, the MLP's 4 d twice.
    kept = 3 * options.size**2 + depth * tokens * d * (16 + 2 * shape.scaled)
    return NetworkCost(parameters, flops, kept, dim, tokens * d)
