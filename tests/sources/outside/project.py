"""A project with a model and an outside system, for the tests of outside systems."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from pipeline.core.alignment import ARCFACE
from pipeline.core.files import output_folder, write_csv
from pipeline.core.layout import MANIFEST
from pipeline.params import check
from pipeline.stages import outside
from pipeline.store.embeddings import normalise, write_embeddings
from pipeline.store.faces import StoredFace, encode, write_faces

SITTERS, IMAGES = 8, 3
NAMES = [f"s{s}" for s in range(SITTERS) for _ in range(IMAGES)]
IDS = [f"{s}/{i}" for i, s in enumerate(NAMES)]
SUBSET = {f"s{s}": "train" if s < 2 else "test" for s in range(SITTERS)}
TEST = [i for i, s in zip(IDS, NAMES, strict=True) if SUBSET[s] == "test"]
PEOPLE = np.repeat(np.random.default_rng(0).normal(size=(SITTERS, 16)), IMAGES, axis=0)
VECTORS = (PEOPLE + 0.8 * np.random.default_rng(1).normal(size=PEOPLE.shape)).astype(np.float32)
NONE = {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}


def study(system=None, datasets=("photos",), benchmarks=None, fusions=None, **sections):
    system = {"kind": "embeddings", "file": "cots"} | (system or {})
    benchmarks = benchmarks or {"all": {"kind": "all-pairs", "probe": datasets[0]}}
    return check(
        {
            "seed": 1,
            "train": {},
            "download": {d: {"kind": "folder", "path": d} for d in datasets} | {"cots": {"kind": "file", "path": "x"}},
            "align": {d: {"detectors": [{"kind": "aligned"}]} for d in datasets},
            "split": {d: {"kind": "sitters", "test": 0.5} for d in datasets},
            "models": {"own": {"backbone": {"kind": "iresnet"}, **NONE}},
            "outside": {"cots": system},
            "embed": {"datasets": list(datasets), "batch": 8},
            "fuse": fusions or {},
            "evaluate": {"far": [0.1], "bootstrap": {"replicates": 100}, "benchmarks": benchmarks},
            **sections,
        }
    )


SCORES = {"kind": "scores"}


@pytest.fixture
def project(at):
    """Write faces, splits and the embeddings of a model; the outside system `cots` will give the same vectors."""
    crop = encode(np.zeros((112, 112, 3), np.uint8))
    for dataset in ("photos", "art"):
        with output_folder(at.faces(dataset)) as folder:
            write_faces(
                folder,
                [StoredFace(i, s, crop, ARCFACE.points, "aligned", 1.0) for i, s in zip(IDS, NAMES, strict=True)],
            )
            aligned = [{"image_id": i, "sitter": s, "status": "aligned"} for i, s in zip(IDS, NAMES, strict=True)]
            write_csv(folder / "faces.csv", aligned, ["image_id", "sitter", "status"])
        rows = [{"image_id": i, "sitter": s, "subset": SUBSET[s], "fold": 0} for i, s in zip(IDS, NAMES, strict=True)]
        with output_folder(at.split(dataset)) as folder:
            write_csv(folder / "split.csv", rows, ["image_id", "sitter", "subset", "fold", "origin"])
        with output_folder(at.embeddings("own", dataset)) as folder:
            write_embeddings(folder, IDS, VECTORS if dataset == "photos" else VECTORS[::-1].copy())


def given(at, name):
    """Return the path of the file `name` of the entry `cots` after download; the test writes the file."""
    folder = at.raw("cots")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_text("")
    return folder / name


def put_csv(at, header, rows, name="cots.csv"):
    with open(given(at, name), "w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def put_vectors(at, ids=IDS, vectors=VECTORS, header=None):
    header = header or ["image_id", *(f"v{n}" for n in range(vectors.shape[1]))]
    put_csv(at, header, [[i, *map(repr, map(float, v))] for i, v in zip(ids, vectors, strict=True)])


def pairs(ids=TEST, vectors=VECTORS):
    x = normalise(vectors)
    return [(a, b, float(x[IDS.index(a)] @ x[IDS.index(b)])) for n, a in enumerate(ids) for b in ids[n + 1 :]]


def put_scores(at, rows, header=("probe_id", "gallery_id", "score")):
    put_csv(at, header, rows)


def run(at, studied):
    outside.run(studied, "cots", at.root)
