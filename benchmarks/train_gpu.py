"""Sitter's speed on a GPU: training against named peers, embedding, and very large batches, in one run.

    python -m benchmarks.train_gpu                        all parts, on a GPU, in about six minutes
    python -m benchmarks.train_gpu --only recogniser      one part: recogniser, lora, embedding or gradcache
    python -m benchmarks.train_gpu --rec train.rec        the recogniser's loader on a training set of your own
    python -m benchmarks.train_gpu --tiny                 a few small steps, to see that all of it works without a GPU

    recogniser   ArcFace on IResNet-50 against InsightFace's arcface_torch (benchmarks/arcface_torch.py)
    lora         LoRA on CLIP's ViT-B/16 and B/32 at 224 pixels against plain PyTorch with peft
    embedding    the stage `embed` against a plain loop in float32, decoding included
    gradcache    InfoNCE with a batch of 32,768 in chunks: the parts of its time

    step         the same images, already on the device, at each step
    loader       images from a RecordIO file (ours: the face store that `align` makes of it), decoded by --workers
    MFU          model FLOPs (counted by PyTorch, forward and backward, loss left out) over the peak of the device

The ways of a part run in turns in one process, each after a few steps to warm up; the fastest turn of each counts.
Weights are random. The synthetic training set has JPEGs of noise, which are larger than photographs of faces.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu import embedding, gradcache, lora, recogniser
from benchmarks.gpu.timing import CUDA

PARTS = ("recogniser", "lora", "embedding", "gradcache")


def main() -> None:
    """Print a table for each part."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    options.add_argument("--rec", type=Path, help="a training set with images of 112×112 (default: a synthetic one)")
    options.add_argument("--images", type=int, default=16_000, help="images of the synthetic set, 8 per sitter")
    options.add_argument("--depths", type=int, nargs="+", default=[50])
    options.add_argument("--batch", type=int, default=512, help="images in a step of the recogniser")
    options.add_argument("--steps", type=int, default=25, help="steps in a turn (default: 25)")
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    options.add_argument(
        "--precision", choices=["fp16", "bf16", "fp32"], default="fp16", help="precision of our recogniser"
    )
    options.add_argument("--bf16", action="store_true", help="also measure our recogniser, compiled, in bf16")
    options.add_argument("--no-compile", dest="compile", action="store_false", help="measure nothing that compiles")
    options.add_argument("--tiny", action="store_true", help="make everything small, in fp32 if there is no GPU")
    given = options.parse_args()
    if not CUDA and not given.tiny:
        raise SystemExit("There is no GPU here. Use --tiny to see whether the benchmark works; figures need a GPU.")
    large = {"width": 1.0, "embedding": 512, "lora_batch": 256, "lora_size": 224, "faces": 8192, "embed_batch": 256}
    large |= {"large_batch": 32_768, "chunk": 1024}
    small: dict[str, Any] = {
        "width": 0.125,
        "embedding": 32,
        "lora_batch": 4,
        "lora_size": 64,
        "faces": 32,
        "embed_batch": 16,
    }
    small |= {"large_batch": 32, "chunk": 8, "images": 64, "depths": [18], "batch": 16, "steps": 1, "rounds": 1}
    small |= {"workers": min(given.workers, 2), "precision": given.precision if CUDA else "fp32"}
    vars(given).update(small if given.tiny else large)
    rec = given.rec and given.rec.resolve()
    print(f"{torch.cuda.get_device_name() if CUDA else 'CPU'}, PyTorch {torch.__version__}")

    def loras() -> None:
        for name in lora.fits(given):
            lora.measure(given, name)

    parts: dict[str, Callable[[], None]] = {
        "recogniser": lambda: recognisers(given, rec),
        "lora": loras,
        "embedding": lambda: embedding.measure(given),
        "gradcache": lambda: gradcache.measure(given),
    }
    for name in given.only:
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            parts[name]()
        if CUDA:
            torch.cuda.empty_cache()


def recognisers(given: argparse.Namespace, rec: Path | None) -> None:
    """Measure each depth on the training set, or on a synthetic one if none is given."""
    if rec is None:
        rec = Path("own/train.rec").absolute()
        recogniser.make_training_set(rec, given.images)
    for depth in given.depths:
        recogniser.measure(given, rec, depth)


if __name__ == "__main__":
    main()
