"""CLIP's image tower (Radford et al. 2021, arXiv 2103.00020), built by open_clip, from OpenAI's or open_clip's files.

The vector is the one that CLIP compares with text, as in ArtFace: the class token, normalised and projected.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from torch import Tensor, nn

from pipeline.core.errors import SitterError
from pipeline.core.layout import HERE, Layout
from pipeline.models.adapter_files import add_adapter
from pipeline.models.alignment_templates import arcface
from pipeline.models.backbone import Backbone
from pipeline.models.transformer import Block, Patches, SelfAttention, TokenReadout, stages
from pipeline.models.weights import fill, is_torchscript, read_state
from pipeline.params.backbones.clip import CLIPOptions
from pipeline.store.raw import Origin, read_source
from pipeline.store.weights import weights_file

QUICK = "-quickgelu"


class CLIP(Backbone):
    """CLIP's vision transformer under open_clip's names; OpenAI's weights need a name that ends in -quickgelu."""

    # open_clip.constants.OPENAI_DATASET_MEAN and …_STD, for pixels from 0 to 255.
    mean = (255 * 0.48145466, 255 * 0.4578275, 255 * 0.40821073)
    scale = (255 * 0.26862954, 255 * 0.26130258, 255 * 0.27577711)
    roles = CLIPOptions.roles

    def __init__(self, options: CLIPOptions, at: Layout = HERE) -> None:
        super().__init__()
        self.template = arcface(options.size)
        tower = _tower(options.architecture, options.size, options.depth, options.width)
        if options.weights is not None:
            self.weights_file = file = weights_file(options.weights, at)
            if not options.other_activation:
                _check_activation(options.architecture, file, read_source(options.weights, at))
            _fill(tower, file, options.architecture)
        patches = Patches(tower.conv1, tower.class_embedding[None], tower.positional_embedding, tower.ln_pre)
        head = TokenReadout(tower.ln_post, 1, class_token=True, projection=tower.proj if options.projected else None)
        self.stages = stages(patches, [_block(block) for block in tower.transformer.resblocks], head)
        self.dim = tower.output_dim if options.projected else tower.proj.shape[0]
        if options.adapter is not None:
            self.adapter_file = add_adapter(self, options.adapter, options.architecture, at)


def _tower(architecture: str, size: int, depth: int | None, width: int | None) -> Any:
    """Return open_clip's `VisionTransformer` with random weights."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (open_clip imports torchvision)
    from open_clip import get_model_config
    from open_clip.model import _build_vision_tower  # create_model would build the text tower, too

    config = get_model_config(architecture)
    vision = config["vision_cfg"] | {"image_size": size}
    vision |= {name: value for name, value in (("layers", depth), ("width", width)) if value is not None}
    if size % vision["patch_size"]:
        raise SitterError(
            f"backbone clip: size is {size}, no multiple of the {vision['patch_size']} pixels of a patch of "
            f"{architecture}: take {size - size % vision['patch_size'] or vision['patch_size']}."
        )
    return _build_vision_tower(config["embed_dim"], vision, config.get("quick_gelu", False))


def _block(block: Any) -> Block:
    attn = block.attn
    attention = SelfAttention(attn.in_proj_weight, attn.in_proj_bias, attn.out_proj, attn.num_heads)
    return Block((block.ln_1, block.ln_2), attention, block.mlp, (block.ls_1, block.ls_2))


def _fill(tower: nn.Module, file: Path, architecture: str) -> None:
    """Fill the tower from the image tower of a file; position embeddings are interpolated to another grid if needed."""
    from open_clip.model import resize_pos_embed

    state = {name: value for name, value in read_state(file).items() if name.startswith("visual.")}
    if not state:
        raise SitterError(
            f"{file} holds no image tower of CLIP (no tensor's name begins with visual.). Expected for {architecture}: "
            f"OpenAI's or open_clip's own file. {_publishers(architecture)}"
        )
    positions = state.get("visual.positional_embedding")
    if positions is not None and positions.shape[1:] == tower.get_parameter("positional_embedding").shape[1:]:
        state["visual.positional_embedding"] = positions.float()
        resize_pos_embed(state, SimpleNamespace(visual=tower))
    own: dict[str, Tensor] = {name.removeprefix("visual."): value for name, value in state.items()}
    fill(tower, own, file, f"CLIP {architecture}", whole=True)


def _check_activation(architecture: str, file: Path, source: Origin) -> None:
    """Check that weights and architecture have the same activation, GELU or QuickGELU.

    Weights that were trained with the other activation give other, worse vectors, but their shapes do not show it. The
    activation is known for OpenAI's own files, which are TorchScript, and for files from an address in open_clip's
    list.

    Raises:
        SitterError: the architecture has the other activation.
    """
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    plain = architecture.removesuffix(QUICK)
    quick: bool | None = True if is_torchscript(file) else None
    for tag in list_pretrained_tags_by_model(plain):
        published = get_pretrained_cfg(plain, tag)
        places = {published.get("url"), "/".join(published.get("hf_hub", "").split("/")[:2])} - {""}
        if {source.url, source.repo} & places:
            quick = published.get("quick_gelu", False)
    right = plain + QUICK if quick else plain
    if quick is not None and architecture != right:
        raise SitterError(
            f"{file} was trained with {'Quick' if quick else ''}GELU: set architecture: {right} (it is "
            f"{architecture}), or other_activation: true to repeat results that were made with the wrong one."
        )


def _publishers(architecture: str) -> str:
    """Return a sentence with the places where open_clip knows weights of an architecture."""
    from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model

    plain = architecture.removesuffix(QUICK)
    found = [get_pretrained_cfg(plain, tag) for tag in list_pretrained_tags_by_model(plain)]
    return "Published as " + ", ".join(cfg.get("hf_hub", "").strip("/") or cfg["url"] for cfg in found[:4]) + " …"
