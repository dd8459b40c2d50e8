"""Error against discard, and the curve of expected performance."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.numbers import unit
from pipeline.metrics import all_pairs as module
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.discard import area_up_to, characteristic
from pipeline.metrics.operating_points import expected_performance
from pipeline.metrics.result import Embedded
from pipeline.metrics.verification import tally
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.store.curves import DiscardCurve, ExpectedPerformance
from tests.metrics.curves import curve
from tests.metrics.simulated import context, embedded

PHOTOGRAPHS = embedded("photos", 12, 4, seed=1, noise=0.9)
PAINTINGS = embedded("paintings", 12, 4, seed=2, noise=1.0, origins="photos")
RNG = np.random.default_rng(3)
QUALITY = {i: f"{q:.1f}" for i, q in zip(PHOTOGRAPHS.image_ids, RNG.uniform(0, 2, 48), strict=True)}
QUALITY |= {i: f"{q:.1f}" for i, q in zip(PAINTINGS.image_ids, RNG.uniform(0, 2, 48), strict=True)}


def column(dataset: str, name: str) -> dict[str, str]:
    if name != "ofiq":
        raise SitterError(f"{dataset} has no column {name}")
    return QUALITY


def given(*test: Embedded, **more):
    return dataclasses.replace(context(*test, far=(0.1,), **more), column=column)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("gallery", [None, PHOTOGRAPHS])
def test_the_curve_is_the_fnmr_of_the_images_that_are_left(gallery, streamed, monkeypatch) -> None:
    if streamed:
        monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    probe = PAINTINGS if gallery else PHOTOGRAPHS
    options = AllPairsOptions(probe=probe.dataset, gallery=gallery and "photos", discard=("ofiq", "norm", "score"))
    found = all_pairs(given(PAINTINGS, PHOTOGRAPHS), options)
    threshold = found.scalars["threshold@0.1"].value
    curves = {one.quality: one for one in found.curves if isinstance(one, DiscardCurve)}
    assert set(curves) == {"ofiq", "norm"}  # nobody knows the detector's scores
    other = gallery or probe
    norms = {i: n for e in (probe, other) for i, n in zip(e.image_ids, np.linalg.norm(e.vectors, axis=1), strict=True)}
    p, g = unit(probe.vectors), unit(other.vectors)
    for name, quality in (("ofiq", {i: float(q) for i, q in QUALITY.items()}), ("norm", norms)):
        ids = [*probe.image_ids, *(other.image_ids if gallery else ())]
        values = np.array([quality[i] for i in ids])
        mine = curves[name]
        assert len(mine.discarded) > 10
        for discarded, fnmr, pairs in zip(mine.discarded, mine.fnmr, mine.pairs, strict=True):
            worst = set(np.array(ids)[np.argsort(values, kind="stable")[: round(discarded * len(ids))]])
            rejected = [
                float(p[i] @ g[j]) < threshold - 1e-11  # the threshold is a score, rounded
                for i in range(len(probe))
                for j in range(0 if gallery else i + 1, len(other))
                if probe.sitters[i] == other.sitters[j] and probe.origins[i] != other.origins[j]
                and not {probe.image_ids[i], other.image_ids[j]} & worst
            ]  # fmt: skip
            assert (fnmr, pairs) == (pytest.approx(np.mean(rejected)), len(rejected))


def test_a_quality_that_foretells_rejection_has_an_area_below_one_and_a_blind_one_has_not() -> None:
    rng = np.random.default_rng(1)
    quality = rng.uniform(size=400)
    a, b = rng.integers(0, 400, (2, 3000))
    pairs = np.minimum(quality[a], quality[b])
    foretold = rng.uniform(size=3000) < 0.6 * (pairs < 0.1) + 0.02
    assert area_up_to(*characteristic(quality, pairs, foretold)[:2]) < 0.7
    blind = rng.uniform(size=3000) < 0.2
    assert area_up_to(*characteristic(quality, pairs, blind)[:2]) == pytest.approx(1, abs=0.1)
    assert area_up_to(np.array([0, 0.1, 0.5]), np.array([0.4, 0.2, 0.0])) == pytest.approx((0.4 + 0.2) / 2 / 0.4)


def test_a_column_of_no_numbers_is_told_by_its_image() -> None:
    def words(dataset: str, name: str) -> dict[str, str]:
        return dict.fromkeys(QUALITY, "good")

    with pytest.raises(SitterError, match=r"photos: `discard` names the column 'ofiq'.*'s0/0' is 'good'"):
        all_pairs(
            dataclasses.replace(context(PHOTOGRAPHS), column=words), AllPairsOptions(probe="photos", discard=("ofiq",))
        )


def test_expected_performance_is_the_hter_at_thresholds_that_are_best_on_validation_sitters() -> None:
    validation = tally(RNG.normal(2, 1, 60).round(1), RNG.normal(0, 1, 300).round(1))
    genuine, impostor = RNG.normal(1.8, 1, 80).round(1), RNG.normal(0, 1.2, 500).round(1)
    expected = expected_performance(validation, tally(genuine, impostor))
    assert expected is not None
    for alpha, hter, threshold in zip(expected.alpha, expected.hter, expected.threshold, strict=True):
        cost = {}
        for t in [np.inf, *validation.scores]:
            far = validation.impostor[validation.scores >= t].sum() / 300
            frr = validation.genuine[validation.scores < t].sum() / 60
            cost[t] = alpha * far + (1 - alpha) * frr
        best = min(cost, key=lambda t: (round(cost[t], 12), -t))
        assert cost[np.inf if threshold is None else threshold] == pytest.approx(cost[best])
        t = np.inf if threshold is None else threshold
        assert hter == pytest.approx((np.mean(impostor >= t) + np.mean(genuine < t)) / 2)
    assert expected_performance(None, tally(genuine, impostor)) is None
    found = all_pairs(given(PHOTOGRAPHS, val=(embedded("photos", 9, 3, seed=8),)), AllPairsOptions(probe="photos"))
    assert len(curve(found, ExpectedPerformance).alpha) == 101
