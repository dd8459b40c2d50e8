"""The fast search finds what plain double precision finds, of equals the first."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks.search import main as benchmark
from pipeline.core.numbers import COSINE_GRID, Floats, Ints, rounded, unit
from pipeline.metrics import nearest as module
from pipeline.metrics.nearest import SearchGallery, Struck, nearest
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Embedded, Scored
from pipeline.metrics.searching import searches


def plainly(
    vectors: Floats, probes: Floats, starts: Ints, k: int, out: tuple[Ints, Ints], own: Ints
) -> tuple[Ints, Floats, Floats, Ints]:
    """Sitters and scores of the k nearest, own scores and sitters before it: all pairs in double precision."""
    scores = rounded(unit(probes) @ unit(vectors).T)
    scores[out] = -np.inf
    pooled = np.maximum.reduceat(scores, starts, axis=1)
    rows, known = np.arange(len(probes)), own >= 0
    mine = np.where(known, pooled[rows, own], -np.inf)
    pooled[rows[known], own[known]] = -np.inf
    order = np.argsort(-pooled, axis=1, kind="stable")[:, :k]
    found = np.take_along_axis(pooled, order, axis=1)
    before = np.where(np.isfinite(mine), (pooled >= mine[:, None]).sum(axis=1), 0)
    return np.where(np.isfinite(found), order, -1), found, mine, before


@pytest.mark.parametrize("scale", [1.0, 1e-25])  # of norms with which single precision loses everything
@pytest.mark.parametrize(("probes", "k"), [(1, 1), (1, 7), (90, 5), (90, 500)])
def test_the_nearest_are_those_of_double_precision(
    probes: int, k: int, scale: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ties, several images of a sitter, shuffled rows, struck pairs, several blocks, more asked for than there are."""
    monkeypatch.setattr(module, "LEAST_ROWS", 50)
    monkeypatch.setattr(module, "CELLS", 1000)
    monkeypatch.setattr(module, "PROBES", 40)
    rng = np.random.default_rng([probes, k])
    starts = np.concatenate([[0], np.cumsum(rng.integers(1, 5, 299))])
    size = int(starts[-1]) + 2
    vectors = rng.normal(size=(size, 16)).astype(np.float32)
    vectors[rng.integers(0, size, size // 2)] = vectors[3]  # half of the gallery is one and the same vector
    vectors *= (np.float32(scale) * 10 ** rng.uniform(-2, 2, (size, 1))).astype(np.float32)
    asked = rng.normal(size=(probes, 16)).astype(np.float32)
    asked[::3] = vectors[3] / scale
    own = rng.integers(-1, 300, probes)
    out = rng.integers(0, probes, 400), rng.integers(0, size, 400)
    expected = plainly(vectors, asked, starts, k, out, own)
    rows = rng.permutation(size)
    given, order = np.empty_like(vectors), np.empty(size, np.int64)
    given[rows], order[:] = vectors, rows
    found = nearest(SearchGallery(given, order, starts), asked, k, struck=Struck.of(*out), own=own)
    np.testing.assert_array_equal(found.sitters, expected[0])
    np.testing.assert_allclose(found.scores, expected[1], rtol=0, atol=2 * COSINE_GRID)
    np.testing.assert_allclose(found.own, expected[2], rtol=0, atol=2 * COSINE_GRID)
    np.testing.assert_array_equal(found.before, expected[3])


def test_images_that_are_each_a_sitter_are_searched_as_they_stand() -> None:
    rng = np.random.default_rng(1)
    vectors, probes = (rng.normal(size=(n, 64)).astype(np.float32) for n in (20_000, 3))
    nobody = np.full(3, -1)
    expected = plainly(vectors, probes, np.arange(20_000), 10, (np.zeros(0, int), np.zeros(0, int)), nobody)
    found = nearest(SearchGallery(vectors), probes, 10)
    np.testing.assert_array_equal(found.sitters, expected[0])
    np.testing.assert_allclose(found.scores, expected[1], rtol=0, atol=2 * COSINE_GRID)
    assert nearest(SearchGallery(vectors[:0]), probes, 10).sitters.tolist() == [[-1]] * 3
    with pytest.raises(ValueError, match="k is 0"):
        nearest(SearchGallery(vectors), probes, 0)


def test_identification_by_vectors_is_identification_by_their_scores() -> None:
    """The search that computes what decides in double precision, and the matrix of all scores, agree in everything."""
    rng = np.random.default_rng(2)
    names = [f"s{n}" for n in rng.integers(0, 60, 300)]
    ids = [f"{n}" for n in range(300)]
    origins = [f"o{n}" for n in rng.integers(0, 200, 300)]
    centres = rng.normal(size=(60, 8))
    vectors = centres[[int(name[1:]) for name in names]] + 0.8 * rng.normal(size=(300, 8))
    table = Embedded("d", ids, names, origins, vectors.astype(np.float32))
    cosines = rounded(unit(table.vectors) @ unit(table.vectors).T)
    scored = Scored("d", ids, names, origins, [], lambda other: cosines.copy(), lambda a, b: cosines[a, b], "a file")
    by_vectors, by_scores = (searches(Pairing(side, None), (1, 5, 20)) for side in (table, scored))
    assert {1, 2, 6, 21} <= set(by_vectors.rank.tolist())
    for field in ("enrolled", "sitter", "rank", "position", "own", "foremost_other", "foremost", "second_other"):
        np.testing.assert_array_equal(getattr(by_vectors, field), getattr(by_scores, field), err_msg=field)
    for k, counts in by_vectors.ahead.items():
        assert counts.sum() > 0
        np.testing.assert_array_equal(counts.toarray(), by_scores.ahead[k].toarray())


def test_the_benchmark_runs_small_and_finds_the_candidates_of_double_precision(
    capsys: pytest.CaptureFixture[str],
) -> None:
    benchmark(["--images", "30000", "--dimension", "32", "--probes", "5", "--rounds", "1"])
    said = capsys.readouterr().out
    rates = dict(re.findall(r"^(nearest|identify), 1 probe: .* (\d+)% of the candidates are those", said, re.MULTILINE))
    assert rates == {"nearest": "100", "identify": "100"}
    assert re.search(r"^copy by 1 threads: [\d.]+ GB/s", said, re.MULTILINE)
    assert re.search(r"^nearest, 5 probes: [\d.]+ searches/s", said, re.MULTILINE)
    assert "faiss" in said
