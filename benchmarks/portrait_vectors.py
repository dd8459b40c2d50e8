"""Vectors of your own portraits by frozen networks, made by the pipeline's own stages: what other scripts here need."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import params
from pipeline.core.files import read_table
from pipeline.core.layout import HERE
from pipeline.core.numbers import Singles
from pipeline.plan.stages import jobs
from pipeline.store.accounts import each_account
from pipeline.store.embeddings import FILE
from pipeline.store.splits import each_image

CROPS = "-crops"
"""After the name of a network: its vectors with those of a closer and a wider crop added."""
SIDES = [0.9, 1.1]
PAINTED = "orl-painted"
MEMBERS = ("dlib", "mobilefacenet", "dlib-features", "mobilefacenet-features")


@dataclass(frozen=True)
class Portraits:
    """The vectors of every portrait by network, and of their mirror images; sitters are numbered from 0."""

    plain: Mapping[str, Singles]
    mirrored: Mapping[str, Singles]
    sitter: NDArray[np.int32]
    size: Singles
    """Of each face in its picture: the root of its box's area, in pixels."""
    painted: Portraits | None = None
    """Painted photographs of other people, for training alone."""

    @property
    def sitters(self) -> int:
        """How many there are."""
        return int(self.sitter.max()) + 1


def embedded(portraits: Path, weights: Path) -> Portraits:
    """Detect, align and embed portraits and painted photographs by the pipeline's own stages, in the working folder."""
    shown = params.read(Path(__file__).parents[1] / "studies/portraits-two-recognisers.yaml")
    manifest = {"kind": "manifest", "path": str(portraits / "manifest.csv"), "columns": {"path": "image"}}
    entries = {name: shown["download"][name] for name in ("retinaface", "dlib", "orl")}
    made = params.check(
        {
            "seed": 1,
            "download": {"portraits": manifest, "mobilefacenet": {"kind": "file", "path": str(weights)}, **entries},
            "render": shown["render"],
            "align": shown["align"],
            "split": {"portraits": {"kind": "sitters", "test": 1.0}, PAINTED: shown["split"][PAINTED]},
            "train": {},
            "models": {
                name + end: shown["models"][name] | {"mirror": True, "crops": SIDES if end else []}
                for name in MEMBERS
                for end in ("", CROPS)
            },
            "embed": {"datasets": ["portraits", PAINTED], "batch": 64},
            "evaluate": {"benchmarks": {}},
        }
    )
    for job in jobs(made):
        if job.stage not in ("evaluate", "report"):
            importlib.import_module(f"pipeline.stages.{job.stage}").run(made, *job.names)
    return replace(_read("portraits", list(made.models)), painted=_read(PAINTED, list(made.models)))


def _read(dataset: str, models: list[str]) -> Portraits:
    sitter = {image_id: name for image_id, name, _ in each_image(dataset, HERE)}
    tables = {name: read_table(HERE.embeddings(name, dataset) / FILE) for name in models}
    ids = tables[MEMBERS[0]]["image_id"].to_pylist()
    number = {name: n for n, name in enumerate(sorted({sitter[i] for i in ids}))}
    plain, mirrored = (
        {name: np.array(table[column].to_pylist(), np.float32) for name, table in tables.items()}
        for column in ("embedding", "mirrored")
    )
    faces = {image.image_id: image.box for image in each_account(dataset, HERE)}
    boxes = np.array([faces[i] for i in ids])
    size = np.sqrt((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))
    return Portraits(plain, mirrored, np.array([number[sitter[i]] for i in ids], np.int32), size)
