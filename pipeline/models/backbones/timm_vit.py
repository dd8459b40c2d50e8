"""Vision transformers that were trained without labels, built by timm: DINOv2, I-JEPA, DINO, MAE.

DINOv2: Oquab et al. 2023, arXiv 2304.07193 (Apache-2.0). I-JEPA: Assran et al. 2023, arXiv 2301.08243 (CC-BY-NC; it has
no class token, so the vector is the mean of the patches). Both timm's files and the authors' own can be read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.models.adapter_files import add_adapter
from pipeline.models.alignment_templates import arcface
from pipeline.models.backbone import Backbone
from pipeline.models.transformer import Block, Patches, SelfAttention, TokenReadout, stages
from pipeline.models.weights import WRAPPERS, fill, read_state
from pipeline.params.backbones.timm_vit import TimmViTOptions
from pipeline.store.weights import weights_file


class TimmViT(Backbone):
    """A vision transformer of timm, named with the tag of its weights; the vector is the class token or patch mean."""

    roles = TimmViTOptions.roles

    def __init__(self, options: TimmViTOptions, at: Layout = HERE) -> None:
        import pipeline.core.torchvision_ops  # noqa: F401, I001  (timm imports torchvision)
        import timm

        super().__init__()
        published: Any = timm.get_pretrained_cfg(options.architecture)
        self.mean, self.scale = _of_pixels(published.mean), _of_pixels(published.std)
        self.template = arcface(options.size)
        heads = None if options.width is None else options.width // 64
        changes: dict[str, Any] = {"depth": options.depth, "embed_dim": options.width, "num_heads": heads}
        net: Any = timm.create_model(
            options.architecture,
            num_classes=0,
            img_size=options.size,
            **{name: v for name, v in changes.items() if v is not None},
        )
        patch = net.patch_embed.patch_size[0]
        if options.size % patch:
            raise SitterError(
                f"backbone timm-vit: size is {options.size}, no multiple of the {patch} pixels of a patch of "
                f"{options.architecture}: take {options.size - options.size % patch}."
            )
        if options.weights is None:
            for name, parameter in net.named_parameters():
                if name.endswith(
                    ".gamma"
                ):  # DINOv2's blocks start scaled by 1e-5; if these stayed frozen, LoRA would have no effect
                    parameter.data.fill_(1)
        else:
            self.weights_file = weights_file(options.weights, at)
            what = f"timm's {options.architecture} ({published.url}, {published.license})"
            _fill(net, self.weights_file, what, options.encoder)
        prefix = [token[0] for token in (net.cls_token, net.reg_token) if token is not None]
        patches = Patches(net.patch_embed.proj, torch.cat(prefix) if prefix else None, net.pos_embed[0], net.norm_pre)
        head = TokenReadout(net.norm, net.num_prefix_tokens, class_token=net.global_pool == "token")
        self.stages = stages(patches, [_block(block) for block in net.blocks], head)
        self.dim = net.embed_dim
        if options.adapter is not None:
            self.adapter_file = add_adapter(self, options.adapter, options.architecture, at)


def _of_pixels(values: tuple[float, float, float]) -> tuple[float, float, float]:
    """Return for pixels from 0 to 255 the values that timm gives for pixels from 0 to 1."""
    red, green, blue = values
    return 255 * red, 255 * green, 255 * blue


def _block(block: Any) -> Block:
    attn = block.attn
    attention = SelfAttention(attn.qkv.weight, attn.qkv.bias, attn.proj, attn.num_heads)
    return Block((block.norm1, block.norm2), attention, block.mlp, (block.ls1, block.ls2))


def _fill(net: Any, file: Path, what: str, encoder: str) -> None:
    """Fill the network from a file with timm's or the authors' names; interpolate positions if the grid differs."""
    from timm.models.vision_transformer import checkpoint_filter_fn

    # A file of I-JEPA holds two encoders. timm's name is for "encoder", and only this one may be alone in a file.
    required = encoder if encoder != "encoder" else None
    state = read_state(file, (encoder, *WRAPPERS), required)
    try:
        state = checkpoint_filter_fn(state, net)
    except Exception as error:  # timm's conversions raise many sorts for a file of another network
        raise SitterError(f"{file} does not fit {what}: {error or type(error).__name__}.") from None
    own = {name: value for name, value in state.items() if not name.startswith(("head.", "fc_norm."))}
    fill(net, own, file, what, whole=True)
