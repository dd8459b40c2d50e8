"""Is the embed stage slower than a plain batched loop? `python -m benchmarks.embed [KIND] [FACES]`

Both decode, align and normalise the same stored faces and run the same network in the same batches; the plain loop does
so in one thread, one after the other. The output has milliseconds per face for both, and how much longer the stage
takes.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import torch

from pipeline.core.alignment import ARCFACE
from pipeline.core.files import output_folder
from pipeline.core.layout import HERE
from pipeline.models.backbone import Backbone
from pipeline.models.build import build
from pipeline.models.device import device as first_device
from pipeline.models.load import Embedder
from pipeline.models.preprocess import Preprocess
from pipeline.params.adaptations.none import NoAdaptation
from pipeline.params.backbones import BACKBONES
from pipeline.stages import embed
from pipeline.store.faces import FaceStore, StoredFace, encode, write_faces

BATCH, REPEATS = 64, 5


def main(kind: str = "dlib-resnet29", *, faces: int = 256) -> None:
    """Measure one kind of backbone (with random weights, which take the same time)."""
    device = torch.device(first_device())
    embedder = model(kind, device)
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        store = make_faces(faces)
        plain(embedder, store), staged(embedder, store)  # warm up
        times = np.array([[timed(plain, embedder, store), timed(staged, embedder, store)] for _ in range(REPEATS)])
    loop, stage = times.min(0) / faces * 1e3
    print(
        f"{kind}, {device}, {torch.get_num_threads()} threads, {faces} faces: plain loop {loop:.2f} ms a face, "
        f"embed {stage:.2f} ms a face ({100 * (stage / loop - 1):+.1f} %)"
    )


def model(kind: str, device: torch.device, **options: Any) -> Embedder:
    """Return a network of this kind with random weights; `options` are the backbone's options in params.yaml."""
    made: Any = BACKBONES[kind].model_validate({"kind": kind, **options})
    network, _ = build(made, NoAdaptation(), 1, HERE)
    network.to(device=device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    network.requires_grad_(False)
    settle_statistics(network)
    return Embedder(kind, network, Preprocess(network), network.dim, False, device)


@torch.no_grad()
def settle_statistics(network: Backbone) -> None:
    """Give batch normalisation the statistics of noise; with the statistics of a new network, deep ones overflow."""
    norms = [m for m in network.modules() if isinstance(m, torch.nn.modules.batchnorm._BatchNorm)]
    for norm in norms:
        norm.momentum = None  # the mean over all batches; here there is one
        norm.train()
    size = network.template.size
    noise = torch.randn(BATCH, 3, size, size, device=next(network.parameters()).device)
    if norms:
        network.stages(noise.contiguous(memory_format=torch.channels_last))
    network.eval()


def make_faces(n: int) -> FaceStore:
    """Return faces of noise, stored as by `align`."""
    rng = np.random.default_rng(1)
    folder = HERE.faces("noise")
    with output_folder(folder) as part:
        small = (rng.integers(0, 256, (28, 28, 3), np.uint8) for _ in range(n))
        crops = (np.kron(s, np.ones((4, 4, 1), np.uint8)) for s in small)
        write_faces(part, (StoredFace(f"i{i}", "s", encode(c), ARCFACE.points, "", 1.0) for i, c in enumerate(crops)))
    return FaceStore(folder)


@torch.inference_mode()
def plain(embedder: Embedder, store: FaceStore) -> np.ndarray:
    """Embed the faces by a plain loop."""
    vectors = []
    for start in range(0, len(store), BATCH):
        rows = range(start, min(start + BATCH, len(store)))
        faces = torch.stack([embedder.prepare(store.crop(i), store.crop_landmarks[i]) for i in rows])
        x = faces.to(embedder.device).contiguous(memory_format=torch.channels_last)
        vectors.append(embedder.module(x).cpu().numpy())
    return np.concatenate(vectors)


def staged(embedder: Embedder, store: FaceStore) -> np.ndarray:
    """Embed the faces as the stage does."""
    with contextlib.redirect_stderr(io.StringIO()):
        return np.concatenate([vectors for (vectors,) in embed.embed(embedder, store, BATCH)])


def timed(way: Callable[[Embedder, FaceStore], np.ndarray], embedder: Embedder, store: FaceStore) -> float:
    """Return the seconds of one run."""
    start = perf_counter()
    way(embedder, store)
    return perf_counter() - start


if __name__ == "__main__":
    main(*sys.argv[1:2], faces=int(sys.argv[2]) if sys.argv[2:] else 256)
