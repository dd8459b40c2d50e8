"""A patience is refused before training if the val faces have no error rate."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.core.layout import Layout
from pipeline.metrics.verification import eer, roc, tally
from pipeline.params import check
from pipeline.params.recipe import recipe_of
from pipeline.stages import train
from pipeline.training.prepare import check_patience
from pipeline.training.validation import lacking
from tests.training.study import STUDY, make_faces, study

PATIENCE = {patience: recipe_of(study(patience=patience), "small") for patience in (None, 3)}


@given(st.lists(st.integers(0, 4), max_size=9))
def test_an_error_rate_is_lacking_exactly_where_none_can_be_computed(sitters: list[int]) -> None:
    labels = np.array(sitters, dtype=np.int64)
    i, j = np.triu_indices(len(labels), 1)
    scores = np.random.default_rng(0).random(len(i))
    same = labels[i] == labels[j]
    assert bool(lacking(labels)) == bool(np.isnan(eer(roc(tally(scores[same], scores[~same])))[0]))
    if lacking(labels):
        assert check_patience(PATIENCE[None], labels) == lacking(labels)
        with pytest.raises(SitterError, match=r"models\.small: patience is 3, .* in tiny, "):
            check_patience(PATIENCE[3], labels)


@pytest.mark.training
@pytest.mark.parametrize(
    ("faces", "words"),
    [({"images": 1, "val": 2}, "one image each"), ({"val": 1}, "of one sitter"), ({"val": 0}, "no val sitters")],
)
def test_val_faces_without_pairs_refuse_a_patience_before_any_epoch(
    at: Layout,
    faces: dict[str, int],
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_faces(at, **faces)
    with pytest.raises(SitterError, match=words):
        train.run(study("head", patience=2), "head", at.root)
    assert not (at.root / "models/head").exists()
    if faces.get("images") != 1:  # the triplet needs two images
        train.run(study("head", epochs=1), "head", at.root)
        assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("splits", "fold", "refused"),
    [
        ({"tiny": {"kind": "sitters", "test": 0.2, "val": 0.2}}, None, False),
        ({"tiny": {"kind": "sitters", "test": 0.2}}, None, True),
        ({"tiny": {"kind": "images", "test": 0.2}}, None, True),
        ({"tiny": {"kind": "like", "dataset": "more"}, "more": {"kind": "sitters", "test": 0.2}}, None, True),
        ({"tiny": {"kind": "like", "dataset": "more"}}, None, False),
        ({"tiny": {"kind": "sitters", "test": 1}}, 0, False),
    ],
)
def test_a_study_whose_splits_have_no_val_sitters_is_refused_by_check(
    splits: dict[str, Any], fold: int | None, refused: bool
) -> None:
    raw = copy.deepcopy(STUDY)
    raw["split"] |= splits
    raw["train"]["patience"] = 2
    for model in raw["models"].values():
        model["training"] = {"fold": fold}
    if not refused:
        check(raw)
        return
    with pytest.raises(SitterError) as caught:
        check(raw)
    assert all("patience is 2, but tiny has no val" in line for line in str(caught.value).splitlines())
    assert "models.frozen" not in str(caught.value)
    check({**raw, "train": {**raw["train"], "patience": None}})
