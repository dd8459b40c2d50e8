"""Every way of pooling the images of a sitter, against three lines of NumPy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.numbers import unit
from pipeline.metrics import score_pooling
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.identification import identification
from pipeline.metrics.result import Context, Embedded, Scored
from pipeline.metrics.score_list import every_pair
from pipeline.metrics.template_pairs import template_pairs
from pipeline.metrics.verification import tally
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.params.metrics.identification import IdentificationOptions
from pipeline.params.metrics.template_pairs import TemplatePairsOptions
from pipeline.scoring.calibration.fit import fit
from tests.metrics.simulated import context, embedded

PHOTOGRAPHS = embedded("photos", 12, 6, seed=1, noise=1.2)
PAINTINGS = embedded("paintings", 12, 4, seed=2, noise=1.5)
VALIDATION = {name: embedded(name, 8, 4, seed=9, noise=1.4) for name in ("photos", "paintings")}
RNG = np.random.default_rng(3)
IDS = [*PHOTOGRAPHS.image_ids, *PAINTINGS.image_ids]
COLUMNS = {
    "part": {i: f"{i.split('/')[0]}-{int(i.split('/')[1]) % 2}" for i in IDS},
    "score": {i: f"{q:.3f}" for i, q in zip(IDS, RNG.uniform(0.2, 1, len(IDS)), strict=True)},
    "quality": {i: f"{q:.1f}" for i, q in zip(IDS, RNG.uniform(1, 99, len(IDS)), strict=True)},
    "video": {i: f"v{i.split('/')[0]}-{int(i.split('/')[1]) // 3}" for i in IDS},
    **{side: dict.fromkeys(IDS, str(value)) for side, value in (("x0", 10), ("y0", 5))},
    "x1": {i: f"{10 + w:.2f}" for i, w in zip(IDS, RNG.uniform(20, 90, len(IDS)), strict=True)},
    "y1": dict.fromkeys(IDS, "45"),
}
Rule = Callable[[np.ndarray, np.ndarray], float]


def given(*images: Embedded, **more: Any) -> Context:
    some = dataclasses.replace(context(*images, val=tuple(VALIDATION.values()), far=(0.1,)), column=column)
    return dataclasses.replace(some, likelihood=partial(fit, method="logistic"), **more)


def column(dataset: str, name: str) -> dict[str, str]:
    if name not in COLUMNS:
        raise SitterError(f"{dataset} has no column {name!r}")
    return COLUMNS[name]


def llr(x: np.ndarray) -> np.ndarray:
    """Log-likelihood ratios, calibrated on all pairs of validation photographs and paintings."""
    a, b = (unit(VALIDATION[name].vectors) for name in ("paintings", "photos"))
    same = np.array(VALIDATION["paintings"].sitters)[:, None] == np.array(VALIDATION["photos"].sitters)
    return fit(tally((a @ b.T)[same], (a @ b.T)[~same]), "logistic")(x.ravel())


def mean_vector(weight: Callable[[Embedded], np.ndarray]) -> Callable[..., float]:
    def score(a: np.ndarray, b: np.ndarray, w: np.ndarray, v: np.ndarray) -> float:
        one, other = w @ a, v @ b
        return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))

    score.weight = weight  # type: ignore[attr-defined]
    return score


def of_column(name: str) -> Callable[[Embedded], np.ndarray]:
    return lambda images: np.array([float(COLUMNS[name][i]) for i in images.image_ids])


def size(images: Embedded) -> np.ndarray:
    return np.array([np.sqrt((float(COLUMNS["x1"][i]) - 10) * 40) for i in images.image_ids])


VECTORS = {
    None: mean_vector(lambda images: np.ones(len(images))),
    "norm": mean_vector(lambda images: np.linalg.norm(images.vectors.astype(float), axis=1)),
    "score": mean_vector(of_column("score")),
    "quality": mean_vector(of_column("quality")),
    "size": mean_vector(size),
}
SCORES: dict[str, Rule] = {
    "best-score": lambda a, b: (a @ b.T).max(),
    "mean-score": lambda a, b: (a @ b.T).mean(),
    "likelihood": lambda a, b: llr(a @ b.T).sum(),
}
WAYS = [*(({"weights": name}, rule) for name, rule in VECTORS.items()), *(({"pool": n}, r) for n, r in SCORES.items())]


def expected(rule: Any, probes: Embedded, gallery: Embedded) -> np.ndarray:
    """Scores of the parts of the probes with the sitters of the gallery, in the order of their first images."""
    part = [COLUMNS["part"][i] for i in probes.image_ids]
    a, b, weight = unit(probes.vectors), unit(gallery.vectors), getattr(rule, "weight", None)
    rows = [np.flatnonzero(np.array(part) == p) for p in dict.fromkeys(part)]
    columns = [np.flatnonzero(np.array(gallery.sitters) == s) for s in dict.fromkeys(gallery.sitters)]
    if weight is not None:
        w, v = weight(probes), weight(gallery)
        return np.array([[rule(a[i], b[j], w[i], v[j]) for j in columns] for i in rows])
    return np.array([[rule(a[i], b[j]) for j in columns] for i in rows])


def outside(images: Embedded, others: dict[str, Embedded]) -> Scored:
    """The same images of an outside system that gives scores of image pairs, the cosines."""
    x = unit(images.vectors)

    def known(other: Embedded) -> np.ndarray:
        return x @ unit(others[other.dataset].vectors).T

    fields = (images.dataset, images.image_ids, images.sitters, images.origins, images.folds)
    return Scored(*fields, known, lambda a, b: (x @ x.T)[a, b], "their scores")


@pytest.mark.parametrize(
    ("asked", "rule"), WAYS, ids=lambda way: "-".join(map(str, way.values())) if isinstance(way, dict) else ""
)
def test_each_way_of_pooling_is_that_of_numpy_in_verification_and_in_identification(
    asked: dict[str, Any], rule: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(score_pooling, "CELLS", 300)  # a few templates at a time
    scores = expected(rule, PAINTINGS, PHOTOGRAPHS)
    templates = {"probe": "part", "gallery": "sitter", **asked}
    options = AllPairsOptions(probe="paintings", gallery="photos", templates=templates, discard=())
    (block,) = every_pair(given(PAINTINGS, PHOTOGRAPHS), options)
    assert np.asarray(block.score) == pytest.approx(scores.ravel(), abs=1e-5)
    same = np.repeat(np.arange(12), 2)[:, None] == np.arange(12)
    found = all_pairs(given(PAINTINGS, PHOTOGRAPHS), options).scalars
    limit = min(t for t in scores.ravel() if np.mean(scores[~same] >= t) <= 0.1)
    assert found["tar@0.1"].value == pytest.approx(np.mean(scores[same] >= limit))
    searched = IdentificationOptions(probe="paintings", gallery="photos", templates=templates, ranks=(1,))
    hits = scores.argmax(axis=1) == np.repeat(np.arange(12), 2)
    assert identification(given(PAINTINGS, PHOTOGRAPHS), searched).scalars["rank-1"].value == pytest.approx(hits.mean())


@pytest.mark.parametrize("pool", ["best-score", "mean-score"])
def test_scores_of_an_outside_system_are_pooled_too(pool: str) -> None:
    others = {"photos": PHOTOGRAPHS, "paintings": PAINTINGS}
    theirs = [outside(images, others) for images in (PAINTINGS, PHOTOGRAPHS)]
    templates = {"probe": "part", "gallery": "sitter", "pool": pool}
    options = AllPairsOptions(probe="paintings", gallery="photos", templates=templates)
    (block,) = every_pair(given(*theirs), options)
    assert np.asarray(block.score) == pytest.approx(expected(SCORES[pool], PAINTINGS, PHOTOGRAPHS).ravel())


def test_listed_pairs_of_templates_are_pooled_by_score_and_media_count_as_one_image(tmp_path: Any) -> None:
    names = list(dict.fromkeys(COLUMNS["part"][i] for i in PHOTOGRAPHS.image_ids))
    pairs = [(a, b) for n, a in enumerate(names) for b in names[n + 1 :: 2]]
    (tmp_path / "pairs.txt").write_text("".join(f"{a} {b}\n" for a, b in pairs))
    templates = {"column": "part", "media": "video", "pool": "best-score"}
    options = TemplatePairsOptions(dataset="photos", pairs=str(tmp_path / "pairs.txt"), templates=templates)
    x, media = unit(PHOTOGRAPHS.vectors), {}
    for n, image in enumerate(PHOTOGRAPHS.image_ids):
        media.setdefault(COLUMNS["part"][image], {}).setdefault(COLUMNS["video"][image], []).append(x[n])
    means = {p: unit(np.array([np.mean(some, axis=0) for some in of.values()])) for p, of in media.items()}
    assert {len(m) for m in means.values()} == {2}
    (block,) = every_pair(given(PHOTOGRAPHS), options)
    assert np.asarray(block.score) == pytest.approx([(means[a] @ means[b].T).max() for a, b in pairs], abs=1e-6)
    assert template_pairs(given(PHOTOGRAPHS), options).scalars["eer"].value < 0.5


def test_likelihoods_need_validation_images() -> None:
    templates = {"probe": "part", "pool": "likelihood"}
    options = AllPairsOptions(probe="photos", templates=templates)
    with pytest.raises(SitterError, match="but photos has none: give `split` a share `val`, or pool otherwise"):
        all_pairs(given(PHOTOGRAPHS, validation=lambda dataset: None), options)
