"""Embedding faces: the stage with `embed.precision: auto` against a plain loop in float32, decoding included."""

from __future__ import annotations

import argparse
import contextlib
import io
from itertools import islice
from typing import Any

import torch

from benchmarks.embed import make_faces, model, plain
from benchmarks.gpu.timing import CUDA, DEVICE, Steps, rates, row
from pipeline.models.load import Embedder
from pipeline.models.precision import choose_precision, in_precision, least_cosine
from pipeline.models.preprocess import Normalise
from pipeline.stages.embed import batches, embed
from pipeline.store.faces import FaceStore

# Each network, and the divisor of the number of faces: the plain loop of the largest would take minutes.
NETWORKS: dict[str, tuple[dict[str, Any], int]] = {
    "IResNet-50": ({"kind": "iresnet", "depth": 50}, 1),
    "IResNet-100": ({"kind": "iresnet", "depth": 100}, 1),
    "ViT-B/16": ({"kind": "clip", "architecture": "ViT-B-16"}, 2),
    "ViT-H/14": ({"kind": "clip", "architecture": "ViT-H-14"}, 8),
}
SMALL: dict[str, tuple[dict[str, Any], int]] = {
    "IResNet-18, width 1/8": ({"kind": "iresnet", "depth": 18, "width": 0.125}, 1)
}


def measure(given: argparse.Namespace) -> None:
    """Print the rates of both ways for each network, and how close the chosen precision is to float32."""
    stores = {part: make_faces(given.faces // part) for part in (1, 2, 8)} if CUDA else {1: make_faces(given.faces)}
    for name, (options, part) in (SMALL if given.tiny else NETWORKS).items():
        store = stores[part]
        embedder = model(options["kind"], DEVICE, **{k: v for k, v in options.items() if k != "kind"})
        precision, cosine = chosen(embedder, store, given.embed_batch)
        print(f"{name}, {len(store)} faces, batches of {given.embed_batch}: auto is {precision}, cosine {cosine:.6f}")
        ways = {"embed, auto": staged(embedder, store, given.embed_batch), "plain loop, fp32": by_hand(embedder, store)}
        found = rates(ways, len(store), 1, given.rounds)
        for way, rate in found.items():
            times = rate.images / found["plain loop, fp32"].images
            print(row("embed", way, rate, 0, None) + f"   {times:.2f} × the plain loop", flush=True)


@torch.inference_mode()
def chosen(embedder: Embedder, store: FaceStore, batch: int) -> tuple[str, float]:
    """Return the precision that `auto` chooses for a first batch, and the lowest cosine with float32 in it."""
    (faces,) = islice(batches(embedder, store, batch), 1)
    x = Normalise(embedder.module).to(DEVICE)(faces.to(DEVICE)).contiguous(memory_format=torch.channels_last)
    precision = choose_precision(embedder.module, x)
    with in_precision(precision, DEVICE):
        found = embedder.module(x).float()
    return precision, least_cosine(found, embedder.module(x).float())


def staged(embedder: Embedder, store: FaceStore, batch: int) -> Steps:
    """Return steps of the stage; each step embeds all faces."""

    def steps(count: int) -> None:
        for _ in range(count if CUDA else min(count, 1)):
            with contextlib.redirect_stderr(io.StringIO()):
                for _ in embed(embedder, store, batch, "auto"):
                    pass

    return steps


def by_hand(embedder: Embedder, store: FaceStore) -> Steps:
    """Return steps of a plain loop."""

    def steps(count: int) -> None:
        for _ in range(min(count, 1)):
            plain(embedder, store)

    return steps
