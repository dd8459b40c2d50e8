"""Vision transformers: the vectors of open_clip's and timm's own networks, from the files that people have."""

from __future__ import annotations

import json
from functools import partial

import pytest
import torch
from safetensors.torch import save_file

from pipeline.core.errors import SitterError
from pipeline.models.backbones.clip import CLIP
from pipeline.models.backbones.timm_vit import TimmViT
from pipeline.models.build import build
from pipeline.models.preprocess import Preprocess
from pipeline.params.backbones.clip import CLIPOptions
from pipeline.params.backbones.timm_vit import TimmViTOptions
from tests.models.conftest import adaptation_options, backbone_options
from tests.models.test_backbones import put_weights

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning", "ignore::torch.jit.TracerWarning")
CLIP_SMALL = {"architecture": "ViT-B-16-quickgelu", "size": 64, "depth": 3, "width": 64}
VIT_SMALL = {"size": 56, "depth": 3, "width": 64}
DINO, REGISTERS = "vit_base_patch14_dinov2.lvd142m", "vit_base_patch14_reg4_dinov2.lvd142m"
NARROW = {"depth": 3, "embed_dim": 64, "num_heads": 1}
IJEPA = "vit_huge_patch14_gap_224.in1k_ijepa"
SMALL = [{"kind": "clip", **CLIP_SMALL}, *({"kind": "timm-vit", "architecture": a, **VIT_SMALL} for a in (DINO, IJEPA))]


def faces(size, n=2):
    return torch.randn(n, 3, size, size, generator=torch.Generator().manual_seed(3))


def stirred(network):
    """Every parameter as after training: what starts at zero, one or next to nothing hides mistakes."""
    torch.manual_seed(1)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter) * (0.3 if parameter.ndim < 2 else 0.05))
    return network.eval()


