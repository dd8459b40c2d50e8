"""A small study on generated faces, for the tests of training."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from pipeline.core.alignment import ARCFACE
from pipeline.core.files import output_folder, write_csv
from pipeline.core.layout import Layout
from pipeline.models.build import build
from pipeline.params import Study, check
from pipeline.params.recipe import Recipe, recipe_of
from pipeline.params.split import Split
from pipeline.store.faces import StoredFace, encode, write_faces
from pipeline.training.data import Faces, read_faces
from pipeline.training.loop import Run
from pipeline.training.prepare import prepare
from pipeline.training.processes import connect
from pipeline.training.stop import StopRequest

TINY: dict[str, Any] = {"kind": "iresnet", "depth": 18, "width": 0.03, "embedding": 8}
SMALLER = TINY | {"size": 48}
"""A smaller network, for tests that spend their time on training."""
STUDY: dict[str, Any] = {
    "seed": 3,
    "download": {name: {"kind": "folder", "path": name} for name in ("tiny", "more")},
    "align": {name: {"detectors": [{"kind": "aligned"}]} for name in ("tiny", "more")},
    "split": {name: {"kind": "sitters", "test": 0.2, "val": 0.2} for name in ("tiny", "more")},
    "train": {"train_on": ["tiny"], "epochs": 3, "sitters": 4, "images": 3, "checkpoint_seconds": 0},
    "models": {
        "small": {"backbone": TINY, "adaptation": {"kind": "full"}, "loss": {"kind": "arcface", "scale": 16}},
        "head": {"backbone": TINY, "adaptation": {"kind": "head"}, "loss": {"kind": "triplet"}},
        "lora": {
            "backbone": TINY,
            "adaptation": {"kind": "lora", "rank": 2, "stages": 2, "dropout": 0.2},
            "loss": {"kind": "infonce"},
        },
        "frozen": {"backbone": TINY, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}},
    },
    "embed": {"datasets": ["tiny"], "batch": 16},
    "evaluate": {"benchmarks": {"all": {"kind": "all-pairs", "probe": "tiny"}}},
}


def study(model: str = "small", seed: int = STUDY["seed"], training_seed: int | None = None, **training: Any) -> Study:
    """Return the study with some settings of one model's training changed."""
    raw = copy.deepcopy(STUDY)
    raw["seed"] = seed
    raw["models"][model]["training"] = training | {"seed": training_seed}
    return check(raw)


def write_params(path: Path, **training: Any) -> None:
    """Write the study as a params file, with some settings under `train` changed and a smaller network."""
    raw = copy.deepcopy(STUDY)
    raw["train"] |= training
    raw["models"]["small"]["backbone"] = SMALLER
    path.write_text(yaml.safe_dump(raw, sort_keys=False))


def make_faces(
    at: Layout, dataset: str = "tiny", sitters: int = 9, images: int = 5, train: int = 6, val: int = 2
) -> None:
    """Write the faces of a data set and its split: each sitter is a pattern, and each image adds noise to it."""
    rng = np.random.default_rng([sitters, images])
    faces, rows = [], []
    for sitter in range(sitters):
        pattern = np.kron(rng.integers(0, 256, (7, 7, 3)), np.ones((16, 16, 1)))
        for image in range(images):
            crop = np.clip(pattern + rng.normal(0, 50, pattern.shape), 0, 255).astype(np.uint8)
            name = f"s{sitter}/{image}"
            faces.append(StoredFace(name, f"s{sitter}", encode(crop), ARCFACE.points, "aligned", 1.0))
            subset = "train" if sitter < train else "val" if sitter < train + val else "test"
            rows.append({"image_id": name, "sitter": f"s{sitter}", "subset": subset, "fold": 0})
    with output_folder(at.faces(dataset)) as folder:
        write_faces(folder, faces)
    with output_folder(at.split(dataset)) as folder:
        write_csv(folder / "split.csv", rows, ["image_id", "sitter", "subset", "fold", "origin"])


def prepared(at: Layout, model: str = "small", seed: int = 3, training_seed: int | None = None, **training: Any) -> Run:
    """Return a training that has not begun."""
    return prepared_by(recipe_of(study(model, seed, training_seed, **training), model), at)


def prepared_by(recipe: Recipe, at: Layout) -> Run:
    """Return a training by a recipe that has not begun."""
    built = build(recipe.model.backbone, recipe.model.adaptation, recipe.seed, at)
    return prepare(recipe, built, read_faces(recipe, at), connect(), StopRequest(), at)


def train_and_val(at: Layout, splits: dict[str, Split] | None = None, **training: Any) -> tuple[Faces, Faces]:
    """Return the faces of the train sitters and of the val sitters."""
    recipe = recipe_of(study(**training), "small")
    found = read_faces(recipe if splits is None else replace(recipe, splits=splits), at)
    return found.train, found.val
