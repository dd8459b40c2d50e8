"""Vectors of your own portraits by frozen networks, made by the pipeline's own stages: what other scripts here need."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import params
from pipeline.core.files import read_table
from pipeline.plan import layout
from pipeline.plan.stages import jobs
from pipeline.store.embeddings import Floats
from pipeline.store.splits import each_image

CROPS = "-crops"
"""After the name of a network: its vectors with those of a closer and a wider crop added."""
SIDES = [0.9, 1.1]
MEMBERS = ("dlib", "mobilefacenet", "dlib-features", "mobilefacenet-features")


@dataclass(frozen=True)
class Portraits:
    """The vectors of every portrait by network, and of their mirror images; sitters are numbered from 0."""

    plain: Mapping[str, Floats]
    mirrored: Mapping[str, Floats]
    sitter: NDArray[np.int32]

    @property
    def sitters(self) -> int:
        """How many there are."""
        return int(self.sitter.max()) + 1


def embedded(portraits: Path, weights: Path) -> Portraits:
    """Detect, align and embed the portraits by the pipeline's own stages, in the working folder."""
    shown = params.read(Path(__file__).parents[1] / "studies/portraits-two-recognisers.yaml")
    manifest = {"kind": "manifest", "path": str(portraits / "manifest.csv"), "columns": {"path": "image"}}
    entries = {name: shown["download"][name] for name in ("retinaface", "dlib")}
    made = params.check(
        {
            "seed": 1,
            "download": {"portraits": manifest, "mobilefacenet": {"kind": "file", "path": str(weights)}, **entries},
            "align": {"portraits": shown["align"]["portraits"]},
            "split": {"portraits": {"kind": "sitters", "test": 1.0}},
            "train": {},
            "models": {
                name + end: shown["models"][name] | {"mirror": True, "crops": SIDES if end else []}
                for name in MEMBERS
                for end in ("", CROPS)
            },
            "embed": {"datasets": ["portraits"], "batch": 64},
            "evaluate": {"benchmarks": {}},
        }
    )
    for job in jobs(made):
        if job.stage not in ("evaluate", "report"):
            importlib.import_module(f"pipeline.stages.{job.stage}").run(made, *job.names)
    sitter = {image_id: name for image_id, name, _ in each_image("portraits")}
    tables = {name: read_table(layout.embeddings(name, "portraits") / "embeddings.arrow") for name in made.models}
    ids = tables[MEMBERS[0]]["image_id"].to_pylist()
    known = sorted(sitter[i] for i in ids)
    number = {name: n for n, name in enumerate(dict.fromkeys(known))}
    plain, mirrored = (
        {name: np.array(table[column].to_pylist(), np.float32) for name, table in tables.items()}
        for column in ("embedding", "mirrored")
    )
    return Portraits(plain, mirrored, np.array([number[sitter[i]] for i in ids], np.int32))
