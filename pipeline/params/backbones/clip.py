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
    """The name that open_clip gives the whole model."""
    other_activation: bool = False
    """Take weights although they were trained with the other activation (QuickGELU or GELU), which gives other, worse
    vectors and is refused otherwise: to repeat results that were made so."""
    weights: str | None = None
    """OpenAI's .pt, or open_clip's .safetensors or .pt; null: a random start."""
    size: Annotated[int, Field(ge=32, le=1024)] = 224
    """Side of the input, a multiple of the patch's; CLIP's was 224."""
    projected: bool = True
    """The vector as it is compared with text; false: the class token before that."""
