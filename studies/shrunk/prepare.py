"""What the shrunk studies need, made of packages: `python -m studies.shrunk.prepare` (two minutes, once).

Into studies/shrunk/data/ go, in the forms that the full studies read:

    train.rec, train.idx, property    ORL photographs of 26 sitters, and two paintings of each, aligned
    photographs.bin, paintings.bin    pairs of the other 14, and of paintings made of their photographs
    across.bin                        a photograph and a painting each
    ViT-B-32.pt, dinov2.pth, ijepa.pth.tar
                                      the three transformers, two blocks deep and with random weights, in the forms in
                                      which OpenAI, the authors of DINOv2 and those of I-JEPA give theirs out

A frozen transformer with random weights recognises next to nobody. What the shrunk studies show is that everything
runs and that what is trained learns; what CLIP, DINOv2 and I-JEPA know of faces only the full ones tell.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline import params
from pipeline.commands import pack
from pipeline.core.files import output_folder
from pipeline.stages import align, download, render, split

PROJECT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Make everything anew."""
    make(params.load(PROJECT / "studies/shrunk/faces.yaml"), PROJECT / "studies/shrunk/data")


def make(study: params.Study, target: Path) -> None:
    """Make a folder of everything anew.

    Args:
        study: of the faces, as faces.yaml has it.
        target: the folder, absolute.
    """
    before = Path.cwd()
    with output_folder(target) as folder, tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)
        try:
            pack_faces(study, folder)
        finally:
            os.chdir(before)
        torch.manual_seed(study.seed)
        clip(folder / "ViT-B-32.pt")
        torch.save(transformer("vit_base_patch14_dinov2.lvd142m"), folder / "dinov2.pth")
        encoder = {
            f"module.{name}": value for name, value in transformer("vit_huge_patch14_gap_224.in1k_ijepa").items()
        }
        torch.save({"encoder": encoder, "target_encoder": encoder, "epoch": 0}, folder / "ijepa.pth.tar")
    print(f"{target}: {', '.join(sorted(file.name for file in target.iterdir()))}")


def pack_faces(study: params.Study, folder: Path) -> None:
    """The training set and the three verification sets, by the pipeline's own stages."""
    for entry in study.download:
        download.run(study, entry)
    render.run(study, "paintings")
    for dataset in study.align:
        align.run(study, dataset)
        split.run(study, dataset)
    pack.training_set(list(study.split), folder / "train.rec")
    pack.verification_set(study, "photographs", "photographs", folder / "photographs.bin")
    pack.verification_set(study, "paintings", "paintings", folder / "paintings.bin")
    pack.verification_set(study, "photographs", "paintings", folder / "across.bin")


def clip(path: Path) -> None:
    """A tower for images in a TorchScript archive, as OpenAI publishes its own."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (open_clip imports torchvision)
    from open_clip.model import _build_vision_tower

    vision = {"layers": 2, "width": 64, "image_size": 96, "patch_size": 32}
    whole: Any = nn.Module()
    whole.visual = _build_vision_tower(512, vision, quick_gelu=True).eval()
    whole.forward = whole.visual.forward
    torch.jit.trace(whole, torch.zeros(1, 3, 96, 96)).save(path)  # type: ignore[no-untyped-call]


def transformer(architecture: str) -> dict[str, Tensor]:
    """The state dict of a small one of timm's, whose names the authors' files share."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (timm imports torchvision)
    import timm

    net = timm.create_model(architecture, num_classes=0, img_size=56, depth=2, embed_dim=64, num_heads=1)
    state = net.state_dict()
    # DINOv2's blocks start scaled by 1e-5, and only training lets them speak.
    return {name: torch.ones_like(value) if name.endswith(".gamma") else value for name, value in state.items()}


if __name__ == "__main__":
    main()
