"""Scores by a cohort of strangers: the formula, and what is written of them."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.metrics.verification import eer, roc, tally
from pipeline.scoring import score_norm as module
from pipeline.scoring.score_norm import check_size, normalised, strangers
from pipeline.store.embeddings import normalise
from pipeline.store.scores import table_of


def units(n, seed, d=6):
    return normalise(np.random.default_rng(seed).normal(size=(n, d)).astype(np.float32))


def test_each_score_is_that_of_the_formula_pair_by_pair():
    probes, gallery, others = units(4, 1), units(5, 2), units(20, 3)
    found = normalised(probes, gallery, others, 7)
    for i, p in enumerate(probes.astype(float)):
        for j, g in enumerate(gallery.astype(float)):
            parts = []
            for x in (p, g):
                nearest = sorted((x @ o for o in others.astype(float)), reverse=True)[:7]
                parts.append((p @ g - np.mean(nearest)) / np.std(nearest))
            assert found[i, j] == pytest.approx(np.mean(parts), rel=1e-9)


def test_a_pair_has_one_score_whichever_is_the_probe():
    probes, others = units(6, 4), units(9, 5)
    found = normalised(probes, probes, others, 4)
    np.testing.assert_allclose(found, found.T, rtol=1e-12)


def test_a_cohort_smaller_than_asked_for_is_taken_whole_and_one_that_does_not_differ_divides_by_something():
    probes, others = units(3, 6), units(5, 7)
    np.testing.assert_array_equal(strangers(probes, others, 100), strangers(probes, others, 5))
    assert np.isfinite(normalised(probes, probes, np.repeat(others[:1], 4, 0), 3)).all()


def test_images_that_are_like_everybody_no_longer_pass_for_everybody():
    """Half the images carry something that they share, as dark varnish, in their own strength."""
    random = np.random.default_rng(8)

    def portraits(people, strength):
        faces = np.repeat(random.normal(size=(people, 16)), 4, axis=0) + 0.8 * random.normal(size=(4 * people, 16))
        return normalise((faces + strength * random.uniform(0, 1, (4 * people, 1)) * np.eye(16)[0]).astype(np.float32))

    tested, others = portraits(25, 12), portraits(40, 12)
    i, j = np.triu_indices(100, 1)
    same = i // 4 == j // 4
    errors = [
        eer(roc(tally(scores[i, j][same], scores[i, j][~same])))[0]
        for scores in (tested.astype(float) @ tested.T, normalised(tested, tested, others, 40))
    ]
    assert errors[1] < errors[0] - 0.03


def test_pairs_within_a_list_stand_once_and_of_two_lists_all():
    scores = np.arange(9.0).reshape(3, 3)
    ids = ["a", "b", "c"]
    within = table_of(ids, "own", ids, scores).to_pylist()
    assert [(r["probe_id"], r["gallery_id"], r["score"]) for r in within] == [
        ("a", "b", 1.0), ("a", "c", 2.0), ("b", "c", 5.0)]  # fmt: skip
    across = table_of(ids, "theirs", ["x", "y", "z"], scores)
    assert across.num_rows == 9
    assert set(across["gallery_dataset"].to_pylist()) == {"theirs"}


def test_more_scores_than_can_be_kept_are_refused(monkeypatch):
    monkeypatch.setattr(module, "MOST_SCORES", 10)
    check_size("f", 2, 5)
    with pytest.raises(SitterError, match=r"fuse.f.score_norm: scores of 3 × 5 test images are more than 10. Leave"):
        check_size("f", 3, 5)
