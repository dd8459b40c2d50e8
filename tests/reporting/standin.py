"""A finished run for tests of the report: data and models are made up; `evaluate` makes the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.core.files import write_csv, write_json
from pipeline.core.layout import Layout
from pipeline.params import Study, check
from pipeline.stages import evaluate
from pipeline.store.embeddings import write_embeddings
from pipeline.store.faces import StoredFace, encode, write_faces

Crops = Sequence[tuple[str, NDArray[np.uint8]]]
"""Sitter, uint8 [112, 112, 3]."""
# Noise of each model's vectors around their sitter on photographs; there is more noise on paintings.
NOISE = {"effnet": 3.0, "dlib": 1.3, "dlib-head": 1.1, "dlib-lora": 1.05, "effnet-lora": 1.5}
FUSED = 0.95
LANDMARKS = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], np.float32)
COLUMNS = "image_id path sitter status reason faces detector scale score x0 y0 x1 y1 width height style"
SHEET_ROWS, SHEET_COLUMNS = 3, 8
WEIGHTS = "model_v1.dat"


def small_study(**changes: Any) -> Study:
    """Return a study with two networks, a fusion, and a benchmark of each kind."""
    package = {"kind": "package", "name": "some-faces", "version": "1.0", "sha256": "ab" * 32, "member": "faces"}
    faces = {"detectors": [{"kind": "retinaface-mobilenet", "weights": "net"}]}
    backbone = {"kind": "dlib-resnet29", "weights": "net"}
    raw: dict[str, Any] = {
        "seed": 3,
        "download": {
            "photos": {**package, "contents": "images", "licence": "CC0-1.0"},
            "net": {**package, "name": "some-weights", "contents": "file"},
        },
        "render": {"painted": {"dataset": "photos", "renderings": 1}},
        "align": {"photos": faces, "painted": faces},
        "split": {"photos": {"kind": "sitters", "test": 0.5}, "painted": {"kind": "like", "dataset": "photos"}},
        "train": {"train_on": ["painted"]},
        "models": {
            "dlib": {"backbone": backbone, "adaptation": {"kind": "none"}, "loss": {"kind": "none"}},
            "dlib-head": {
                "backbone": backbone, "adaptation": {"kind": "head"}, "loss": {"kind": "triplet", "margin": 0.3}
            },
        },
        "embed": {"datasets": ["photos", "painted"], "batch": 8},
        "fuse": {"both": {"models": ["dlib", "dlib-head"], "method": {"kind": "weighted"}, "fit_on": ["painted"]}},
        "evaluate": {
            "far": [0.1, 0.0001],
            "bootstrap": {"replicates": 100},
            "benchmarks": {
                "photographs": {"kind": "all-pairs", "probe": "photos"},
                "across": {"kind": "all-pairs", "probe": "painted", "gallery": "photos"},
                "search": {"kind": "identification", "probe": "painted", "gallery": "photos"},
                "space": {"kind": "geometry", "dataset": "photos"},
            },
        },
        "report": {"title": "A test & its study", "pairs": 3},
    }  # fmt: skip
    return check({**raw, **changes})


def drawn_crops(count: int, sitters: int, seed: int = 0) -> list[tuple[str, NDArray[np.uint8]]]:
    """Return a drawn crop instead of a real face: an oval in the colour of the sitter."""
    rng = np.random.default_rng(seed)
    hues = rng.integers(60, 230, (sitters, 3))
    y, x = np.mgrid[-1:1:112j, -1:1:112j]
    oval = ((x / 0.62) ** 2 + (y / 0.85) ** 2 < 1)[..., None]
    crops = []
    for i in range(count):
        noise = rng.integers(0, 25, (112, 112, 3))
        crops.append((f"s{i % sitters + 1}", (np.where(oval, hues[i % sitters], 40) + noise).astype(np.uint8)))
    return crops


def write_run(study: Study, crops: Crops, root: Path) -> None:
    """Write everything that `report` reads of the project in `root`."""
    at = Layout.of(study, root)
    for dataset in study.align:
        write_data(study, dataset, crops, at)
    for name in (*study.models, *study.fuse):
        _write_model(study, name, at)
        for dataset in study.embed.datasets:
            _write_embeddings(study, name, dataset, at)
    evaluate.run(study, root)


def write_data(study: Study, dataset: str, crops: Crops, at: Layout) -> None:
    """Write images, faces, account and split: every eleventh image has no face, and one image cannot be read."""
    raw, faces, painted = at.raw(dataset), at.faces(dataset), dataset in study.render
    rows: list[dict[str, Any]] = []
    stored: list[StoredFace] = []
    for i, (sitter, crop) in enumerate(crops):
        image_id, found = f"s{i}/{i}", i % 11 != 5
        (raw / image_id).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(raw / f"{image_id}.png")
        row: dict[str, Any] = {"image_id": image_id, "path": f"{image_id}.png", "sitter": sitter}
        row |= {"width": 112, "height": 112, "style": ("chalk", "engraving", "oil")[i % 3] if painted else ""}
        if found:
            row |= {"status": "aligned", "faces": 1 + (i % 23 == 7), "detector": "retinaface-mobilenet"}
            row |= {"scale": 2, "score": 0.99, "x0": 20, "y0": 15, "x1": 90, "y1": 100}
            stored.append(StoredFace(image_id, sitter, encode(crop), LANDMARKS, "retinaface-mobilenet", 0.99))
        else:
            row |= {"status": "no_face", "reason": "no face scored above 0.5", "faces": 0}
        rows.append(row)
    (raw / "broken.png").write_bytes(b"no image")
    reason = "no image but text, which begins 'no image'"
    rows.append({"image_id": "broken", "path": "broken.png", "sitter": "?", "status": "unreadable", "reason": reason})
    faces.mkdir(parents=True, exist_ok=True)
    write_faces(faces, stored)
    write_csv(faces / "faces.csv", rows, COLUMNS.split())
    _write_split(dataset, stored, at)
    if painted:
        tiles = [[c for _, c in crops[r * SHEET_COLUMNS : (r + 1) * SHEET_COLUMNS]] for r in range(SHEET_ROWS)]
        sheet = np.concatenate([np.concatenate(row, axis=1) for row in tiles], axis=0)
        Image.fromarray(sheet).save(raw / "contact-sheet.png")


def _write_split(dataset: str, stored: Sequence[StoredFace], at: Layout) -> None:
    names = list(dict.fromkeys(face.sitter for face in stored))
    subsets = {name: "test" if i % 2 else "val" if i % 8 == 0 else "train" for i, name in enumerate(names)}
    rows = [
        {"image_id": f.image_id, "sitter": f.sitter, "subset": subsets[f.sitter], "fold": 0, "origin": f.image_id}
        for f in stored
    ]
    at.split(dataset).mkdir(parents=True, exist_ok=True)
    write_csv(at.split(dataset) / "split.csv", rows, ["image_id", "sitter", "subset", "fold", "origin"])


def _write_embeddings(study: Study, name: str, dataset: str, at: Layout) -> None:
    from pipeline.store.faces import FaceStore

    store = FaceStore(at.faces(dataset))
    centres = np.random.default_rng(1).normal(size=(len(set(store.sitters)), 16))
    place = {sitter: i for i, sitter in enumerate(dict.fromkeys(store.sitters))}
    rng = np.random.default_rng([[*study.models, *study.fuse].index(name), list(study.align).index(dataset)])
    noise = NOISE.get(name, FUSED) * (1.5 if dataset in study.render else 0.8)
    vectors = np.array([centres[place[s]] for s in store.sitters]) + noise * rng.normal(size=(len(store), 16))
    folder = at.embeddings(name, dataset)
    folder.mkdir(parents=True, exist_ok=True)
    write_embeddings(folder, store.image_ids, vectors.astype(np.float32))


def _write_model(study: Study, name: str, at: Layout) -> None:
    folder = at.model(name)
    folder.mkdir(parents=True, exist_ok=True)
    if name in study.fuse:
        fusion = study.fuse[name]
        weights = {m: round(1 / len(fusion.models), 6) for m in fusion.models}
        record = {"method": fusion.method.model_dump(), "models": fusion.models, "centre": fusion.centre}
        weighted = fusion.method.kind == "weighted"
        write_json(folder / "model.json", {**record, "weights": weights if weighted else None, "dim": 256})
        return
    model = study.models[name]
    trained = model.adaptation.kind != "none"
    record = {"backbone": model.backbone.model_dump(), "dim": 128}
    record |= {"parameters": {"trained": 16_512 if trained else 0, "total": 5_580_000}}
    write_json(folder / "model.json", {**record, "weights": {"file": WEIGHTS, "bytes": 1, "sha256": "cd" * 32}})
    if trained:
        rows = [
            {"epoch": e, "step": 30 * e, "loss": round(0.9 * 0.85**e + 0.2, 4) if e else "",
             "val_eer": round(0.1 + 0.08 * 0.8**e + 0.004 * (e % 3), 4), "lr": 1e-3}
            for e in range(21)
        ]  # fmt: skip
        write_csv(folder / "history.csv", rows, ["epoch", "step", "loss", "val_eer", "lr"])