def their_clip(size=64, quick=True):
    """open_clip's whole model, towers for image and text, small."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (open_clip imports torchvision)
    import open_clip

    vision = {"image_size": size, "patch_size": 16, "layers": 3, "width": 64, "head_width": 64}
    text = {"context_length": 8, "vocab_size": 32, "width": 32, "heads": 1, "layers": 1}
    return stirred(open_clip.CLIP(512, vision, text, quick_gelu=quick))


def their_vit(architecture, size=56):
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (timm imports torchvision)
    import timm

    return stirred(timm.create_model(architecture, num_classes=0, img_size=size, **NARROW))


@torch.inference_mode()
def same(ours, x, theirs):
    assert theirs.std() > 0.01
    torch.testing.assert_close(ours.eval()(x), theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("file", ["open_clip_model.safetensors", "open_clip_pytorch_model.bin", "training.pt"])
def test_clip_gives_the_vectors_of_open_clip_from_its_files(at, file):
    theirs, x = their_clip(), faces(64)
    state = {k: v.contiguous() for k, v in theirs.state_dict().items()}
    wrapped = {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in state.items()}}
    save = save_file if file.endswith("s") else torch.save
    put_weights(at, "clip", lambda folder: save(wrapped if file == "training.pt" else state, folder / file))
    with torch.inference_mode():
        expected = theirs.encode_image(x)
        tokens = theirs.visual.ln_post(theirs.visual.transformer(theirs.visual._embeds(x)))
    same(CLIP(CLIPOptions(weights="clip", **CLIP_SMALL), at), x, expected)
    same(CLIP(CLIPOptions(weights="clip", projected=False, **CLIP_SMALL), at), x, tokens[:, 0])


def test_clip_reads_openais_archive_and_asks_for_the_activation_that_it_was_trained_with(at):
    theirs, x = their_clip(), faces(64)
    with torch.no_grad():
        theirs.half().float()  # OpenAI's weights have half precision
        expected = theirs.encode_image(x)
        traced = torch.jit.trace(theirs, (x, torch.zeros(2, 8, dtype=torch.long)), check_trace=False).half()
    put_weights(at, "openai", lambda folder: torch.jit.save(traced, str(folder / "ViT-B-16.pt")))
    same(CLIP(CLIPOptions(weights="openai", **CLIP_SMALL), at), x, expected)
    with pytest.raises(
        SitterError, match=r"ViT-B-16.pt was trained with QuickGELU: set architecture: ViT-B-16-quickge"
    ):
        CLIP(CLIPOptions(weights="openai", **CLIP_SMALL | {"architecture": "ViT-B-16"}), at)
    plain = their_clip(quick=False)
    plain.load_state_dict(theirs.state_dict())
    wrong = CLIPOptions(weights="openai", **CLIP_SMALL | {"architecture": "ViT-B-16", "other_activation": True})
    same(CLIP(wrong, at), x, plain.encode_image(x))
    assert not torch.allclose(plain.encode_image(x), expected, atol=1e-3)


@pytest.mark.parametrize(
    ("repo", "right", "wrong"),
    [
        ("timm/vit_base_patch16_clip_224.openai", "ViT-B-16-quickgelu", "ViT-B-16"),
        ("laion/CLIP-ViT-B-16-laion2B-s34B-b88K", "ViT-B-16", "ViT-B-16-quickgelu"),
    ],
)
def test_the_activation_is_known_of_files_from_a_published_place(at, repo, right, wrong):
    theirs = their_clip(quick=right.endswith("quickgelu"))
    put_weights(at, "clip", lambda folder: torch.save(theirs.state_dict(), folder / "open_clip_model.pt"))
    (at.root / "data/raw/clip/source.json").write_text(json.dumps({"kind": "hub", "repo": repo}))
    same(
        CLIP(CLIPOptions(weights="clip", **CLIP_SMALL | {"architecture": right}), at),
        faces(64),
        theirs.encode_image(faces(64)),
    )
    with pytest.raises(SitterError, match=f"set architecture: {right} "):
        CLIP(CLIPOptions(weights="clip", **CLIP_SMALL | {"architecture": wrong}), at)


def test_clip_takes_its_positions_to_another_grid_as_open_clip_does(at):
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (open_clip imports torchvision)
    import open_clip

    theirs, x = their_clip(), faces(96)
    put_weights(at, "clip", lambda folder: torch.save(theirs.state_dict(), folder / "clip.pt"))
    larger, state = their_clip(96), theirs.state_dict()
    open_clip.model.resize_pos_embed(state, larger)
    larger.load_state_dict(state)
    same(CLIP(CLIPOptions(weights="clip", **CLIP_SMALL | {"size": 96}), at), x, larger.encode_image(x))


def test_weights_of_another_clip_and_of_none_are_refused(at):
    put_weights(at, "clip", lambda folder: torch.save(their_clip().state_dict(), folder / "clip.pt"))
    put_weights(at, "face", lambda folder: torch.save({"conv1.weight": torch.zeros(2)}, folder / "face.pt"))
    with pytest.raises(
        SitterError, match=r"clip.pt does not fit CLIP ViT-B-16-.*: 12 of its \d+ tensors have no place"
    ):
        CLIP(CLIPOptions(weights="clip", **CLIP_SMALL | {"depth": 2}), at)
    with pytest.raises(SitterError, match=r"clip.pt does not fit .*12 of \d+ tensors are missing, transformer.resbl"):
        CLIP(CLIPOptions(weights="clip", **CLIP_SMALL | {"depth": 4}), at)
    with pytest.raises(
        SitterError, match=r"face.pt holds no image tower of CLIP.*Published as timm/vit_base_patch16_cl"
    ):
        CLIP(CLIPOptions(weights="face", **CLIP_SMALL), at)
    with pytest.raises(SitterError, match=r"size is 100, no multiple of the 16 pixels .*: take 96"):
        CLIP(CLIPOptions(architecture="ViT-B-16", size=100), at)


@pytest.mark.parametrize("architecture", [DINO, REGISTERS, IJEPA, "vit_base_patch16_224.mae"])
def test_timm_vit_gives_the_vectors_of_timm_from_its_files(at, architecture):
    size = 64 if "16" in architecture else 56
    theirs, x = their_vit(architecture, size), faces(size)
    put_weights(at, "vit", lambda folder: save_file(theirs.state_dict(), folder / "model.safetensors"))
    same(
        TimmViT(TimmViTOptions(architecture=architecture, weights="vit", **VIT_SMALL | {"size": size}), at),
        x,
        theirs(x),
    )


def authors_dinov2(theirs):
    """As Meta's file has it: a mask token, and a position for the class token even beside registers."""
    state = dict(theirs.state_dict()) | {"mask_token": torch.zeros(1, 64)}
    if "reg_token" in state:
        state["register_tokens"] = state.pop("reg_token")
        state["pos_embed"] = torch.cat([0.25 * torch.ones(1, 1, 64), state["pos_embed"]], 1)
        state["cls_token"] = state["cls_token"] - 0.25
    return state


def authors_ijepa(theirs):
    """As Meta's training script saves it: two encoders and a predictor of several processes."""
    encoder = {f"module.{k}": v for k, v in theirs.state_dict().items()}
    other = {k: torch.zeros_like(v) for k, v in encoder.items()}
    return {"encoder": encoder, "predictor": {"module.x": torch.ones(1)}, "target_encoder": other, "epoch": 3}


