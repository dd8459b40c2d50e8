"""The stage `explain`: the same pairs for every model, chosen by the first; the same bytes at each run."""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder, read_csv, read_table, write_csv
from pipeline.core.layout import Layout
from pipeline.models.build import build
from pipeline.models.save import write_model
from pipeline.params import Study
from pipeline.params.overlap import Overlap
from pipeline.plan.stages import jobs
from pipeline.stages import embed, explain, split
from pipeline.store.attributions import COLUMNS
from pipeline.store.faces import StoredFace, encode, write_faces
from tests.faces_of_noise import face
from tests.reporting.standin import LANDMARKS, small_study

NETWORK = {"kind": "iresnet", "depth": 18, "width": 0.0625, "embedding": 8}
SECTION: dict[str, Any] = {"models": ["one", "two"], "probe": "photos", "pairs": 2, "patch": 56, "stride": 56}


def made(**changes: Any) -> Study:
    frozen = {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
    models = {
        "one": {"backbone": NETWORK, **frozen},
        "two": {"backbone": {**NETWORK, "embedding": 12}, **frozen, "mirror": True},
    }
    benchmarks = {"photographs": {"kind": "all-pairs", "probe": "photos"}}
    return small_study(
        models=models, fuse={}, evaluate={"benchmarks": benchmarks}, explain={**SECTION, **changes},
        split={"photos": {"kind": "sitters", "test": 0.75, "near_duplicates": False},
               "painted": {"kind": "like", "dataset": "photos"}},
    )  # fmt: skip


@pytest.fixture
def study(at: Layout, monkeypatch: pytest.MonkeyPatch) -> Study:
    """Two untrained networks, and what they make of 24 faces of 8 sitters."""
    monkeypatch.setattr(torch, "set_deterministic_debug_mode", lambda _: None)
    study = made()
    names = [(f"s{n // 3}/{n}", f"s{n // 3}") for n in range(24)]
    at.faces("photos").mkdir(parents=True)
    crops = [face(n) for n in range(24)]
    rows = zip(names, crops, strict=True)
    write_faces(at.faces("photos"), (StoredFace(i, s, encode(c), LANDMARKS, "d", 1.0) for (i, s), c in rows))
    account = [{"image_id": i, "sitter": s, "status": "aligned"} for i, s in names]
    write_csv(at.faces("photos") / "faces.csv", account, ["image_id", "sitter", "status"])
    split.run(study, "photos", at.root)
    for name, model in study.models.items():
        network, _ = build(model.backbone, model.adaptation, 7, at)
        write_model(at.model(name), network, model, 7, "code")
    embed.run(study, "one", "photos", at.root)
    return study


def pairs(at: Layout, model: str) -> list[dict[str, str]]:
    return read_csv(at.attributions(model) / "pairs.csv", COLUMNS)


def test_every_model_is_shown_on_the_pairs_that_the_first_finds_hardest(at: Layout, study: Study) -> None:
    explain.run(study, "one", at.root)
    explain.run(study, "two", at.root)
    one, two = pairs(at, "one"), pairs(at, "two")
    assert [{**r, "score": ""} for r in one] == [{**r, "score": ""} for r in two]
    assert [(r["sort"], r["rank"]) for r in one] == [(s, str(n)) for s in explain.SORTS for n in (1, 2)]
    from pipeline.store.embeddings import read_embeddings

    table = read_embeddings("one", "photos", at)
    unit = table.vectors / np.linalg.norm(table.vectors, axis=1, keepdims=True)
    with open(at.split("photos") / "split.csv", newline="") as file:
        tested = {r["image_id"] for r in csv.DictReader(file) if r["subset"] == "test"}
    at = [n for n, i in enumerate(table.image_ids) if i in tested]
    cosine = {(a, b): float(unit[a] @ unit[b]) for k, a in enumerate(at) for b in at[k + 1 :]}
    sitter = [i.split("/")[0] for i in table.image_ids]
    lowest = min((v, k) for k, v in cosine.items() if sitter[k[0]] == sitter[k[1]])
    highest = max((v, k) for k, v in cosine.items() if sitter[k[0]] != sitter[k[1]])
    for row, (value, (a, b)) in ((one[0], lowest), (one[2], highest)):
        assert {row["probe"], row["gallery"]} == {table.image_ids[a], table.image_ids[b]}
        assert float(row["score"]) == pytest.approx(value, abs=1e-5)
    assert float(two[0]["score"]) != pytest.approx(lowest[0], abs=1e-4)


def test_no_image_stands_twice_in_a_sort(at: Layout, study: Study) -> None:
    for sort in explain.SORTS:
        images = [
            i for p in explain.chosen(study, made(pairs=4).explain, at) if p.sort == sort for i in (p.probe, p.gallery)
        ]
        assert len(images) == len(set(images)) >= 4


@pytest.mark.parametrize("method", ["occlusion", "gradient"])
def test_a_second_run_writes_the_same_bytes(at: Layout, study: Study, method: str) -> None:
    chosen = made(method=method, pairs=1, steps=8)
    manifests = set()
    for _ in range(2):
        explain.run(chosen, "one", at.root)
        manifests.add((at.attributions("one") / "manifest.csv").read_bytes())
    assert len(manifests) == 1
    table = read_table(at.attributions("one") / "maps.arrow")
    assert table["side"].to_pylist() == ["probe", "gallery"] * 3
    maps = np.array(table["map"].to_pylist())
    assert maps.shape == (6, 112 * 112)
    assert np.isfinite(maps).all()
    assert (maps.std(1) > 0).all()


def test_a_job_depends_on_its_own_model_and_on_the_one_that_chooses(at: Layout, study: Study) -> None:
    job = next(j for j in jobs(study, at.root) if j.stage == "explain" and j.name == "two")
    assert {at.model("two"), at.embeddings("one", "photos"), at.faces("photos")} <= set(job.inputs)
    assert at.model("one") not in job.inputs
    assert at.embeddings("two", "photos") not in job.inputs
    report = next(j for j in jobs(study, at.root) if j.stage == "report")
    assert {at.attributions("one"), at.attributions("two")} <= set(report.inputs)


def test_bad_input_is_told_before_any_work(at: Layout, study: Study) -> None:
    with pytest.raises(SitterError, match=r"explain\.models is 'oen'.*did you mean 'one'"):
        made(models=["oen"])
    with pytest.raises(SitterError, match=r"explain\.gallery is 'foto'"):
        made(gallery="foto")
    with pytest.raises(SitterError, match="stride 9 is more than patch 8: parts of the face stay unseen"):
        made(patch=8, stride=9)
    with pytest.raises(SitterError, match=r"two is not under explain\.models"):
        explain.run(made(models=["one"]), "two", at.root)


def test_images_that_overlap_leaves_out_are_not_shown(at: Layout, study: Study) -> None:
    shown = {image for pair in explain.chosen(study, made().explain, at) for image in (pair.probe, pair.gallery)}
    (dataset, image_id), *_ = sorted(shown)
    entry = {"train": ["painted"], "test": "photos", "exclude": "images"}
    narrowed = study.model_copy(update={"overlap": {"known": Overlap.model_validate(entry)}})
    with output_folder(at.overlap("known")) as folder:
        write_csv(folder / "excluded.csv", [{"image_id": image_id}], ["image_id"])
    still = {image for pair in explain.chosen(narrowed, narrowed.explain, at) for image in (pair.probe, pair.gallery)}
    assert (dataset, image_id) not in still
    (job,) = (job for job in jobs(narrowed, at.root) if (job.stage, job.name) == ("explain", "one"))
    assert at.overlap("known") in job.inputs
