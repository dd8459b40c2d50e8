"""Options of the backbone `clip`."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pipeline.params.backbones.base import Roles, TransformerOptions


class CLIPOptions(TransformerOptions):
    """CLIP's vision transformer, named as open_clip does; OpenAI's weights need a name that ends in -quickgelu."""

    implementation: ClassVar[str] = "pipeline.models.backbones.clip:CLIP"
    roles: ClassVar[Roles] = {
        "q": ("attention.q",),
        "k": ("attention.k",),
        "v": ("attention.v",),
        "out": ("attention.out",),
        "mlp": ("mlp.c_fc", "mlp.c_proj"),
        "fc": ("head.fc",),
    }
    kind: Literal["clip"] = "clip"
    architecture: Literal[
        "ViT-B-32",
        "ViT-B-32-quickgelu",
        "ViT-B-16",
        "ViT-B-16-quickgelu",
        "ViT-L-14",
        "ViT-L-14-quickgelu",
        "ViT-H-14",
        "ViT-H-14-quickgelu",
    ]
    """The name of the whole model in open_clip."""
    other_activation: bool = False
    """Accept weights that were trained with the other activation (QuickGELU or GELU). This gives other, worse
    vectors, and serves only to repeat results that were made so; otherwise such weights are refused."""
    weights: str | None = None
    """OpenAI's .pt, or open_clip's .safetensors or .pt; null: random initial weights."""
    size: Annotated[int, Field(ge=32, le=1024)] = 224
    """Side of the input, a multiple of the patch size; CLIP was trained with 224."""
    projected: bool = True
    """true: the projected vector, which CLIP compares with text. false: the class token before the projection."""
