"""A finished run to report on: every file that the stages before `report` leave, of drawn scores and faces.

The scores are normal with the distances that the demo has, so that curves, intervals and tests agree with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.artifacts import write_csv, write_json
from pipeline.faces.store import Face, encode, write_faces
from pipeline.metrics.verification import d_prime, eer, roc, tally, tar_at_far, thin
from pipeline.params import Study

Crops = Sequence[tuple[str, NDArray[np.uint8]]]  # sitter, [112, 112, 3]
# Distance of the genuine from the impostor scores in deviations, on photographs; paintings are harder.
SEPARATION = {"effnet": 0.5, "dlib": 2.1, "dlib-head": 2.3, "dlib-lora": 2.35, "effnet-lora": 1.6}
BETTER_FUSED = 2.5
SCALARS: dict[str, tuple[bool, str | None]] = {
    "eer": (True, "lower"),
    "tar@0.01": (True, "higher"),
    "tar@0.001": (True, "higher"),
    "d_prime": (False, "higher"),
    "genuine": (False, None),
    "impostor": (False, None),
    "sitters": (False, None),
}
FARS = (0.01, 0.001)
LANDMARKS = np.array([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]], np.float32)
COLUMNS = "image_id path sitter status reason faces detector scale score x0 y0 x1 y1 width height style"
SORTS = ("hardest_genuine", "hardest_impostor", "easiest_genuine")


def drawn_crops(count: int, sitters: int, seed: int = 0) -> list[tuple[str, NDArray[np.uint8]]]:
    """Something to see where real faces are not at hand: an oval of a sitter's colour."""
    rng = np.random.default_rng(seed)
    hues = rng.integers(60, 230, (sitters, 3))
    y, x = np.mgrid[-1:1:112j, -1:1:112j]
    oval = ((x / 0.62) ** 2 + (y / 0.85) ** 2 < 1)[..., None]
    crops = []
    for i in range(count):
        noise = rng.integers(0, 25, (112, 112, 3))
        crops.append((f"s{i % sitters + 1}", (np.where(oval, hues[i % sitters], 40) + noise).astype(np.uint8)))
    return crops


def write_run(study: Study, crops: Crops, pairs: int = 6) -> None:
    """Everything below the current folder that `report` reads."""
    for dataset in study.align:
        _faces(study, dataset, crops)
    for name in (*study.models, *study.fuse):
        _model(study, name)
    _results(study, crops, pairs)


def _faces(study: Study, dataset: str, crops: Crops) -> None:
    from PIL import Image

    rows: list[dict[str, Any]] = []
    stored: list[Face] = []
    raw = paths.raw(dataset)
    raw.mkdir(parents=True, exist_ok=True)
    styles = ("chalk", "engraving", "miniature", "oil") if dataset in study.render else ("",)
    for i, (sitter, crop) in enumerate(crops):
        image_id, failed = f"{sitter}/{i}", i % 17 == 5
        (raw / f"{image_id}.png").parent.mkdir(exist_ok=True)
        Image.fromarray(crop).save(raw / f"{image_id}.png")
        rows.append(
            {
                "image_id": image_id, "path": f"{image_id}.png", "sitter": sitter, "style": styles[i % len(styles)],
                "status": "no_face" if failed else "aligned", "reason": "no face above score 0.5" if failed else "",
                "faces": 0 if failed else 1 + (i % 23 == 7), "detector": "retinaface-mobilenet", "scale": 2,
                "score": 0.99, "x0": 20, "y0": 15, "x1": 90, "y1": 100, "width": 112, "height": 112,
            }
        )  # fmt: skip
        if not failed:
            stored.append(Face(image_id, sitter, encode(crop), LANDMARKS, "retinaface-mobilenet", 0.99))
    (raw / "broken.png").write_bytes(b"no image")
    broken = "no image in a format that can be read"
    rows.append({"image_id": "broken", "path": "broken.png", "sitter": "s1", "status": "unreadable", "reason": broken})
    paths.faces(dataset).mkdir(parents=True, exist_ok=True)
    write_faces(paths.faces(dataset), stored)
    write_csv(paths.faces(dataset) / "faces.csv", rows, COLUMNS.split())
    half = len(stored) // 2
    subsets = ["train"] * (half - 4) + ["val"] * 4 + ["test"] * (len(stored) - half)
    split = [
        {"image_id": r.image_id, "sitter": r.sitter, "subset": s, "fold": 0, "origin": ""}
        for r, s in zip(stored, subsets, strict=True)
    ]
    paths.split(dataset).mkdir(parents=True, exist_ok=True)
    write_csv(paths.split(dataset) / "split.csv", split, ["image_id", "sitter", "subset", "fold", "origin"])
    if dataset in study.render:
        sheet = np.concatenate([np.concatenate([c for _, c in crops[r * 8 : r * 8 + 8]], 1) for r in range(3)], 0)
        Image.fromarray(sheet).save(raw / "contact-sheet.png")


