"""Where each stage keeps its files: the contract between the stages, relative to the project's root.

Each output folder holds a `manifest.csv`, written last: the edge that Snakemake and DVC hang on.
"""

from __future__ import annotations

from pathlib import Path

from pipeline.core.files import MANIFEST as MANIFEST


def raw(name: str) -> Path:
    """Images of a data set, or the files of a weights entry, as delivered (download, render)."""
    return Path("data/raw") / name


def faces(dataset: str) -> Path:
    """Aligned faces of a data set and the account of every input image (align)."""
    return Path("data/faces") / dataset


def split(dataset: str) -> Path:
    """`split.csv`, `near-duplicates.csv`, and `pairs.csv` for sets that come with pairs (split)."""
    return Path("data/splits") / dataset


def model(name: str) -> Path:
    """A model or fusion: `model.json`, `weights.safetensors`, `centres.safetensors`, `history.csv`, `metrics.json`."""
    return Path("models") / name


def checkpoints(name: str) -> Path:
    """Checkpoints of a model in training: no output of a stage, so that a killed job can resume."""
    return Path("checkpoints") / name


def embeddings(name: str, dataset: str) -> Path:
    """`embeddings.arrow` of one model or fusion on one data set (embed, fuse)."""
    return Path("embeddings") / name / dataset


def overlap(name: str) -> Path:
    """What a test set shares with training sets: `images.csv`, `sitters.csv`, `excluded.csv`, `summary.json`."""
    return Path("data/overlap") / name


def attributions(model: str) -> Path:
    """What a model looks at: `pairs.csv`, and `maps.arrow` with a map for each face of a pair (explain)."""
    return Path("attributions") / model


def results() -> Path:
    """`metrics.json`, `tables/`, `curves/`, `pairs/` (evaluate)."""
    return Path("results")


def report() -> Path:
    """The one self-contained page (report)."""
    return results() / "report.html"
