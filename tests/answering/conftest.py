"""A whole project, made by the stages: pictures that stand in for faces, a network of random weights, and fusions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from pipeline import params
from pipeline.core.pixels import RGBImage
from pipeline.stages import align, download, embed, fuse, split, train
from tests.faces_of_noise import face

SITTERS, EACH = 24, 3
STUDY = {
    "seed": 1,
    "download": {"photos": {"kind": "folder", "path": "portraits", "licence": "CC0-1.0"}},
    "align": {"photos": {"detectors": [{"kind": "aligned"}]}},
    "split": {"photos": {"kind": "sitters", "test": 0.5, "val": 0.1, "near_duplicates": False}},
    "train": {},
    "models": {
        "one": {"backbone": {"kind": "dlib-resnet29"}, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}},
        "two": {
            "backbone": {"kind": "dlib-resnet29"}, "adaptation": {"kind": "none"}, "loss": {"kind": "none"},
            "mirror": True, "crops": [0.9], "training": {"seed": 5},
        },
        "three": {"backbone": {"kind": "mobilefacenet"}, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}},
    },
    "embed": {"datasets": ["photos"], "batch": 16},
    "fuse": {
        "both": {"models": ["one", "two"], "method": {"kind": "concat"}, "fit_on": ["photos"]},
        "apart": {"models": ["one", "three"], "method": {"kind": "concat"}, "centre": False},
        "weighted": {"models": ["one", "two"], "method": {"kind": "weighted"}, "fit_on": ["photos"]},
        "whitened": {"models": ["one", "two"], "method": {"kind": "wccn"}, "fit_on": ["photos"]},
        "cohort": {
            "models": ["one", "both"], "method": {"kind": "concat"}, "fit_on": ["photos"], "score_norm": {"cohort": 10},
        },
    },
    "evaluate": {"benchmarks": {"pairs": {"kind": "all-pairs", "probe": "photos"}}, "bootstrap": {"replicates": 100}},
    "identify": {
        "who": {
            "probes": ["photos"], "gallery": ["photos"], "model": "one", "as_unidentified": ["s03"], "candidates": 3,
        },
    },
}  # fmt: skip


def portrait(sitter: int, number: int) -> RGBImage:
    """uint8 [112, 112, 3]: the sitter's own shades, with noise that differs from portrait to portrait."""
    noise = np.random.default_rng([sitter, number]).normal(0, 12, (112, 112, 3))
    return np.clip(face(sitter) + noise, 0, 255).astype(np.uint8)


def write_portraits(folder: Path, sitters: int = SITTERS, each: int = EACH) -> None:
    """A folder for each sitter."""
    for sitter in range(sitters):
        (folder / f"s{sitter:02}").mkdir(parents=True)
        for number in range(each):
            Image.fromarray(portrait(sitter, number)).save(folder / f"s{sitter:02}" / f"{number}.png")


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the project, all stages up to `fuse` done; not the working directory."""
    folder = tmp_path_factory.mktemp("answering") / "project"
    write_portraits(folder / "portraits")
    (folder / "params.yaml").write_text(yaml.safe_dump(STUDY, sort_keys=False))
    study = params.load(folder / "params.yaml", root=folder)
    download.run(study, "photos", folder)
    align.run(study, "photos", folder)
    split.run(study, "photos", folder)
    for model in study.models:
        train.run(study, model, folder)
        embed.run(study, model, "photos", folder)
    for fusion in study.fuse:
        fuse.run(study, fusion, folder)
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SITTER_CACHE", str(tmp_path_factory.mktemp("cache")))