def _model(study: Study, name: str) -> None:
    folder = paths.model(name)
    folder.mkdir(parents=True, exist_ok=True)
    if name in study.fuse:
        fusion = study.fuse[name]
        weights = {m: round(1 / len(fusion.models), 6) for m in fusion.models}
        weighted = fusion.method.kind == "weighted"
        write_json(
            folder / "model.json",
            {"method": fusion.method.model_dump(), "models": fusion.models, "weights": weights if weighted else None,
             "dim": 128 * len(fusion.models)},
        )  # fmt: skip
        return
    model = study.models[name]
    trained = model.adaptation.kind != "none"
    write_json(
        folder / "model.json",
        {
            "backbone": model.backbone.model_dump(), "dim": 128,
            "parameters": {"trained": 16_512 if trained else 0, "total": 5_580_000},
            "weights": {"file": "dlib_face_recognition_resnet_model_v1.dat", "bytes": 1, "sha256": "ab" * 32},
        },
    )  # fmt: skip
    if trained:
        rows = [
            {"epoch": e, "step": 30 * e, "loss": round(0.9 * 0.85**e + 0.2, 4) if e else "", "lr": 1e-3,
             "val_eer": round(0.1 + 0.08 * 0.8**e + 0.004 * (e % 3), 4)}
            for e in range(21)
        ]  # fmt: skip
        write_csv(folder / "history.csv", rows, ["epoch", "step", "loss", "val_eer", "lr"])


def _results(study: Study, crops: Crops, pairs: int) -> None:
    folder, rng = paths.results(), np.random.default_rng(study.seed)
    metrics: dict[str, dict[str, dict[str, Any]]] = {}
    ids = [(f"{s}/{i}", s) for i, (s, _) in enumerate(crops) if i % 17 != 5]
    for b, (name, benchmark) in enumerate(study.evaluate.benchmarks.items()):
        tables: dict[str, list[dict[str, Any]]] = {"roc": [], "det": [], "scores": []}
        examples: list[dict[str, Any]] = []
        metrics[name] = {}
        for model in (*study.models, *study.fuse):
            found, curves = _judge(rng, SEPARATION.get(model, BETTER_FUSED) * (1.9, 0.95, 1.2)[b % 3])
            metrics[name][model] = found
            for key, rows in curves.items():
                tables[key] += [{"model": model, **row} for row in rows]
            for sort in SORTS:
                examples += _examples(rng, model, sort, ids, benchmark, pairs)
        for key, rows in tables.items():
            (folder / "curves").mkdir(parents=True, exist_ok=True)
            write_csv(folder / "curves" / f"{key}-{name}.csv", rows, list(rows[0]))
        listed = [{"model": m, **v} for m, v in metrics[name].items()]
        write_csv(folder / "tables" / f"{name}.csv", listed, list(listed[0]))
        write_csv(
            folder / "tables" / f"{name}-differences.csv",
            _differences(metrics[name]),
            ["model_a", "model_b", "metric", "difference", "low", "high", "p", "significant"],
        )
        columns = ["model", "sort", "rank", "probe", "gallery", "probe_dataset", "gallery_dataset", "score"]
        write_csv(folder / "pairs" / f"{name}.csv", examples, columns)
    write_json(folder / "metrics.json", metrics)
    scalars = {name: {"percent": rate, "better": better} for name, (rate, better) in SCALARS.items()}
    about = {name: {**b.model_dump(), "scalars": scalars} for name, b in study.evaluate.benchmarks.items()}
    write_json(folder / "run.json", {"seed": study.seed, "level": 0.95, "replicates": 1000, "benchmarks": about})


