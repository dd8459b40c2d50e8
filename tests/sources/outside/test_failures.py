"""Images that an outside system could not process count like images without a face."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.files import write_csv
from pipeline.stages import evaluate, fuse
from pipeline.store.embeddings import normalise, read_embeddings
from tests.sources.outside.project import (
    IDS,
    NAMES,
    SCORES,
    TEST,
    VECTORS,
    given,
    pairs,
    put_csv,
    put_scores,
    run,
    study,
)

pytestmark = pytest.mark.usefixtures("project")

FAILED = [
    "s3/9",
    "s4/12",
    "s4/13",
    "s4/14",
    "s0/1",
]
"""One image of a sitter, all images of another sitter, and one image of a train sitter."""
GONE = [i for i in FAILED if i in TEST]
BENCHMARKS: dict[str, Any] = {
    "all": {"kind": "all-pairs", "probe": "photos"},
    "who": {"kind": "identification", "probe": "photos", "ranks": [1]},
}


def vectors(at, form: str = "csv") -> None:
    """Write the system's vectors: in a CSV the cells of a failed image are empty, in an archive its vector is NaN."""
    if form == "npz":
        nothing = np.where(np.isin(IDS, FAILED)[:, None], np.nan, VECTORS)
        np.savez(given(at, "cots.npz"), image_id=np.array(IDS), embedding=nothing, failed=np.isin(IDS, FAILED))
        return
    header = ["image_id", *(f"v{n}" for n in range(VECTORS.shape[1])), "failed"]
    gone, none = np.isin(IDS, FAILED), [""] * VECTORS.shape[1]
    rows = [[i, *(none if f else v.tolist()), int(f)] for i, v, f in zip(IDS, VECTORS, gone, strict=True)]
    put_csv(at, header, rows)


def figures(at) -> dict[str, Any]:
    return json.loads((at.results() / "metrics.json").read_text())


def expected_gfrr(far: float) -> float:
    """Return the GFRR at a GFAR over all pairs of test images; pairs with a failed image have the lowest score."""
    x, who = normalise(VECTORS), np.array(NAMES)
    scores, same = [], []
    for n, a in enumerate(TEST):
        for b in TEST[n + 1 :]:
            i, j = IDS.index(a), IDS.index(b)
            scores.append(-9.0 if {a, b} & set(FAILED) else float(x[i] @ x[j]))
            same.append(who[i] == who[j])
    scores, same = np.array(scores), np.array(same)
    limit = min(t for t in np.append(scores, 9) if np.mean(scores[~same] >= t) <= far)
    return float(np.mean(scores[same] < limit))


@pytest.mark.parametrize("form", ["csv", "npz", "scores"])
def test_its_failures_count_as_images_without_a_face_do(at, form: str) -> None:
    if form == "scores":
        some = [(a, b, s) for a, b, s in pairs() if not {a, b} & set(FAILED)]
        rows = [*((*row, 0) for row in some), *((i, "", "", 1) for i in FAILED)]
        put_scores(at, rows, ("probe_id", "gallery_id", "score", "failed"))
    else:
        vectors(at, form)
    studied = study(SCORES if form == "scores" else None, benchmarks=BENCHMARKS)
    run(at, studied)
    evaluate.run(studied, at.root)
    found = figures(at)["all"]["cots"]
    assert found["fta"] == pytest.approx(len(GONE) / len(TEST))
    assert found["fte"] == pytest.approx(1 / 6)
    assert found["gfrr@0.1"] == pytest.approx(expected_gfrr(0.1))
    assert found["genuine"] == 5 * 3 - 2  # comparisons alone leave them out
    who = figures(at)["who"]["cots"]
    assert who["fnir-rank-1"] >= len(GONE) / len(TEST)
    own = figures(at)["all"]["own"]  # which failed on none: its figures stand beside
    assert (own["fta"], own["geer"]) == (0, pytest.approx(own["eer"]))
    assert figures(at)["who"]["own"]["fnir-rank-1"] == pytest.approx(1 - figures(at)["who"]["own"]["rank-1"])
    assert json.loads((at.model("cots") / "model.json").read_text())["failed"] == len(FAILED)


def test_pairs_that_a_data_set_comes_with_are_lost(at) -> None:
    vectors(at)
    listed = [(TEST[n], TEST[(n + step) % len(TEST)], n % 3) for n in range(len(TEST)) for step in (1, 4)]
    of = dict(zip(IDS, NAMES, strict=True))
    rows = [{"image_a": a, "image_b": b, "genuine": int(of[a] == of[b]), "fold": f} for a, b, f in listed]
    write_csv(at.split("photos") / "pairs.csv", rows, ["image_a", "image_b", "genuine", "fold"])
    studied = study(benchmarks={"folds": {"kind": "kfold", "dataset": "photos"}})
    run(at, studied)
    evaluate.run(studied, at.root)
    found = figures(at)["folds"]
    lost = [r for r in rows if {r["image_a"], r["image_b"]} & set(FAILED)]
    assert found["cots"]["failed_pairs"] == len(lost) > 0
    assert found["own"]["failed_pairs"] == 0
    assert found["own"]["gaccuracy"] == pytest.approx(found["own"]["accuracy"])
    assert found["cots"]["genuine"] + found["cots"]["impostor"] == len(rows) - len(lost)


def test_a_fusion_with_it_is_refused_with_the_reason(at) -> None:
    vectors(at)
    fusions = {"both": {"models": ["own", "cots"], "method": {"kind": "concat"}, "centre": False}}
    studied = study(fusions=fusions)
    run(at, studied)
    assert read_embeddings("cots", "photos", at).image_ids == [i for i in IDS if i not in FAILED]
    with pytest.raises(SitterError, match=r"cots has no vector for 5 images of photos, .*the outside system failed"):
        fuse.run(studied, "both", at.root)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["x", 1, 2, 0], ["y", 3, 4, "maybe"]], "column failed holds 'maybe' in line 3; expected: 1 where"),
        ([["x", "", "", 1], ["y", "", "", 1]], "column failed says for every row that the system failed"),
        ([["x", "", "", 1], ["y", 1, 2, 0], ["z", 0, 0, 0]], "the vector in line 4 is all zeros"),
    ],
)
def test_a_column_of_failures_that_cannot_be_is_told_with_its_line(at, rows: list[list[Any]], message: str) -> None:
    put_csv(at, ["image_id", "v0", "v1", "failed"], rows)
    with pytest.raises(SitterError, match=message):
        run(at, study())


def test_an_image_that_failed_and_has_a_vector_is_refused(at) -> None:
    rows = [[i, 1 + n % 5, n * n, 0] for n, i in enumerate(IDS)]
    put_csv(at, ["image_id", "v0", "v1", "failed"], [*rows, [IDS[2], "", "", 1]])
    with pytest.raises(SitterError, match="'s0/2' has a vector in one row, but failed in another"):
        run(at, study())
