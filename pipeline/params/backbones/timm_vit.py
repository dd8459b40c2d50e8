"""Options of the backbone `timm-vit`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.backbones.base import Roles, TransformerOptions


class TimmViTOptions(TransformerOptions):
    """A vision transformer of timm, by its name and its weights' tag; it gives the class token or the patches' mean."""

    implementation: ClassVar[str] = "pipeline.models.backbones.timm_vit:TimmViT"
    roles: ClassVar[Roles] = {
        "q": ("attention.q",),
        "k": ("attention.k",),
        "v": ("attention.v",),
        "out": ("attention.out",),
        "mlp": ("mlp.fc1", "mlp.fc2"),
    }
    kind: Literal["timm-vit"] = "timm-vit"
    architecture: Literal[
        "vit_small_patch14_dinov2.lvd142m",
        "vit_base_patch14_dinov2.lvd142m",
        "vit_large_patch14_dinov2.lvd142m",
        "vit_base_patch14_reg4_dinov2.lvd142m",
        "vit_huge_patch14_gap_224.in1k_ijepa",
        "vit_huge_patch14_gap_224.in22k_ijepa",
        "vit_small_patch16_224.dino",
        "vit_base_patch16_224.dino",
        "vit_base_patch16_224.mae",
    ]
    """The name of the network in timm."""
    weights: str | None = None
    """timm's .safetensors, or the authors' .pth; null: random initial weights."""
    encoder: Literal["encoder", "target_encoder"] = "encoder"
    """Which encoder to take from the file of I-JEPA's authors: the trained one, which timm's own file has, too,
    or its moving average."""
    size: Annotated[int, Field(ge=28, le=1024)] = 224
    """Side of the input, a multiple of the patch size (14 or 16)."""
