"""Thresholds in the results are exact, and those chosen on validation sitters are applied to the test as they are."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.metrics import all_pairs as module
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Embedded
from pipeline.params.metrics.all_pairs import AllPairsOptions
from tests.metrics.simulated import context, embedded

TEST = embedded("photos", 25, 5, seed=1, noise=1.2)
FAR = (0.1, 0.01)


def validation() -> Embedded:
    """Other sitters, harder to tell apart."""
    rng = np.random.default_rng(11)
    centres = rng.normal(size=(20, 1, 16))
    vectors = (centres + 1.6 * rng.normal(size=(20, 5, 16))).reshape(-1, 16).astype(np.float32)
    ids = [f"v{s}/{i}" for s in range(20) for i in range(5)]
    return Embedded("photos", ids, [i.partition("/")[0] for i in ids], [f"photos:{i}" for i in ids], vectors)


def by_hand(images: Embedded) -> tuple[np.ndarray, np.ndarray]:
    """Genuine and impostor cosines, from a full matrix."""
    x = images.vectors.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    i, j = np.triu_indices(len(x), 1)
    scores, sitters = np.round((x @ x.T)[i, j], 11), np.array(images.sitters)
    same = sitters[i] == sitters[j]
    return scores[same], scores[~same]


def test_own_thresholds_give_the_rates_that_they_stand_for():
    found = all_pairs(context(TEST, far=FAR), AllPairsOptions(probe="photos")).scalars
    genuine, impostor = by_hand(TEST)
    for far in FAR:
        threshold = found[f"threshold@{far}"].value
        assert np.mean(genuine >= threshold - 1e-9) == found[f"tar@{far}"].value
        assert np.mean(impostor >= threshold - 1e-9) <= far
        below = np.concatenate([genuine, impostor])
        assert np.mean(impostor >= below[below < threshold - 1e-9].max()) > far or found[f"tar@{far}"].value == np.mean(
            genuine >= below[below < threshold - 1e-9].max()
        )
    at_eer = found["eer_threshold"].value
    assert np.mean(impostor >= at_eer) == pytest.approx(np.mean(genuine < at_eer), abs=1 / len(genuine))


@pytest.mark.parametrize("streamed", [False, True])
def test_errors_at_validation_thresholds_are_those_counted_by_hand(streamed, monkeypatch):
    if streamed:
        monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    other = validation()
    found = all_pairs(context(TEST, val=(other,), far=FAR), AllPairsOptions(probe="photos")).scalars
    genuine, impostor = by_hand(TEST)
    own = by_hand(other)[1]
    for far in FAR:
        threshold = found[f"val_threshold@{far}"].value
        assert np.mean(own >= threshold - 1e-9) <= far < np.mean(own >= threshold - 1e-9) + 0.01
        fmr, fnmr, hter = (found[f"{rate}@val_threshold@{far}"] for rate in ("fmr", "fnmr", "hter"))
        tolerance = 0.003 if streamed else 1e-12
        assert fmr.value == pytest.approx(np.mean(impostor >= threshold - 1e-9), abs=tolerance)
        assert fnmr.value == pytest.approx(np.mean(genuine < threshold - 1e-9), abs=tolerance)
        assert hter.value == pytest.approx((fmr.value + fnmr.value) / 2)
        assert np.quantile(fnmr.replicates, 0.05) < fnmr.value < np.quantile(fnmr.replicates, 0.95)
    # The validation sitters are harder, so their thresholds are not those of the test.
    assert found["val_eer_threshold"].value != found["eer_threshold"].value
    assert found["fmr@val_eer_threshold"].value is not None


def test_replicates_weigh_pairs_as_a_list_of_drawn_pairs_does():
    """Against each replicate's own pairs, written out."""
    found = all_pairs(context(TEST, val=(validation(),), far=(0.1,)), AllPairsOptions(probe="photos")).scalars
    threshold = found["val_threshold@0.1"].value
    x = TEST.vectors.astype(np.float64)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    from pipeline.metrics.intervals import resample

    number = np.unique(TEST.sitters, return_inverse=True)[1]
    i, j = Pairing(TEST, None).pairs()
    accepted = np.round((x @ x.T)[i, j], 11) >= threshold - 1e-9
    same = number[i] == number[j]
    for n, drawn in enumerate(resample(25, 200, 3)[:5]):
        fmr = np.average(accepted[~same], weights=(drawn[number[i]] * drawn[number[j]])[~same])
        fnmr = np.average(~accepted[same], weights=drawn[number[i]][same])
        assert found["fmr@val_threshold@0.1"].replicates[n] == pytest.approx(fmr)
        assert found["fnmr@val_threshold@0.1"].replicates[n] == pytest.approx(fnmr)


def test_without_validation_sitters_it_is_said_and_left_out():
    found = all_pairs(context(TEST, far=FAR), AllPairsOptions(probe="photos")).scalars
    assert found["val_eer_threshold"].value is None
    assert "no validation sitters" in found["val_eer_threshold"].note
    assert not [name for name in found if "@val" in name]


def test_a_far_that_no_accepting_threshold_keeps_has_none():
    """Five sitters share one vector: ten impostor pairs score highest of all, and FAR 0.0004 allows three."""
    alike = TEST.vectors.copy()
    alike[5:25:5] = alike[0]
    images = Embedded("photos", TEST.image_ids, TEST.sitters, TEST.origins, alike)
    found = all_pairs(context(images, far=(0.1, 0.0004)), AllPairsOptions(probe="photos")).scalars
    assert found["threshold@0.1"].value < 1
    assert found["threshold@0.0004"].value is None
    assert "no threshold that accepts a pair" in found["threshold@0.0004"].note
