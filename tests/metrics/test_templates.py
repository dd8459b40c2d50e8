"""Several images of one sitter as one template."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.numbers import unit
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.identification import identification
from pipeline.metrics.result import Embedded
from pipeline.metrics.score_list import every_pair
from pipeline.metrics.templates import pool
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.params.metrics.base import TemplateOptions
from pipeline.params.metrics.identification import IdentificationOptions
from tests.metrics.simulated import context, embedded

PHOTOGRAPHS = embedded("photos", 12, 8, seed=1, noise=1.2)
RNG = np.random.default_rng(4)
TEMPLATE = {i: f"t{i.split('/')[0]}-{int(i.split('/')[1]) // 3}" for i in PHOTOGRAPHS.image_ids}
TEMPLATE["s0/0"] = "ts0-0; ts0-2"  # an image that stands in two
TEMPLATE["s1/0"] = ""  # and one in none
MEDIUM = {i: f"m{i.split('/')[0]}-{int(i.split('/')[1]) // 2}" for i in PHOTOGRAPHS.image_ids}
SCORE = {i: f"{q:.3f}" for i, q in zip(PHOTOGRAPHS.image_ids, RNG.uniform(0.2, 1, 96), strict=True)}
COLUMNS = {"template": TEMPLATE, "video": MEDIUM, "score": SCORE, "artist": {i: i[:2] for i in TEMPLATE}}


def given(*test: Embedded, **more):
    return dataclasses.replace(context(*test, far=(0.1,), **more), column=column)


def column(dataset: str, name: str) -> dict[str, str]:
    if name not in COLUMNS:
        raise SitterError(f"{dataset} has no column {name!r}")
    return COLUMNS[name]


def as_insightface(weights: dict[str, float]) -> dict[str, np.ndarray]:
    """`image2template_feature` of InsightFace's evaluation of IJB, from lists of images, templates and media."""
    rows = [
        (n, template.strip(), MEDIUM[i])
        for n, i in enumerate(PHOTOGRAPHS.image_ids)
        for template in TEMPLATE[i].split(";")
        if template
    ]
    features = unit(PHOTOGRAPHS.vectors) * np.array([weights[i] for i in PHOTOGRAPHS.image_ids])[:, None]
    found = {}
    for template in {t for _, t, _ in rows}:
        mine = [(n, m) for n, t, m in rows if t == template]
        media = [np.mean([features[n] for n, m in mine if m == medium], axis=0) for medium in {m for _, m in mine}]
        total = np.sum(media, axis=0)
        found[template] = total / np.linalg.norm(total)
    return found


@pytest.mark.parametrize("weights", [None, "score", "norm"])
def test_a_template_is_pooled_as_insightface_pools_it(weights) -> None:
    asked = TemplateOptions(probe="template", media="video", weights=weights)
    found = pool(given(PHOTOGRAPHS), PHOTOGRAPHS, "template", asked)
    norms = dict(zip(PHOTOGRAPHS.image_ids, np.linalg.norm(PHOTOGRAPHS.vectors, axis=1), strict=True))
    of = {None: dict.fromkeys(TEMPLATE, 1.0), "score": {i: float(s) for i, s in SCORE.items()}, "norm": norms}
    expected = as_insightface(of[weights])
    assert sorted(found.image_ids) == sorted(expected)
    for template, vector in zip(found.image_ids, unit(found.vectors), strict=True):
        assert vector == pytest.approx(expected[template], abs=1e-6)


def test_templates_are_judged_as_images_are_and_those_that_share_a_picture_are_not_compared() -> None:
    options = AllPairsOptions(probe="photos", templates=TemplateOptions(probe="template", media="video"))
    found = all_pairs(given(PHOTOGRAPHS, val=(embedded("photos", 6, 6, seed=9),)), options).scalars
    vectors = as_insightface(dict.fromkeys(TEMPLATE, 1.0))
    names = sorted(vectors)
    pairs = [(a, b) for n, a in enumerate(names) for b in names[n + 1 :] if {a, b} != {"ts0-0", "ts0-2"}]
    genuine = [float(vectors[a] @ vectors[b]) for a, b in pairs if a.split("-")[0] == b.split("-")[0]]
    impostor = [float(vectors[a] @ vectors[b]) for a, b in pairs if a.split("-")[0] != b.split("-")[0]]
    assert (found["genuine"].value, found["impostor"].value) == (len(genuine), len(impostor))
    assert found["excluded"].value == 1
    limits = [t for t in [*genuine, *impostor] if np.mean(np.array(impostor) >= t) <= 0.1]
    assert found["tar@0.1"].value == pytest.approx(np.mean(np.array(genuine) >= min(limits)))
    single = all_pairs(given(PHOTOGRAPHS), AllPairsOptions(probe="photos")).scalars
    assert found["tar@0.1"].value > single["tar@0.1"].value  # more images say more
    (block,) = every_pair(given(PHOTOGRAPHS), options)
    assert len(block.score) == len(pairs)


def test_probes_are_searched_among_the_templates_of_the_gallerys_sitters() -> None:
    probes = embedded("paintings", 12, 3, seed=2, noise=1.5)
    options = IdentificationOptions(
        probe="paintings", gallery="photos", templates=TemplateOptions(gallery="sitter"), ranks=(1,)
    )
    found = identification(given(probes, PHOTOGRAPHS), options).scalars
    assert (found["gallery"].value, found["probes"].value) == (12, 36)
    x = unit(PHOTOGRAPHS.vectors).reshape(12, 8, 16).mean(axis=1)
    scores = unit(probes.vectors) @ unit(x).T
    hit = scores.argmax(axis=1) == np.repeat(np.arange(12), 3)
    assert found["rank-1"].value == pytest.approx(hit.mean())


def test_a_template_fails_where_all_its_images_fail() -> None:
    lost = {"s3/0", "s3/1", "s3/2", "s4/0"}  # a whole template, and a part of one
    keep = [n for n, i in enumerate(PHOTOGRAPHS.image_ids) if i not in lost]
    names = {f: [getattr(PHOTOGRAPHS, f)[n] for n in keep] for f in ("image_ids", "sitters", "origins")}
    left = Embedded("photos", **names, vectors=PHOTOGRAPHS.vectors[keep])
    gone = [n for n in range(96) if n not in keep]
    names = {f: [getattr(PHOTOGRAPHS, f)[n] for n in gone] for f in ("image_ids", "sitters", "origins")}
    failed = Embedded("photos", **names, vectors=np.empty((4, 0), np.float32))
    some = dataclasses.replace(given(left), failures=lambda dataset: failed)
    options = AllPairsOptions(probe="photos", templates=TemplateOptions(probe="template"))
    found = all_pairs(some, options).scalars
    assert found["fta"].value == pytest.approx(1 / 36)
    assert found["geer"].value > 0


def test_what_cannot_be_pooled_is_told() -> None:
    options = AllPairsOptions(probe="photos", templates=TemplateOptions(probe="artist"))
    with pytest.raises(SitterError, match=r"photos: template 's1' holds images of 3 sitters \(s1, s10, s11\)"):
        all_pairs(given(PHOTOGRAPHS), options)
    weighted = TemplateOptions(probe="template", weights="video")
    with pytest.raises(SitterError, match="weighted by the column 'video', which must hold a positive number"):
        all_pairs(given(PHOTOGRAPHS), AllPairsOptions(probe="photos", templates=weighted))
