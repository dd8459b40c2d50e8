"""A LoRA adapter that peft has written, added to our networks: the vectors are those of peft's own model."""

from __future__ import annotations

import json
import re
import shutil
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from pipeline import params
from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.models.backbone import Backbone
from pipeline.models.build import build
from pipeline.models.load import load_model
from pipeline.params.sources.file import FileOptions
from pipeline.plan.stages import jobs
from pipeline.reporting.published import comparisons
from pipeline.sources import file as source
from pipeline.store.figures import Figure
from tests.models.conftest import PROJECT, adaptation_options, backbone_options
from tests.models.test_backbones import put_weights
from tests.models.test_load import written
from tests.models.test_transformer_lora import a_few_steps
from tests.models.test_transformers import CLIP_SMALL, DINO, VIT_SMALL, faces, same, stirred, their_clip, their_vit

CLIP = {"kind": "clip", **CLIP_SMALL, "weights": "base", "adapter": "adapter"}
VIT = {"kind": "timm-vit", "architecture": DINO, **VIT_SMALL, "weights": "base", "adapter": "adapter"}
Config = dict[str, Any]
ELSEWHERE = "from-elsewhere"
"""A folder of the user's own, below the project's root, in which the adapter lies as peft has written it."""


def adapted(at: Layout, network: torch.nn.Module, base: str | None = None, **config: Any) -> torch.nn.Module:
    """The network with random updates, which peft has written and the project has fetched as the entry `adapter`."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (peft imports transformers, and that torchvision)
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(5)
    options = {"r": 4, "lora_alpha": 6, **config}
    model = get_peft_model(network, LoraConfig(init_lora_weights=False, **options)).eval()
    model.peft_config["default"].base_model_name_or_path = base
    model.save_pretrained(at.root / ELSEWHERE, save_embedding_layers=False)
    fetched(at)
    return model


def fetched(at: Layout) -> None:
    def fetch(folder: Path) -> None:
        source.fetch(folder, "adapter", FileOptions(path=str(adapter_file(at))))

    shutil.rmtree(at.raw("adapter"), ignore_errors=True)
    put_weights(at, "adapter", fetch)


def adapter_file(at: Layout) -> Path:
    """The path of the adapter's weights as peft has written them."""
    return at.root / ELSEWHERE / "adapter_model.safetensors"


def rewritten(at: Layout, changes: Config) -> None:
    """The adapter's configuration with other values, fetched again."""
    file = at.root / ELSEWHERE / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))
    fetched(at)


def our(at: Layout, options: Config, adaptation: str = "none") -> Backbone:
    return build(backbone_options(**options), adaptation_options(kind=adaptation), 1, at)[0]


def put_clip(at: Layout) -> Any:
    theirs = their_clip()
    put_weights(at, "base", lambda folder: torch.save(theirs.state_dict(), folder / "clip.pt"))
    return theirs


