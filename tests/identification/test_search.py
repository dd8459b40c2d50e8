"""A search gives each sitter one score, and never compares a tested portrait with its own picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.identification import search as searching
from pipeline.identification.question import thinned
from pipeline.identification.search import Matrix, Portrait, search
from pipeline.scoring.search_norm import normalised, of_sitters

GALLERY = [
    Portrait("d", "b1", "Bea", "d:b1"),
    Portrait("d", "a1", "Ada", "d:a1"),
    Portrait("d", "a2", "Ada", "d:a2"),
    Portrait("d", "a3", "Ada", "d:a2"),  # the same picture
]
TABLE = {"b1": 0.3, "a1": 0.1, "a2": 0.9, "a3": 0.8}


def score(probes: Sequence[Portrait], gallery: Sequence[Portrait]) -> Matrix:
    scores = np.array([[TABLE[p.image_id] for p in gallery] for _ in probes])
    return lambda rows, columns: scores[rows, columns].copy()


def test_pooling_takes_the_best_or_the_mean_and_remembers_the_best_portrait() -> None:
    probe = [Portrait("d", "x", "", "d:x")]
    best = search(probe, GALLERY, score, "best", apart=True)
    assert best.sitters == ["Ada", "Bea"]
    np.testing.assert_allclose(best.scores, [[0.9, 0.3]])
    assert best.best.tolist() == [[2, 0]]
    mean = search(probe, GALLERY, score, "mean", apart=True)
    np.testing.assert_allclose(mean.scores, [[0.6, 0.3]])
    assert mean.best.tolist() == [[2, 0]]


@pytest.mark.parametrize("cells", [1, 1000])
def test_a_test_leaves_out_its_own_picture_and_a_question_only_itself(
    cells: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "CELLS", cells)
    monkeypatch.setattr(searching, "LEAST_PORTRAITS", 1)
    probes = [GALLERY[2], GALLERY[0]]
    tested = search(probes, GALLERY, score, "best", apart=True)
    np.testing.assert_allclose(tested.scores, [[0.1, 0.3], [0.9, -np.inf]])
    assert tested.best.tolist() == [[1, 0], [2, -1]]
    asked = search(probes, GALLERY, score, "best", apart=False)
    np.testing.assert_allclose(asked.scores[0], [0.8, 0.3])
    pretended = search(probes, GALLERY, score, "best", apart=False, apart_of={"Ada"})
    np.testing.assert_allclose(pretended.scores[0], [0.1, 0.3])


def test_an_unidentified_copy_of_a_known_picture_finds_it() -> None:
    """Only a test must not: in a real question the known picture is the answer."""
    found = search([Portrait("e", "copy", "", "d:a2")], GALLERY, score, "best", apart=False)
    np.testing.assert_allclose(found.scores, [[0.9, 0.3]])


def test_pairs_without_a_score_do_not_count() -> None:
    def some(probes: Sequence[Portrait], gallery: Sequence[Portrait]) -> Matrix:
        found = score(probes, gallery)(slice(None), slice(None))
        found[:, [p.image_id in ("a2", "b1") for p in gallery]] = np.nan
        return lambda rows, columns: found[rows, columns].copy()

    found = search([Portrait("d", "x", "", "d:x")], GALLERY, some, "mean", apart=True)
    np.testing.assert_allclose(found.scores, [[0.45, -np.inf]])


def test_scores_are_measured_by_those_of_strangers() -> None:
    rng = np.random.default_rng(1)
    scores, mine = rng.normal(size=(40, 8)), np.arange(40) % 8
    scores[3, 2] = -np.inf
    mean, spread = of_sitters(scores, mine)
    others = scores[mine != 5, 5]
    np.testing.assert_allclose([mean[5], spread[5]], [others.mean(), others.std()])
    found = normalised(scores, mean, spread)
    row = np.delete(scores[7], scores[7].argmax())
    expected = ((scores[7] - row.mean()) / row.std() + (scores[7] - mean) / spread) / 2
    np.testing.assert_allclose(found[7], expected)
    assert found[3, 2] == -np.inf
    assert np.isfinite(found).sum() == found.size - 1


def test_of_too_many_known_portraits_each_sitter_keeps_some() -> None:
    portraits = [Portrait("d", f"{s}/{n}", s, f"d:{s}/{n}") for s, count in (("a", 50), ("b", 3)) for n in range(count)]
    kept = thinned(portraits, 10, 1)
    assert [p for p in portraits if p in kept] == kept
    assert sum(p.sitter == "b" for p in kept) == 3
    assert len(kept) == 10
    assert thinned(portraits, 100, 1) == portraits
