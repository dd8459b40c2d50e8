"""IJB-B's and IJB-C's protocols and TinyFace's, from their files to the figures, against plain NumPy."""

from __future__ import annotations

import dataclasses
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.core.numbers import unit
from pipeline.metrics import template_pairs as module
from pipeline.metrics.intervals import ScoredPairs
from pipeline.metrics.result import Embedded
from pipeline.metrics.score_list import every_pair
from pipeline.metrics.template_pairs import template_pairs
from pipeline.params import check
from pipeline.params.metrics.template_pairs import TemplatePairsOptions
from pipeline.scoring.calibration.measure import calibrated
from pipeline.stages import align, download, evaluate, split
from pipeline.store.accounts import ALIGNED, read_images
from pipeline.store.embeddings import write_embeddings
from tests.demo import demo
from tests.metrics.simulated import context
from tests.sources import janus

DIMENSION, FAR = 6, (0.25, 0.1)


def evaluated(at: Layout, source: dict[str, Any], benchmarks: dict[str, Any]) -> tuple[dict[str, Any], Any]:
    """Figures of one model, whose vectors are made up, from the source on; and its vectors by image."""
    raw = demo()
    raw["models"] = {"frozen": raw["models"]["dlib"]}
    for section in ("overlap", "explain", "identify", "fuse"):
        raw.pop(section, None)
    raw["download"]["set"] = source
    raw["align"] = {"set": {"detectors": [{"kind": "aligned"}]}}
    raw["split"] = {"set": {"kind": "sitters", "test": 1.0, "near_duplicates": False}}
    raw["render"] = {}
    raw["embed"]["datasets"] = ["set"]
    for model in (*raw["models"].values(), raw["train"]):
        model.pop("train_on", None)
    raw["train"]["train_on"] = []
    raw["evaluate"] = {"far": list(FAR), "bootstrap": {"replicates": 200}, "benchmarks": benchmarks}
    study = check(raw)
    for stage in (download, align, split):
        stage.run(study, "set", at.root)
    images = [image for image in read_images("set", at).images if image.status == ALIGNED]
    rng = np.random.default_rng(8)
    centre = {name: rng.normal(size=DIMENSION) for name in sorted({image.sitter for image in images})}
    vectors = np.array([centre[i.sitter] + 1.1 * rng.normal(size=DIMENSION) for i in images], np.float32)
    ids = [image.image_id for image in images]
    folder = at.embeddings("frozen", "set")
    folder.mkdir(parents=True)
    write_embeddings(folder, ids, vectors)
    evaluate.run(study, at.root)
    found = json.loads((at.results() / "metrics.json").read_text())
    return {name: by_model["frozen"] for name, by_model in found.items()}, dict(zip(ids, vectors, strict=True))


