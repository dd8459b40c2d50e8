"""Cross-validation over sitters: each face by the model that has not seen its sitter, compared within its fold."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import params
from pipeline.core.errors import SitterError
from pipeline.core.files import output_folder, read_json, write_csv
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Embedded
from pipeline.stages import fuse
from pipeline.store.embeddings import normalise, read_embeddings, write_embeddings

FOLDS, IMAGES, DIM = 3, 24, 5
NETWORK = {"backbone": {"kind": "iresnet", "depth": 18}, "adaptation": {"kind": "head"}, "loss": {"kind": "triplet"}}


def study(**changes) -> params.Study:
    """A model trained without each of three folds in turn, a frozen one, both cross-validated, and their fusion."""
    frozen = NETWORK | {"adaptation": {"kind": "none"}, "loss": {"kind": "none"}}
    raw = {
        "seed": 1,
        "download": {"faces": {"kind": "folder", "path": "."}},
        "align": {"faces": {"detectors": [{"kind": "aligned"}]}},
        "split": {"faces": {"kind": "sitters", "test": 1, "folds": FOLDS}},
        "train": {"train_on": ["faces"]},
        "models": {"head": NETWORK | {"sweep": {"training.fold": [0, 1, 2]}}, "base": frozen},
        "embed": {"datasets": ["faces"], "batch": 8},
        "fuse": {
            "head-cv": {"models": ["head"], "method": {"kind": "folds"}},
            "base-cv": {"models": ["base"], "method": {"kind": "folds"}},
            "both": {"models": ["head-cv", "base-cv"], "method": {"kind": "concat"}, "centre": False},
        },
        "evaluate": {"benchmarks": {"all": {"kind": "all-pairs", "probe": "faces", "within_folds": True}}},
    }
    return params.check(raw | changes)


@pytest.fixture
def embedded(at):
    """Three images each of eight sitters in three folds, and what each model makes of them: model → float32 [24, 5]."""
    rows = [
        {"image_id": f"i{i}", "sitter": f"s{i // 3}", "subset": "test", "fold": str((i // 3) % FOLDS), "origin": ""}
        for i in range(IMAGES)
    ]
    at.split("faces").mkdir(parents=True)
    write_csv(at.split("faces") / "split.csv", rows, list(rows[0]))
    random = np.random.default_rng(0)
    vectors = {}
    for model in ("head-fold-0", "head-fold-1", "head-fold-2", "base"):
        vectors[model] = random.normal(size=(IMAGES, DIM)).astype(np.float32)
        with output_folder(at.embeddings(model, "faces")) as folder:
            write_embeddings(folder, [row["image_id"] for row in rows], vectors[model])
    return vectors


def fold_of(i: int) -> int:
    return (i // 3) % FOLDS


def test_each_face_by_the_model_that_left_it_out(embedded, at):
    fuse.run(study(), "head-cv", at.root)
    made = read_embeddings("head-cv", "faces", at)
    for i in range(IMAGES):
        member = normalise(embedded[f"head-fold-{fold_of(i)}"])
        others = member[[j for j in range(IMAGES) if fold_of(j) != fold_of(i)]].mean(0)
        expected = member[i] - others
        np.testing.assert_allclose(made.select([f"i{i}"])[0], expected / np.linalg.norm(expected), atol=1e-6)
    assert read_json(at.model("head-cv") / "model.json")["models"] == ["head-fold-0", "head-fold-1", "head-fold-2"]


def test_a_frozen_model_and_a_fusion_of_both(embedded, at):
    for name in ("head-cv", "base-cv", "both"):
        fuse.run(study(), name, at.root)
    one, other, both = (
        read_embeddings(name, "faces", at).select(["i0", "i9"]) for name in ("head-cv", "base-cv", "both")
    )
    assert both[0] @ both[1] == pytest.approx((one[0] @ one[1] + other[0] @ other[1]) / 2, abs=1e-6)


def test_only_the_cross_validated_are_judged():
    assert study().judged == ["base", "head-cv", "base-cv", "both"]


def test_pairs_within_folds_and_of_different_origin():
    images = Embedded(
        "faces", list("abcde"), list("vwxyz"), ["o", "o", "p", "q", "r"], np.ones((5, 2), np.float32), [0, 0, 0, 1, 1]
    )
    pairing = Pairing(images, None, within_folds=True)
    assert set(zip(*(found.tolist() for found in pairing.pairs()), strict=True)) == {(0, 2), (1, 2), (3, 4)}
    assert pairing.size == 3
    across = Pairing(images, Embedded(images.dataset, *[getattr(images, f) for f in (
        "image_ids", "sitters", "origins", "vectors", "folds")]), within_folds=True)  # fmt: skip
    assert across.size == 9 + 4 - 5 - 2, "each with itself, and the two of one origin both ways, are left out"


def test_mistakes():
    with pytest.raises(SitterError, match=r"fuse.head-cv: its models leave out the folds \[0, 1\]|leave out"):
        study(fuse={"head-cv": {"models": ["head-fold-0", "head-fold-0"], "method": {"kind": "folds"}}})
    with pytest.raises(SitterError, match="within_folds: true"):
        study(evaluate={"benchmarks": {"all": {"kind": "all-pairs", "probe": "faces"}}})
    with pytest.raises(SitterError, match="a fusion is of two or more"):
        study(fuse={"alone": {"models": ["base"], "method": {"kind": "concat"}, "centre": False}})
    with pytest.raises(SitterError, match=r"fuse\.first\.models is 'both'"):
        study(fuse={"first": {"models": ["base", "both"], "method": {"kind": "concat"}, "centre": False}})


def test_a_data_set_with_train_sitters_is_not_cross_validated(embedded, at):
    table = at.split("faces") / "split.csv"
    table.write_text(table.read_text().replace("test", "train", 1))
    with pytest.raises(SitterError, match=r"Set split\.faces: test: 1"):
        fuse.run(study(), "head-cv", at.root)