@pytest.mark.parametrize(
    ("architecture", "as_published"), [(DINO, authors_dinov2), (REGISTERS, authors_dinov2), (IJEPA, authors_ijepa)]
)
def test_timm_vit_reads_the_authors_files(at, architecture, as_published):
    theirs, x = their_vit(architecture), faces(56)
    put_weights(at, "vit", lambda folder: torch.save(as_published(theirs), folder / "published.pth"))
    same(TimmViT(TimmViTOptions(architecture=architecture, weights="vit", **VIT_SMALL), at), x, theirs(x))


def test_either_encoder_of_ijepa_can_be_taken_and_its_absence_is_said(at):
    trained, mean, x = their_vit(IJEPA), their_vit(IJEPA), faces(56)
    with torch.no_grad():
        for parameter in mean.parameters():
            parameter.mul_(0.9)
    both = {"encoder": trained.state_dict(), "target_encoder": mean.state_dict(), "epoch": 300}
    put_weights(at, "both", lambda folder: torch.save(both, folder / "IN1K-vit.h.14-300e.pth.tar"))
    put_weights(at, "one", lambda folder: torch.save(trained.state_dict(), folder / "one.pth"))
    for encoder, theirs in (("encoder", trained), ("target_encoder", mean)):
        same(
            TimmViT(TimmViTOptions(architecture=IJEPA, weights="both", encoder=encoder, **VIT_SMALL), at), x, theirs(x)
        )
    with pytest.raises(SitterError, match=r"one\.pth holds no 'target_encoder' but "):
        TimmViT(TimmViTOptions(architecture=IJEPA, weights="one", encoder="target_encoder", **VIT_SMALL), at)


def test_timm_vit_takes_its_positions_to_another_grid_as_timm_does(at):
    theirs, x = their_vit(DINO, 84), faces(56)
    put_weights(at, "vit", lambda folder: save_file(theirs.state_dict(), folder / "model.safetensors"))
    ours = TimmViT(TimmViTOptions(architecture=DINO, weights="vit", **VIT_SMALL), at)
    theirs.set_input_size(img_size=56)
    same(ours, x, theirs(x))


def test_weights_of_another_transformer_are_refused_with_the_right_ones_address(at):
    put_weights(at, "vit", lambda folder: save_file(their_vit(DINO).state_dict(), folder / "model.safetensors"))
    with pytest.raises(
        SitterError, match=r"model.safetensors does not fit timm's .*dinov2_vitb14.*apache-2.0.*no place"
    ):
        TimmViT(TimmViTOptions(architecture=DINO, weights="vit", **VIT_SMALL | {"depth": 2}), at)
    with pytest.raises(SitterError, match=r"does not fit timm's vit_huge.*cc-by-nc-4.0"):
        TimmViT(TimmViTOptions(architecture=IJEPA, weights="vit", **VIT_SMALL), at)
    with pytest.raises(SitterError, match=r"size is 100, no multiple of the 14 pixels .*: take 98"):
        TimmViT(TimmViTOptions(architecture=DINO, **VIT_SMALL | {"size": 100}), at)


@pytest.mark.parametrize("options", SMALL, ids=lambda o: o["architecture"])
def test_stages_are_patches_blocks_and_head_cut_anywhere(at, options):
    network, _ = build(backbone_options(**options), adaptation_options(kind="none"), 1, at)
    x = faces(options["size"])
    assert [name for name, _ in network.stages.named_children()] == ["patches", "block1", "block2", "block3", "head"]
    with torch.inference_mode():
        for cut in range(6):
            assert torch.equal(network.stages[cut:](network.stages[:cut](x)), network(x))


@pytest.mark.parametrize(
    ("network", "known"),
    [
        (partial(CLIP, CLIPOptions(**CLIP_SMALL)), None),
        (
            partial(TimmViT, TimmViTOptions(architecture=DINO, **VIT_SMALL)),
            ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ),
    ],
)
def test_pixels_are_normalised_as_torchvision_would(network, known):
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (open_clip imports torchvision)
    import open_clip
    from torchvision.transforms.functional import normalize, to_tensor

    from pipeline.core.alignment import ARCFACE

    mean, deviation = known or (open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD)
    prepare = Preprocess(network())
    prepare.template = ARCFACE  # as it is, without alignment
    face = torch.randint(256, (112, 112, 3), dtype=torch.uint8).numpy()
    torch.testing.assert_close(prepare(face, ARCFACE.points), normalize(to_tensor(face), mean, deviation))
