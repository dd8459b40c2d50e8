"""How much does data augmentation help on portraits, all of it and each part alone?

    python -m benchmarks.augmentation --portraits ../shared/data/portraits --weights ../shared/weights/mobilefacenet.pt

The user brings a folder with `manifest.csv` (image, sitter) and MobileFaceNet's weights. MobileFaceNet is adapted by
LoRA and InfoNCE with cross-validation: each sitter is tested by a network that has not seen this sitter. The last epoch
is kept, so that nothing is chosen. Each variant is trained with several seeds, the same for all variants. The table has
the mean of each figure over the seeds with its standard deviation, and the mean difference from training without
augmentation, seed by seed, with its standard deviation. The last line has the interval of a figure over sitters, with
which the differences should be compared.
"""

from __future__ import annotations

import argparse
import importlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline import params
from pipeline.core.files import read_json
from pipeline.params.augment import Augmentation
from pipeline.plan.stages import jobs

FIGURES = ("eer", "tar@0.01", "rank-1")
OFF = dict.fromkeys(Augmentation.model_fields, 0.0)
FROZEN = {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}


def variants() -> dict[str, dict[str, Any] | None]:
    """Return settings of augmentation by name: none, all, and each way alone with its probability as in all."""
    alone = {way: OFF | {way: field.default} for way, field in Augmentation.model_fields.items()}
    return {"plain": None, "augmented": {}, **alone}


def study(portraits: Path, weights: Path, given: argparse.Namespace, names: Sequence[str]) -> params.Study:
    """Return the study of the chosen variants."""
    seeds = list(range(1, given.seeds + 1))
    train = {"sitters": 16, "images": 3, "epochs": given.epochs, "lr": given.lr, "keep": "last", "val_images": 2}
    backbone = {"kind": "mobilefacenet", "weights": "mobilefacenet"}
    retinaface = params.read(Path(__file__).parents[1] / "studies/portraits-two-recognisers.yaml")["download"]
    models: dict[str, Any] = {"frozen": {"backbone": backbone, **FROZEN}}
    for name, augment in variants().items():
        if name in names:
            models[name] = {
                "backbone": backbone,
                "adaptation": {"kind": "lora", "rank": 8, "roles": ["conv"], "stages": 4},
                "loss": {"kind": "infonce"},
                "training": {"augment": augment},
                "crossval": True,
                "sweep": {"training.seed": seeds},
            }
    benchmark = {"probe": "portraits", "within_folds": True}
    return params.check(
        {
            "seed": 1,
            "download": {
                "portraits": {
                    "kind": "manifest",
                    "path": str(portraits / "manifest.csv"),
                    "columns": {"path": "image"},
                },
                "mobilefacenet": {"kind": "file", "path": str(weights)},
                "retinaface": retinaface["retinaface"],
            },
            "align": {
                "portraits": {
                    "detectors": [{"kind": "retinaface-mobilenet", "weights": "retinaface", "sides": [640, 320, 1280]}]
                }
            },
            "split": {"portraits": {"kind": "sitters", "test": 1.0, "folds": given.folds}},
            "train": {"train_on": ["portraits"], **train},
            "models": models,
            "fuse": {"frozen-centred": {"models": ["frozen"], "method": {"kind": "folds"}}},
            "embed": {"datasets": ["portraits"], "batch": 64},
            "evaluate": {
                "far": [0.01],
                "bootstrap": {"replicates": 500, "level": 0.95},
                "benchmarks": {
                    "pairs": {"kind": "all-pairs", **benchmark},
                    "search": {"kind": "identification", **benchmark, "ranks": [1]},
                },
            },
        }
    )


def run(made: params.Study) -> dict[str, dict[str, float]]:
    """Run every stage but the report in the working folder; return the figures by model."""
    for job in jobs(made):
        if job.stage != "report":
            importlib.import_module(f"pipeline.stages.{job.stage}").run(made, *job.names)
    results = read_json(Path("results/metrics.json"))
    return {model: results["pairs"][model] | results["search"][model] for model in results["pairs"]}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--variants", nargs="+", default=list(variants()), choices=list(variants()))
    given = parser.parse_args()
    names = list(dict.fromkeys(["plain", *given.variants]))
    torch.set_num_threads(1)
    portraits, weights = given.portraits.resolve(), given.weights.resolve()
    made = study(portraits, weights, given, names)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        found = run(made)
    settings = f"{given.seeds} seeds, {given.folds} folds, {given.epochs} epochs, lr {given.lr:g}"
    print(f"{settings}; %, mean ± standard deviation over seeds")
    print(f"{'':16}" + "".join(f"{figure:16}{'against plain':18}" for figure in FIGURES))
    for model in ("frozen", "frozen-centred"):
        print(f"{model:16}" + "".join(f"{100 * found[model][figure]:<34.2f}" for figure in FIGURES))
    for name in names:
        row = f"{name:16}"
        for figure in FIGURES:
            values, plain = (
                100 * np.array([found[f"{of}-seed-{seed}"][figure] for seed in range(1, given.seeds + 1)])
                for of in (name, "plain")
            )
            against = values - plain
            row += f"{values.mean():.2f} ± {values.std(ddof=1):.2f}".ljust(16)
            row += ("" if name == "plain" else f"{against.mean():+.2f} ± {against.std(ddof=1):.2f}").ljust(18)
        print(row.rstrip())
    first = found["plain-seed-1"]
    ends = ", ".join(f"{f} {100 * first[f'{f}_low']:.1f} to {100 * first[f'{f}_high']:.1f}" for f in FIGURES)
    print(f"95 % intervals over sitters of plain, seed 1: {ends}")


if __name__ == "__main__":
    main()