def of_transformers(at: Layout) -> torch.nn.Module:
    """A small CLIP of the library transformers, whose weights stand in open_clip's names in the entry `base`."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (transformers imports torchvision)
    from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

    sizes = {"hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 3, "num_attention_heads": 1}
    config = CLIPVisionConfig(**sizes, image_size=64, patch_size=16, projection_dim=512, hidden_act="quick_gelu")
    network = stirred(CLIPVisionModelWithProjection(config))
    theirs = {name.removeprefix("vision_model."): value for name, value in network.state_dict().items()}
    state = {
        "conv1.weight": theirs["embeddings.patch_embedding.weight"],
        "class_embedding": theirs["embeddings.class_embedding"],
        "positional_embedding": theirs["embeddings.position_embedding.weight"],
        "proj": theirs["visual_projection.weight"].T,
    }
    for end in ("weight", "bias"):
        state |= {f"ln_pre.{end}": theirs[f"pre_layrnorm.{end}"], f"ln_post.{end}": theirs[f"post_layernorm.{end}"]}
        for n in range(3):
            one, other = f"encoder.layers.{n}", f"transformer.resblocks.{n}"
            qkv = [theirs[f"{one}.self_attn.{part}_proj.{end}"] for part in "qkv"]
            state |= {
                f"{other}.attn.in_proj_{end}": torch.cat(qkv),
                f"{other}.attn.out_proj.{end}": theirs[f"{one}.self_attn.out_proj.{end}"],
                f"{other}.ln_1.{end}": theirs[f"{one}.layer_norm1.{end}"],
                f"{other}.ln_2.{end}": theirs[f"{one}.layer_norm2.{end}"],
                f"{other}.mlp.c_fc.{end}": theirs[f"{one}.mlp.fc1.{end}"],
                f"{other}.mlp.c_proj.{end}": theirs[f"{one}.mlp.fc2.{end}"],
            }
    visual = {f"visual.{name}": value for name, value in state.items()}
    put_weights(at, "base", lambda folder: torch.save(visual, folder / "clip.pt"))
    return network


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "config",
    [
        {"target_modules": ["q_proj", "v_proj"]},
        {"target_modules": ["k_proj", "out_proj", "fc1", "fc2", "visual_projection"], "use_rslora": True},
        {"target_modules": ["q_proj", "fc1"], "rank_pattern": {"fc1": 2}, "alpha_pattern": {"1.mlp.fc1": 9}},
    ],
)
def test_an_adapter_of_transformers_gives_the_vectors_of_pefts_model(at: Layout, config: Config) -> None:
    network = of_transformers(at)
    same(our(at, {**CLIP, "adapter": None}), faces(64), network(faces(64)).image_embeds)
    model = adapted(at, network, "openai/clip-vit-base-patch16", **config)
    same(our(at, CLIP), faces(64), model(pixel_values=faces(64)).image_embeds)
    assert not torch.allclose(our(at, CLIP)(faces(64)), our(at, {**CLIP, "adapter": None})(faces(64)), atol=1e-2)


@pytest.mark.parametrize("whole", [True, False])
def test_an_adapter_of_open_clip_is_split_and_that_of_its_tower_for_text_left_out(at: Layout, whole: bool) -> None:
    theirs = put_clip(at)
    model = adapted(at, theirs if whole else theirs.visual, target_modules=["attn", "c_proj"])
    same(our(at, CLIP), faces(64), model.encode_image(faces(64)) if whole else model(faces(64)))


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_names_of_a_network_that_is_part_of_another_are_known_and_its_text_is_left_out(at: Layout) -> None:
    network = of_transformers(at)
    model = adapted(at, network, target_modules=["q_proj", "visual_projection"])
    expected = model(pixel_values=faces(64)).image_embeds
    file = adapter_file(at)
    state = {name.replace("base_model.model.", "base_model.model.clip."): v for name, v in load_file(file).items()}
    text = {
        name.replace("vision_model", "text_model").replace("visual_proj", "text_proj"): value + 1
        for name, value in state.items()
    }
    save_file(state | text, file)
    fetched(at)
    same(our(at, CLIP), faces(64), expected)


def test_an_adapter_of_timm_is_split(at: Layout) -> None:
    theirs = their_vit(DINO)
    put_weights(at, "base", lambda folder: save_file(theirs.state_dict(), folder / "vit.safetensors"))
    model = adapted(at, theirs, target_modules=["qkv", "attn.proj", "fc2"])
    same(our(at, VIT), faces(56), model(faces(56)))


def test_a_training_starts_from_an_adapter_and_the_model_records_both_files(at: Layout) -> None:
    theirs = put_clip(at)
    model = adapted(at, theirs.visual, target_modules=["attn"])
    way = {"kind": "lora", "rank": 2, "roles": ["q", "v"]}
    start, _ = build(backbone_options(**CLIP), adaptation_options(**way), 1, at)
    same(start, faces(64), model(faces(64)))
    trained = written(at, way, CLIP)
    same(load_model("m", at=at).module, faces(64), trained(faces(64)).detach())
    assert not torch.allclose(a_few_steps(start)(faces(64)), model(faces(64)), atol=1e-3)
    record = json.loads((at.root / "models/m/model.json").read_text())
    assert record["adapter"]["file"] == "adapter_model.safetensors"
    assert record["weights"]["file"] == "clip.pt"
    rewritten(at, {"lora_alpha": 7})
    with pytest.raises(SitterError, match=r"adapter_model.safetensors has changed since model m was made"):
        load_model("m", at=at)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"base_model_name_or_path": "openai/clip-vit-base-patch32"}, r"names openai/.*patch32 .*another patch"),
        ({"base_model_name_or_path": "openai/clip-vit-large-patch14"}, r"another size and patch"),
        ({"base_model_name_or_path": "facebook/dinov2-base"}, r"another family"),
        ({"peft_type": "LOHA"}, r"peft_type is 'LOHA'; only LORA"),
        ({"use_dora": True, "bias": "all"}, r"has use_dora: True, bias: 'all': .*merge_and_unload"),
        ({"init_lora_weights": "pissa"}, r"init_lora_weights: 'pissa'"),
        ({"lora_alpha": None}, r"has no lora_alpha"),
    ],
)
def test_an_adapter_of_another_base_or_sort_is_refused(at: Layout, changes: Config, message: str) -> None:
    adapted(at, put_clip(at).visual, "ViT-B/16", target_modules=["c_fc"])
    our(at, CLIP)
    rewritten(at, changes)
    with pytest.raises(SitterError, match=message):
        our(at, CLIP)


def test_layers_that_are_not_there_and_other_shapes_are_named(at: Layout) -> None:
    adapted(at, put_clip(at).visual, target_modules=["c_fc"])
    file = adapter_file(at)
    state = load_file(file)
    first = "base_model.model.transformer.resblocks.0.mlp.c_fc"

    def of(changed: dict[str, torch.Tensor]) -> None:
        save_file(changed, file)
        fetched(at)
        our(at, CLIP)

    with pytest.raises(SitterError, match=r"updates transformer.resblocks.7.mlp.c_fc, but ViT-B-16.* has 3 blocks"):
        of({name.replace(".2.", ".7."): value for name, value in state.items()})
    with pytest.raises(SitterError, match=r"updates transformer.resblocks.0.mlp.gate, which has no counterpart"):
        of({name.replace("0.mlp.c_fc", "0.mlp.gate"): value for name, value in state.items()})
    with pytest.raises(SitterError, match=r"update of transformer.resblocks.0.mlp.c_fc is 256 × 32 .*is 256 × 64"):
        of(state | {f"{first}.lora_A.weight": state[f"{first}.lora_A.weight"][:, :32].contiguous()})
    with pytest.raises(SitterError, match=r"resblocks.0.mlp.c_fc has A \[4, 64\], B \[256, 3\], which are not"):
        of(state | {f"{first}.lora_B.weight": state[f"{first}.lora_B.weight"][:, :3].contiguous()})
    twice = {name.replace("transformer.", "another.transformer."): value.clone() for name, value in state.items()}
    with pytest.raises(SitterError, match=r"updates one layer of ViT-B-16-quickgelu twice, the second time"):
        of(state | twice)
    with pytest.raises(SitterError, match=r"holds .*lora_magnitude_vector.* no factor"):
        of(state | {f"{first}.lora_magnitude_vector": torch.ones(256)})


def test_an_adapter_needs_its_configuration_and_weights_are_none(at: Layout) -> None:
    put_clip(at)
    with pytest.raises(SitterError, match=r"clip.pt is no adapter in the format of peft"):
        our(at, {**CLIP, "adapter": "base"})
    (at.root / ELSEWHERE).mkdir()
    save_file({"a": torch.ones(1)}, adapter_file(at))
    with pytest.raises(SitterError, match=r"LoRA adapter without its adapter_config.json"):
        fetched(at)


def test_the_first_study_takes_the_authors_own_adapter_by_the_lines_that_it_shows() -> None:
    text = (PROJECT / "studies/artface.yaml").read_text(encoding="utf-8")
    shown = "".join(re.findall(r"^#     ((?:download|models|published): .*\n|    .*\n)", text, re.MULTILINE))
    changes = yaml.safe_load(shown)
    raw = yaml.safe_load(text)
    for section, entries in changes.items():
        raw[section] = raw.get(section, {}) | entries
    study = params.check(deepcopy(raw))
    trained = next(job for job in jobs(study) if job.names == ("clip-lora-theirs",))
    assert trained.inputs == (Path("data/raw/clip"), Path("data/raw/artface-lora"))
    (found,) = comparisons(study.published, {"historical-faces": {"clip-lora-theirs": {"eer": Figure(0.131)}}})
    assert found.rows[0][2]["eer"].difference == 0
    del raw["models"]["clip-lora-theirs"]["backbone"]["weights"]
    with pytest.raises(SitterError, match=r"clip-lora-theirs.backbone.adapter needs the weights that it was trained w"):
        params.check(raw)


@pytest.mark.parametrize("content", ['{"peft_type": "LO', "[]"])
def test_a_configuration_that_was_cut_off_is_named(at: Layout, content: str) -> None:
    adapted(at, put_clip(at).visual, target_modules=["c_fc"])
    (at.root / ELSEWHERE / "adapter_config.json").write_text(content)
    fetched(at)
    with pytest.raises(SitterError, match=r"adapter_config.json is not the configuration of an adapter.*fetch it"):
        our(at, CLIP)
