"""A museum of drawn faces: known sitters, and portraits of nobody known, one of whom is one of the known sitters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pipeline.core.files import write_csv, write_manifest
from pipeline.core.layout import Layout
from pipeline.params import Study
from pipeline.store.columns import FOUND as FOUND_BY_ALIGN
from pipeline.store.columns import GIVEN
from pipeline.store.embeddings import write_embeddings
from pipeline.store.faces import StoredFace, encode, write_faces
from tests.faces_of_noise import face
from tests.reporting.standin import LANDMARKS, small_study

SITTERS, EACH, DIMENSION = 14, 3, 24
FOUND, LOST = "lost/of s3", "lost/of nobody"
"""Unidentified portraits: of the sitter s03, and of somebody who is not there."""
KNOWN = ("artist", "title", "year", "sitter_id")


def study(**changes: Any) -> Study:
    """One question about the photos' unidentified portraits."""
    entry = {"probes": ["photos"], "gallery": ["photos"], "model": "dlib", "candidates": 3, **changes}
    return small_study(identify={"who": entry})


def write_project(root: Path, model: str = "dlib") -> None:
    """Write what the stage reads below a folder."""
    at, rng = Layout(root), np.random.default_rng(4)
    of = {f"s{n:02}": rng.normal(size=DIMENSION) for n in range(SITTERS)}
    images = [(f"{sitter}/{i}", sitter) for sitter in of for i in range(EACH)] + [(FOUND, ""), (LOST, "")]
    of["lost"] = rng.normal(size=DIMENSION)
    centre = {FOUND: of["s03"], LOST: of["lost"]}
    vectors = [centre.get(i, of.get(s, of["lost"])) + 0.5 * rng.normal(size=DIMENSION) for i, s in images]
    rows, split, stored = [], [], []
    for n, (image_id, sitter) in enumerate(images):
        crop, path = face(n), at.raw("photos") / f"{image_id}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(path)
        known = {"artist": "Frans Hals" if image_id in ("s03/0", "s03/1", "s03/2", FOUND) else f"Painter {n}"}
        known |= {"title": f"Portrait <{n}>", "year": "1632", "sitter_id": f"Q{100 + n}" if sitter else ""}
        row = {"image_id": image_id, "path": f"{image_id}.png", "sitter": sitter, "status": "aligned", "faces": 1}
        row |= {"detector": "retinaface-mobilenet", "score": 0.99, "x0": 20, "y0": 15, "x1": 90, "y1": 100}
        rows.append(row | {"width": 112, "height": 112, "misfit": 1.0} | known)
        subset = "test" if sitter else "unidentified"
        split.append({"image_id": image_id, "sitter": sitter, "subset": subset, "fold": 0 if sitter else ""})
        stored.append(StoredFace(image_id, sitter, encode(crop), LANDMARKS, "retinaface-mobilenet", 0.99))
    at.faces("photos").mkdir(parents=True)
    write_faces(at.faces("photos"), stored)
    write_csv(at.faces("photos") / "faces.csv", rows, [*GIVEN, *FOUND_BY_ALIGN, *KNOWN])
    write_csv(at.split("photos") / "split.csv", split, ["image_id", "sitter", "subset", "fold", "origin", "picture"])
    at.embeddings(model, "photos").mkdir(parents=True)
    write_embeddings(at.embeddings(model, "photos"), [i for i, _ in images], np.array(vectors, np.float32))
    at.model(model).mkdir(parents=True)
    (at.model(model) / "model.json").write_text("{}")
    write_manifest(at.model(model))
