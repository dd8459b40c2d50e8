"""Intervals of identification are for other probes and another gallery."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.identification_test import coverage, rejections
from pipeline.core.numbers import unit
from pipeline.metrics.intervals import draws, share_interval
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Embedded
from pipeline.metrics.search_rates import dir_rate, rank_rate, replicates
from pipeline.metrics.searching import searches
from tests.metrics.simulated import embedded

PHOTOGRAPHS = embedded("photos", 14, 5, seed=1, noise=0.9)
PAINTINGS = embedded("paintings", 11, 4, seed=2, noise=1.2)


def brute(probe: Embedded, gallery: Embedded | None, far: float, weight: dict[str, int], out: set[tuple[str, str]]):
    """Rank-1 and DIR at FAR probe by probe: sitters' searches weighted, and pairs of sitters kept apart."""
    other = gallery or probe
    p, g = unit(probe.vectors), unit(other.vectors)
    hits, tops, owns, weights = [], [], [], []
    for i, sitter in enumerate(probe.sitters):
        best: dict[str, float] = {}
        for j, name in enumerate(other.sitters):
            if (gallery or i != j) and (sitter, name) not in out:
                best[name] = max(best.get(name, -9.0), float(p[i] @ g[j]))
        mine = best.pop(sitter)
        hits.append(mine > max(best.values()))
        tops.append(max(best.values()))
        owns.append(mine)
        weights.append(weight.get(sitter, 1))
    w, t, o, h = np.array(weights), np.array(tops), np.array(owns), np.array(hits)
    limit = min(x for x in [np.inf, *tops, *(np.array(tops) + 1e-9)] if w[t >= x].sum() <= far * w.sum() * (1 + 1e-12))
    return (w * h).sum() / w.sum(), (w * (h & (o >= limit))).sum() / w.sum()


@pytest.mark.parametrize("gallery", [None, PHOTOGRAPHS])
def test_effects_are_those_of_taking_a_sitter_out_of_the_gallery(gallery) -> None:
    probe = PAINTINGS if gallery else PHOTOGRAPHS
    found = searches(Pairing(probe, gallery), [1])
    mated, rivals = found.rank > 0, np.isfinite(found.foremost_other)
    rates = rank_rate(found, mated, 1), dir_rate(found, mated, rivals, 0.1)
    whole = brute(probe, gallery, 0.1, {}, set())
    assert [r.value() for r in rates] == pytest.approx(whole)
    names = sorted({*probe.sitters}) + sorted({*(gallery or probe).sitters} - {*probe.sitters})
    changes = np.array([
        np.array(brute(probe, gallery, 0.1, {}, {(s, name) for s in names if s != name})) - whole for name in names
    ])  # fmt: skip
    for n, rate in enumerate(rates):
        assert rate.effects == pytest.approx(changes[:, n].mean() - changes[:, n])
        assert np.abs(rate.effects).max() > 0
    pairs = [(a, b) for k, a in enumerate(names) for b in names[k + 1 :]]
    by_pair = np.array([np.array(brute(probe, gallery, 0.1, {}, {(a, b), (b, a)})) - whole for a, b in pairs])
    assert [r.pairs for r in rates] == pytest.approx((by_pair**2).sum(axis=0))


def test_a_draw_counts_the_searches_of_a_sitter_and_finds_the_threshold_anew() -> None:
    found = searches(Pairing(PHOTOGRAPHS, None), [1])
    mated, rivals = found.rank > 0, np.isfinite(found.foremost_other)
    rates = rank_rate(found, mated, 1), dir_rate(found, mated, rivals, 0.1)
    drawn = next(draws(14, 6, 1))
    names = sorted({*PHOTOGRAPHS.sitters})
    for row in drawn:
        expected = brute(PHOTOGRAPHS, None, 0.1, dict(zip(names, row.tolist(), strict=True)), set())
        assert [r.drawn(row[None])[0] for r in rates] == pytest.approx(expected)
    for n, name in enumerate(names):
        twice = np.array(brute(PHOTOGRAPHS, None, 0.1, {name: 2}, set())) - brute(PHOTOGRAPHS, None, 0.1, {}, set())
        assert rates[1].influence[n] - rates[1].effects[n] == pytest.approx(twice[1], abs=0.02)


def test_sitters_who_are_in_the_gallery_only_are_drawn_among_themselves() -> None:
    found = searches(Pairing(PAINTINGS, PHOTOGRAPHS), [1])
    assert (found.units, found.probe_units) == (14, 11)
    every = np.concatenate(list(draws(11, 500, 3, further=3)))
    assert every.shape == (500, 14)
    assert set(every[:, :11].sum(axis=1)) == {11}
    assert set(every[:, 11:].sum(axis=1)) == {3}
    rate = rank_rate(found, found.rank > 0, 1)
    values = replicates({"rank-1": rate}, iter([every]))["rank-1"]
    assert values.std() >= rate.drawn(every).std() * (1 - 1e-9)
    only_gallery = np.ones((2, 14), np.int32)
    only_gallery[1, 11:] = 0, 3, 0
    one, other = replicates({"rank-1": rate}, iter([np.concatenate([every, only_gallery])]))["rank-1"][-2:]
    assert one == pytest.approx(rate.value())
    assert np.sign(other - one) == np.sign((only_gallery[1] - 1.0) @ rate.effects) != 0


def test_the_interval_of_a_share_does_not_shrink_to_nothing_at_its_ends() -> None:
    low, high = share_interval(1.0, np.ones(200), 0.95, 20) or (0, 0)
    assert 0.75 < low < 0.9
    assert high == 1
    plain = share_interval(0.5, np.random.default_rng(1).binomial(400, 0.5, 4000) / 400, 0.95, 400) or (0, 0)
    assert plain == pytest.approx((0.451, 0.549), abs=0.003)


@pytest.mark.slow
def test_the_paired_test_keeps_its_level_and_intervals_hold_the_value() -> None:
    """A true null 200 times, and 20 sitters 150 times; the whole simulation is `benchmarks/identification_test.py`."""
    found = rejections(200, 100, 4, 0.9, replicates=200)
    assert max(found.values()) <= 0.07
    ((held, _),) = coverage(150, 20, 4, 0.9, ["rank-1"], replicates=200).values()
    assert held >= 0.93
