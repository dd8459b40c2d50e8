from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.core.numbers import unit
from pipeline.metrics import all_pairs as module
from pipeline.metrics import levels, streaming
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.pairing import Pairing
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.store.curves import RocCurve
from tests.metrics.simulated import context, embedded

PHOTOGRAPHS = embedded("photos", 12, 5, seed=1)
PAINTINGS = embedded("paintings", 12, 5, seed=2, noise=1.5, origins="photos")


def test_every_pair_within_a_data_set_counts_once():
    from sklearn.metrics import roc_curve

    found = all_pairs(context(PHOTOGRAPHS), AllPairsOptions(probe="photos")).scalars
    assert found["genuine"].value == 12 * 10
    assert found["impostor"].value == 60 * 59 // 2 - 120
    assert found["excluded"].value == 0
    x = unit(PHOTOGRAPHS.vectors)
    i, j = np.triu_indices(60, 1)
    scores = (x @ x.T)[i, j].astype(np.float32)
    far, tar, _ = roc_curve(np.array([a // 5 == b // 5 for a, b in zip(i, j, strict=True)]), scores)
    assert found["tar@0.1"].value == pytest.approx(tar[far <= 0.1].max())
    crossing = np.argmin(np.abs(far - (1 - tar)))
    assert found["eer"].value == pytest.approx((far[crossing] + 1 - tar[crossing]) / 2, abs=0.01)


def test_a_painting_and_the_very_photograph_it_was_made_from_are_no_pair():
    for probe, gallery in ((PAINTINGS, PHOTOGRAPHS), (PHOTOGRAPHS, PAINTINGS)):  # either way round
        scalars = all_pairs(
            context(probe, gallery), AllPairsOptions(probe=probe.dataset, gallery=gallery.dataset)
        ).scalars
        assert scalars["excluded"].value == 60
        assert scalars["genuine"].value == 12 * 5 * 5 - 60
        assert scalars["impostor"].value == 60 * 60 - 12 * 25


def test_two_renderings_of_one_photograph_are_no_pair():
    twice = dataclasses.replace(PHOTOGRAPHS, origins=[o.rpartition("/")[0] + "/0" for o in PHOTOGRAPHS.origins])
    scalars = all_pairs(context(twice), AllPairsOptions(probe="photos")).scalars
    assert scalars["excluded"].value == 12 * 10
    assert scalars["eer"].value is None
    assert "no genuine pair" in scalars["eer"].note


def test_images_of_the_same_id_in_unrelated_data_sets_are_different_images():
    other = dataclasses.replace(embedded("other", 12, 5, seed=9), image_ids=PHOTOGRAPHS.image_ids)
    scalars = all_pairs(context(PHOTOGRAPHS, other), AllPairsOptions(probe="photos", gallery="other")).scalars
    assert scalars["excluded"].value == 0


def test_a_gallery_that_is_the_probe_set_is_one_set():
    alone = all_pairs(context(PHOTOGRAPHS), AllPairsOptions(probe="photos")).scalars
    both = all_pairs(context(PHOTOGRAPHS), AllPairsOptions(probe="photos", gallery="photos")).scalars
    assert alone["eer"].value == both["eer"].value
    assert alone["genuine"].value == both["genuine"].value


@pytest.mark.parametrize("gallery", [None, "photos"])
def test_streamed_counts_are_the_exact_ones_at_every_bin(gallery, monkeypatch):
    monkeypatch.setattr(streaming, "BLOCK", 17)  # many blocks, of which some are cut off
    pairing = Pairing(PAINTINGS, None if gallery is None else PHOTOGRAPHS)
    found = streaming.histograms(pairing, seed=1, examples=5)
    rows, columns = pairing.pairs()
    scores = (unit(pairing.probe.vectors) @ unit(pairing.columns.vectors).T)[rows, columns]
    same = pairing.numbers[0][rows] == pairing.numbers[1][columns]
    for n, chosen in enumerate((~same, same)):
        assert found.fine[n].sum() == chosen.sum()
        above = np.cumsum(found.fine[n][::-1])[::-1]
        exact = len(scores[chosen]) - np.searchsorted(np.sort(scores[chosen]), found.bins.edges[1:])
        assert np.abs(above[1:] - exact).max() <= 1  # a score on an edge, but for its last bit
    assert found.genuine.sum() == same.sum()
    assert found.impostor.sum() == (~same).sum()


@pytest.mark.parametrize("gallery", [None, "photos"])
def test_exact_and_streamed_give_the_same_result(gallery, monkeypatch):
    given = context(PHOTOGRAPHS, PAINTINGS, replicates=300)
    exact = all_pairs(given, AllPairsOptions(probe="paintings", gallery=gallery))
    monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    monkeypatch.setattr(streaming, "BLOCK", 25)
    streamed = all_pairs(given, AllPairsOptions(probe="paintings", gallery=gallery))
    assert list(exact.scalars) == list(streamed.scalars)
    for name, scalar in exact.scalars.items():
        other = streamed.scalars[name]
        assert scalar.note == other.note
        assert scalar.value == other.value or scalar.value == pytest.approx(
            other.value, abs=1e-4, rel=0.01 * ("effective_impostor" in name)
        ), name
        if scalar.replicates is not None:
            low, high = np.quantile(scalar.replicates, [0.05, 0.95])
            assert np.quantile(other.replicates, [0.05, 0.95]) == pytest.approx([low, high], abs=0.3 * (high - low))
    listed, again = ([dataclasses.replace(e, score=None) for e in found.examples] for found in (exact, streamed))
    assert listed == again
    assert listed


@pytest.mark.slow
def test_many_sitters_are_resampled_in_groups_to_the_same_intervals(monkeypatch):
    given = context(embedded("many", 300, 3, seed=1), far=(0.1, 0.01), replicates=500)
    exact = all_pairs(given, AllPairsOptions(probe="many"))
    monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    streamed = all_pairs(given, AllPairsOptions(probe="many"))
    assert (exact.units, streamed.units) == (300, levels.GROUPS)
    for name in ("eer", "tar@0.1", "tar@0.01", "d_prime"):
        spread, other = exact.scalars[name].replicates.std(), streamed.scalars[name].replicates.std()
        assert other == pytest.approx(spread, rel=0.25), name
        assert abs(streamed.scalars[name].replicates.mean() - exact.scalars[name].value) < spread


def test_the_hardest_pairs_are_named():
    examples = all_pairs(context(PHOTOGRAPHS, PAINTINGS), AllPairsOptions(probe="paintings", gallery="photos")).examples
    assert {e.sort for e in examples} == {"hardest_genuine", "hardest_impostor", "easiest_genuine"}
    hardest = [e.score for e in examples if e.sort == "hardest_impostor"]
    assert hardest == sorted(hardest, reverse=True)
    assert [e.rank for e in examples][:50] == list(range(1, 51))
    first = examples[0]
    assert (first.probe_dataset, first.gallery_dataset) == ("paintings", "photos")
    assert first.probe.endswith("~0")
    assert first.probe.split("/")[0] == first.gallery.split("/")[0]


def test_a_far_without_enough_impostor_pairs_is_a_note():
    scalars = all_pairs(context(PHOTOGRAPHS, far=(0.001, 0.01)), AllPairsOptions(probe="photos")).scalars
    assert scalars["tar@0.001"].value is None
    assert scalars["tar@0.001"].note == "1,650 impostor pairs cannot support a FAR of 0.001: it takes at least 3,000"
    assert scalars["tar@0.01"].value is not None
    assert "rests on 16 of 1,650 impostor pairs" in scalars["tar@0.01"].note


def test_sitters_with_one_image_give_impostor_pairs_only():
    found = all_pairs(context(embedded("single", 10, 1, seed=1)), AllPairsOptions(probe="single"))
    assert found.scalars["eer"].value is None
    assert "no genuine pair" in found.scalars["eer"].note
    assert found.scalars["impostor"].value == 45
    assert not [one for one in found.curves if isinstance(one, RocCurve)]


def test_one_sitter_alone_gives_no_impostor_pairs():
    found = all_pairs(context(embedded("one", 1, 5, seed=1)), AllPairsOptions(probe="one")).scalars
    assert found["eer"].value is None
    assert "no impostor pair" in found["eer"].note


def test_a_data_set_without_test_images_is_refused():
    with pytest.raises(SitterError, match="'none' has no test images"):
        all_pairs(context(embedded("none", 0, 0, seed=1)), AllPairsOptions(probe="none"))


def test_all_replicates_are_the_same_for_every_model():
    other = dataclasses.replace(PHOTOGRAPHS, vectors=PHOTOGRAPHS.vectors * 3)
    one, two = (
        all_pairs(context(e), AllPairsOptions(probe="photos")).scalars["eer"].replicates for e in (PHOTOGRAPHS, other)
    )
    assert one == pytest.approx(two, abs=1e-3)
