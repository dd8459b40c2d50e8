"""LoRA on CLIP's ViT at 224 pixels in bf16: our loop, plain and compiled, against a loop in plain PyTorch with peft."""

from __future__ import annotations

import argparse

import torch

from benchmarks.gpu.recogniser import ours, prepared
from benchmarks.gpu.timing import CUDA, DEVICE, Steps, rates, row
from benchmarks.train import make_faces, study
from pipeline.core.layout import HERE
from pipeline.models.build import build
from pipeline.models.preprocess import Normalise
from pipeline.params import Study
from pipeline.training.throughput import flops, peak


def measure(given: argparse.Namespace, architecture: str) -> None:
    """Print the rates of both sides; all steps use the same faces, which are already on the device."""
    make_faces(given.lora_batch // 2, 2)
    plain = lora(given, architecture, compile=False)
    run = prepared(plain)
    pixels = next(run.train.batches([run.sampler.batch(run.seed, 0, 0)]))
    labels = torch.from_numpy(run.sampler.labels[run.sampler.whole(run.seed, 0, 0).images]).to(DEVICE)
    each, best = flops(run.embed, pixels[:2]), peak(DEVICE, "bf16")
    print(f"{architecture}, LoRA 16 on q and v, InfoNCE, batch {len(pixels)}; {each / 1e9:.2f} GFLOPs an image")
    ways = {"sitter, bf16": ours(run, pixels), "PyTorch and peft, bf16": by_hand(plain, pixels, labels)}
    if given.compile:
        ways["sitter, bf16, compiled"] = ours(prepared(lora(given, architecture, compile=True)), pixels)
    found = rates(ways, len(pixels), given.steps, given.rounds)
    for name, rate in found.items():
        times = rate.images / found["PyTorch and peft, bf16"].images
        print(row("step", name, rate, each, best) + f"   {times:.2f} × plain PyTorch", flush=True)


def lora(given: argparse.Namespace, architecture: str, compile: bool) -> Study:
    """Return a study of LoRA on query and value of one transformer."""
    backbone = {"kind": "clip", "architecture": architecture, "size": given.lora_size}
    adaptation = {"kind": "lora", "rank": 16, "roles": ["q", "v"]}
    training = {"sitters": given.lora_batch // 2, "images": 2, "epochs": 1000, "cache_gb": 0, "schedule": "constant"}
    training |= {"precision": "bf16", "compile": compile, "lr": 1e-4}
    return study(backbone, adaptation, {"kind": "infonce"}, **training)


def by_hand(of: Study, pixels: torch.Tensor, labels: torch.Tensor) -> Steps:
    """Return steps of a plain loop."""
    entry = of.models["m"]
    network, _ = build(entry.backbone, entry.adaptation, of.seed, HERE)
    network.to(DEVICE).train()
    normalise, loss = Normalise(network).to(DEVICE), entry.loss.make(network.dim, len(labels))
    optimiser = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-4, weight_decay=0.0)

    def steps(count: int) -> None:
        for _ in range(count):
            optimiser.zero_grad()
            with torch.autocast(DEVICE.type, torch.bfloat16):
                embeddings = network(normalise(pixels))
            value = loss(embeddings.float(), labels)
            value.backward()
            optimiser.step()
            value.item()

    return steps


def fits(given: argparse.Namespace) -> list[str]:
    """Return the transformers to measure: both on a GPU, the smaller elsewhere."""
    return ["ViT-B-16", "ViT-B-32"] if CUDA and not given.tiny else ["ViT-B-32"]