def templates_of_insightface(names: list[str], vector: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`image2template_feature` of InsightFace's eval_ijbc.py, detection scores as weights, from its text files."""
    every: dict[str, dict[str, list[np.ndarray]]] = {}
    for number, (name, (_, t, _, medium)) in enumerate(zip(names, janus.members(), strict=True), 1):
        x = vector[name].astype(np.float64)
        every.setdefault(t, {}).setdefault(medium, []).append(x / np.linalg.norm(x) * (number % 9 + 1) / 10)
    sums = {t: np.sum([np.mean(some, axis=0) for some in media.values()], axis=0) for t, media in every.items()}
    return {t: v / np.linalg.norm(v) for t, v in sums.items()}


def open_set(
    probes: dict[str, Any], gallery: dict[str, Any], subject: dict[str, str], far: float
) -> tuple[float, float]:
    """Rank-1 of the probes that have a mate, and TPIR at FPIR with probes that have none."""
    people = [subject[t] for t in gallery]
    scores = np.array([[p @ g for g in gallery.values()] for p in probes.values()])
    mated = np.array([subject[t] in people for t in probes])
    first = np.array([people[n] == subject[t] for n, t in zip(scores.argmax(axis=1), probes, strict=True)])
    alarms = scores.max(axis=1)[~mated]
    limits = [t for t in np.sort(scores.max(axis=1)) if np.mean(alarms >= t) <= far]
    return first[mated].mean(), max(np.mean(first[mated] & (scores.max(axis=1)[mated] >= t)) for t in limits)


def test_ijb_c_is_evaluated_as_insightface_s_script_has_it(at: Layout, tmp_path: Path) -> None:
    root = janus.insightface(tmp_path / "IJBC")
    pooled = {"media": "medium", "weights": "detection_score"}
    searched = {"kind": "identification", "probe": "set", "open_set": "absent", "ranks": [1]}
    found, vector = evaluated(
        at,
        {"kind": "ijb", "path": str(root)},
        {
            "one": {
                "kind": "template-pairs",
                "dataset": "set",
                "pairs": str(root / "meta/ijbc_template_pair_label.txt"),
                "templates": pooled,
            },
            "many": {**searched, "templates": {"probe": "probe_mixed", "gallery": "gallery_g1", **pooled}},
        },
    )
    names = [f"{s}/{n}" for n, (s, *_) in enumerate(janus.members(), 1)]
    template = templates_of_insightface(names, vector)
    scores = np.array([template[a] @ template[b] for a, b, _ in janus.pairs()])
    label = np.array([bool(g) for *_, g in janus.pairs()])
    assert (found["one"]["genuine"], found["one"]["impostor"]) == (label.sum(), (~label).sum())
    assert found["one"]["sitters"] == janus.SUBJECTS
    limits = {far: min(t for t in scores if np.mean(scores[~label] >= t) <= far) for far in FAR}
    for far, limit in limits.items():
        assert found["one"][f"tar@{far}"] == pytest.approx(np.mean(scores[label] >= limit))
        assert found["one"][f"threshold@{far}"] == pytest.approx(limit, abs=1e-6)
    assert found["one"]["tar@0.1_low"] <= found["one"]["tar@0.1"] <= found["one"]["tar@0.1_high"]
    subject = {t: str(s) for s, t, *_ in janus.members()}
    lists = janus.lists()
    probes, gallery = ({t: template[t] for t in sorted(lists[name])} for name in ("probe_mixed", "gallery_G1"))
    rank, tpir = open_set(probes, gallery, subject, 0.25)
    assert found["many"]["mated"] == 16
    assert found["many"]["rank-1"] == pytest.approx(rank)
    assert found["many"]["dir@0.25"] == pytest.approx(tpir)
    assert 0 < tpir < rank < 1
    assert found["many"]["dir@0.1"] is None  # 16 searches without a mate cannot support it


def compute_ap(relevant: set[int], index: list[int]) -> float:
    """`compute_AP.m` of TinyFace's (and Market-1501's) evaluation, step by step."""
    area, recall_before, precision_before, hits = 0.0, 0.0, 1.0, 0
    for n, image in enumerate(index):
        hits += image in relevant
        recall, precision = hits / len(relevant), hits / (n + 1)
        area += (recall - recall_before) * (precision_before + precision) / 2
        recall_before, precision_before = recall, precision
    return area


def test_tinyface_s_ranks_and_map_count_the_gallery_s_images(at: Layout, tmp_path: Path) -> None:
    root = janus.tinyface(tmp_path / "tinyface")
    benchmark = {
        "kind": "identification",
        "probe": "set",
        "templates": {"probe": "probe", "gallery": "gallery"},
        "rank_by": "images",
        "ranks": [1, 3],
    }
    source = {"kind": "tinyface", "path": str(root)}
    found, vector = evaluated(at, source, {"faces": benchmark})
    person = {i: int(Path(i).name.split("_")[0]) if "_" in Path(i).name else -1 for i in vector}
    gallery, probes = ([i for i in vector if i.startswith("Probe") == probe] for probe in (False, True))
    hits, precisions = [], []
    for probe in probes:
        scores = [unit(vector[probe][None])[0] @ unit(vector[g][None])[0] for g in gallery]
        index = np.argsort(scores)[::-1].tolist()
        relevant = {n for n, g in enumerate(gallery) if person[g] == person[probe]}
        hits.append([bool(relevant & set(index[:k])) for k in (1, 3)])
        precisions.append(compute_ap(relevant, index))
    got = found["faces"]
    assert (got["probes"], got["gallery"], got["mated"]) == (12, 20, 12)
    assert [got["rank-1"], got["rank-3"]] == pytest.approx(np.mean(hits, axis=0))
    assert got["map"] == pytest.approx(np.mean(precisions))
    assert got["map_low"] < got["map"] < got["map_high"]
    assert got["rank-1"] < got["rank-3"]


RNG = np.random.default_rng(2)
PEOPLE = [f"p{n % 30}" for n in range(120)]
CENTRES = {f"p{n}": RNG.normal(size=DIMENSION) for n in range(30)}
IMAGES = Embedded(
    "set",
    [f"i{n}" for n in range(120)],
    PEOPLE,
    [f"set:i{n}" for n in range(120)],
    np.array([CENTRES[p] + RNG.normal(size=DIMENSION) for p in PEOPLE], np.float32),
)
COLUMN = {image: f"t{n}" for n, image in enumerate(IMAGES.image_ids)}


def listed(path: Path, pairs: list[tuple[int, int]]) -> TemplatePairsOptions:
    path.write_text("".join(f"t{a} t{b} {int(PEOPLE[a] == PEOPLE[b])}\n" for a, b in pairs))
    return TemplatePairsOptions(dataset="set", pairs=str(path), templates={"media": None})


def given(images: Embedded = IMAGES, **more: Any):
    return dataclasses.replace(
        context(images, far=(0.1,)), column=lambda dataset, name: COLUMN if name == "template" else {}, **more
    )


def test_of_many_pairs_the_bootstrap_goes_through_levels_and_finds_the_same(tmp_path: Path, monkeypatch: Any) -> None:
    options = listed(tmp_path / "pairs.txt", [(a, b) for a in range(120) for b in range(a + 1, 120) if (a + b) % 3])
    exact = template_pairs(given(), options)
    monkeypatch.setattr(module, "EXACT_PAIRS", 100)
    levels = template_pairs(given(), options)
    for name in ("eer", "tar@0.1", "auc", "genuine", "impostor", "threshold@0.1"):
        assert levels.scalars[name].value == exact.scalars[name].value
    for name in ("eer", "tar@0.1", "d_prime"):
        one, other = (np.std(result.scalars[name].replicates) for result in (exact, levels))
        assert other == pytest.approx(one, rel=0.15)
        assert (
            np.corrcoef(np.sort(exact.scalars[name].replicates), np.sort(levels.scalars[name].replicates))[0, 1] > 0.98
        )


def test_templates_without_a_face_fail_and_their_pairs_are_rejected(tmp_path: Path) -> None:
    pairs = [(a, b) for a in range(60) for b in range(60, 120)]
    options, lost = listed(tmp_path / "pairs.txt", pairs), {3, 4, 70}
    keep = [n for n in range(120) if n not in lost]

    def some(which: list[int], vectors: Any) -> Embedded:
        own = {f: [getattr(IMAGES, f)[n] for n in which] for f in ("image_ids", "sitters", "origins")}
        return Embedded("set", **own, vectors=vectors)

    failed = some(sorted(lost), np.empty((3, 0), np.float32))
    found = template_pairs(given(some(keep, IMAGES.vectors[keep]), failures=lambda dataset: failed), options).scalars
    whole = template_pairs(given(), options).scalars
    assert found["fte"].value == pytest.approx(3 / 120)
    assert found["genuine"].value < whole["genuine"].value
    x = unit(IMAGES.vectors)
    scores = np.array([-9.0 if {a, b} & lost else x[a] @ x[b] for a, b in pairs])
    genuine = np.array([PEOPLE[a] == PEOPLE[b] for a, b in pairs])
    limit = min(t for t in scores if np.mean(scores[~genuine] >= t) <= 0.1)
    assert found["gfrr@0.1"].value == pytest.approx(np.mean(scores[genuine] < limit))
    (block,) = every_pair(given(some(keep, IMAGES.vectors[keep]), failures=lambda dataset: failed), options)
    assert len(block.score) == sum(not {a, b} & lost for a, b in pairs)


def test_a_list_that_does_not_fit_the_data_set_is_told_with_its_line(tmp_path: Path) -> None:
    options = listed(tmp_path / "pairs.txt", [(0, 30), (1, 2)])
    file = tmp_path / "pairs.txt"
    file.write_text("t0 t30 1\nt1 t999 0\n")
    with pytest.raises(SitterError, match="line 2: no test image of set has template 't999' in its column"):
        template_pairs(given(), options)
    file.write_text("t0 t30 1\nt1 t31 0\n")
    with pytest.raises(SitterError, match="line 2: the label of templates t1 and t31 is 0, but they are of one sitter"):
        template_pairs(given(), options)


@pytest.mark.parametrize(("sign", "given", "told"), [(-1, True, True), (1, True, False), (-1, False, False)])
def test_scores_of_a_file_that_look_like_distances_are_told(sign: int, given: bool, told: bool) -> None:
    rng = np.random.default_rng(5)
    one, other = rng.integers(0, 40, 400), rng.integers(0, 40, 400)
    genuine, impostor = sign * rng.normal(2, 1, 80), sign * rng.normal(0, 1, 400)
    pairs = ScoredPairs(genuine, np.arange(80) % 40, impostor, one, other, 40)
    assert bool(module._result(context(), pairs, given).reversed) == told


def test_pairs_of_templates_are_calibrated_by_folds_of_sitters() -> None:
    rng = np.random.default_rng(6)
    one, other = rng.integers(0, 60, 3000), rng.integers(0, 60, 3000)
    apart = one != other
    pairs = ScoredPairs(rng.normal(2, 1, 240), np.arange(240) % 60, rng.normal(0, 1, int(apart.sum())),
                        one[apart], other[apart], 60)  # fmt: skip
    given = dataclasses.replace(context(), calibrate=partial(calibrated, method="logistic", seed=1))
    found = module._result(given, pairs, given=False)
    # Two normal distributions whose means are two deviations apart: the cost of the true likelihood ratios.
    llr = [2 * rng.normal(mean, 1, 200_000) - 2 for mean in (2, 0)]
    true = np.mean([np.log2(1 + np.exp(-llr[0])).mean(), np.log2(1 + np.exp(llr[1])).mean()])
    assert found.scalars["cllr"].value == pytest.approx(true, abs=0.06)
    assert found.scalars["cllr_min"].value <= found.scalars["cllr"].value
    assert {"tippett", "reliability", "ece"} <= {one.name for one in found.curves}
    assert "cllr" not in module._result(context(), pairs, given=False).scalars