def _judge(rng: np.random.Generator, separation: float) -> tuple[dict[str, Any], dict[str, list[dict[str, Any]]]]:
    genuine = np.tanh(0.25 * (rng.normal(size=900) + separation))
    impostor = np.tanh(0.25 * rng.normal(size=18_000))
    counts = tally(genuine, impostor)
    curve = roc(counts)
    rate = float(eer(curve)[0])
    found: dict[str, Any] = {"eer": rate, "eer_low": rate * 0.82, "eer_high": rate * 1.2}
    for far in FARS:
        tar = float(tar_at_far(curve, far)[0])
        found |= {f"tar@{far}": tar, f"tar@{far}_low": tar * 0.88, f"tar@{far}_high": min(tar * 1.1, 1)}
    found["tar@0.001_note"] = "a FAR of 0.001 rests on about 18 of 18,000 impostor pairs"
    found |= {"d_prime": float(d_prime(counts)), "genuine": 900, "impostor": 18_000, "sitters": 20}
    few, edges = thin(curve), np.linspace(-1, 1, 61)
    bars = [np.histogram(x, edges)[0] for x in (genuine, impostor)]
    rows = list(zip(few.far, few.tar, few.threshold, strict=True))
    return found, {
        "roc": [{"far": f, "tar": t, "threshold": "" if np.isinf(s) else s} for f, t, s in rows],
        "det": [{"far": f, "frr": 1 - t, "threshold": "" if np.isinf(s) else s} for f, t, s in rows],
        "scores": [
            {"score_left": a, "score_right": b, "genuine": g, "impostor": i}
            for a, b, g, i in zip(edges, edges[1:], *bars, strict=False)
        ],
    }


def _differences(metrics: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    names = list(metrics)
    rows = []
    for metric in ("eer", "tar@0.01"):
        for i, a in enumerate(names):
            for b in names[i + 1 :]:
                d = metrics[a][metric] - metrics[b][metric]
                real = abs(d) > 0.02
                rows.append(
                    {"model_a": a, "model_b": b, "metric": metric, "difference": d, "low": d - 0.02, "high": d + 0.02,
                     "p": 0.0005 if real else 0.31, "significant": real}
                )  # fmt: skip
    return rows


def _examples(
    rng: np.random.Generator, model: str, sort: str, ids: list[tuple[str, str]], benchmark: Any, pairs: int
) -> list[dict[str, Any]]:
    same = sort != "hardest_impostor"
    candidates = [(a, b) for a, s in ids for b, t in ids if a < b and (s == t) == same]
    chosen = rng.choice(len(candidates), pairs, replace=False)
    probe = getattr(benchmark, "probe", None) or getattr(benchmark, "dataset", "")
    gallery = getattr(benchmark, "gallery", None) or probe
    return [
        {"model": model, "sort": sort, "rank": rank, "probe": candidates[c][0], "gallery": candidates[c][1],
         "probe_dataset": probe, "gallery_dataset": gallery, "score": round(float(rng.normal(0.4, 0.1)), 4)}
        for rank, c in enumerate(chosen, 1)
    ]  # fmt: skip
