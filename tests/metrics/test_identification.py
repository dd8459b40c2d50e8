from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from pydantic import ValidationError

from pipeline.core.errors import SitterError
from pipeline.core.numbers import unit
from pipeline.metrics import searching as module
from pipeline.metrics.identification import identification
from pipeline.metrics.result import Embedded
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.params.metrics.identification import IdentificationOptions
from pipeline.store.curves import CmcCurve
from tests.metrics.curves import curve
from tests.metrics.simulated import context, embedded

PHOTOGRAPHS = embedded("photos", 12, 4, seed=1, noise=1.5)
PAINTINGS = embedded("paintings", 12, 4, seed=2, noise=2.0, origins="photos")


def straightforward(probe: Embedded, gallery: Embedded, far: float):
    """Rank of each probe's sitter and DIR at FAR, probe by probe."""
    p, g = unit(probe.vectors), unit(gallery.vectors)
    ranks, own, others = [], [], []
    for i in range(len(probe)):
        best: dict[str, float] = {}
        for j in range(len(gallery)):
            if probe.origins[i] != gallery.origins[j]:
                score = np.float32(p[i] @ g[j])
                best[gallery.sitters[j]] = max(best.get(gallery.sitters[j], -9), score)
        mine = best.pop(probe.sitters[i], -np.inf)
        others.append(max(best.values()))
        own.append(mine)
        ranks.append(1 + sum(score >= mine for score in best.values()))
    ranks, own, others = np.array(ranks), np.array(own), np.array(others)
    limits = [t for t in [np.inf, *own, *others] if np.mean(others >= t) <= far]
    mated = np.isfinite(own)
    dir_ = max(np.mean((ranks[mated] == 1) & (own[mated] >= t)) for t in limits)
    return ranks, mated, dir_


@pytest.mark.parametrize("gallery", [None, PHOTOGRAPHS])
def test_ranks_and_dir_are_those_of_a_search_probe_by_probe(gallery, monkeypatch):
    monkeypatch.setattr(module, "CELLS", 7 * 48)  # seven probes at a time
    given = context(PAINTINGS, PHOTOGRAPHS, far=(0.1,))
    found = identification(given, IdentificationOptions(probe="paintings", gallery=gallery and "photos", ranks=(1, 3)))
    ranks, mated, dir_ = straightforward(PAINTINGS, gallery or PAINTINGS, 0.1)
    assert mated.all()
    assert found.scalars["rank-1"].value == pytest.approx(np.mean(ranks == 1))
    assert found.scalars["rank-3"].value == pytest.approx(np.mean(ranks <= 3))
    assert found.scalars["dir@0.1"].value == pytest.approx(dir_)
    assert curve(found, CmcCurve).rate[2] == pytest.approx(np.mean(ranks <= 3))
    assert curve(found, CmcCurve).rate[-1] == 1


def test_a_probe_is_not_found_by_itself_nor_by_its_own_photograph():
    clones = dataclasses.replace(PAINTINGS, vectors=PHOTOGRAPHS.vectors)  # each painting equals its photograph
    found = identification(
        context(clones, PHOTOGRAPHS), IdentificationOptions(probe="paintings", gallery="photos")
    ).scalars
    assert found["rank-1"].value < 1
    alone = identification(context(PHOTOGRAPHS), IdentificationOptions(probe="photos")).scalars
    assert alone["rank-1"].value == found["rank-1"].value
    assert found["excluded"].value == 48


def test_probes_without_a_mate_are_searched_but_not_ranked():
    some = embedded("photos", 6, 4, seed=1, noise=1.5)  # half the sitters of the paintings
    found = identification(
        context(PAINTINGS, some, far=(0.1,)), IdentificationOptions(probe="paintings", gallery="photos")
    ).scalars
    ranks, mated, dir_ = straightforward(PAINTINGS, some, 0.1)
    assert found["mated"].value == mated.sum() == 24
    assert found["rank-1"].value == pytest.approx(np.mean(ranks[mated] == 1))
    assert found["dir@0.1"].value == pytest.approx(dir_)


def test_equal_scores_count_against_the_probe():
    same = dataclasses.replace(PHOTOGRAPHS, vectors=np.ones_like(PHOTOGRAPHS.vectors))
    found = identification(context(same, far=(0.1,)), IdentificationOptions(probe="photos", ranks=(1, 12))).scalars
    assert (found["rank-1"].value, found["rank-12"].value, found["dir@0.1"].value) == (0, 1, 0)


def test_intervals_hold_the_value():
    found = identification(context(PAINTINGS, far=(0.1,)), IdentificationOptions(probe="paintings")).scalars
    for name in ("rank-1", "rank-5", "dir@0.1"):
        low, high = np.quantile(found[name].replicates, [0.01, 0.99])
        assert low <= found[name].value <= high


def test_without_mates_or_with_few_probes_there_is_a_note():
    single = identification(context(embedded("single", 10, 1, seed=1)), IdentificationOptions(probe="single")).scalars
    assert single["rank-1"].value is None
    assert "no probe's sitter" in single["rank-1"].note
    few = identification(context(PHOTOGRAPHS, far=(0.01,)), IdentificationOptions(probe="photos")).scalars
    assert "48 searches without a mate cannot support a FAR of 0.01" in few["dir@0.01"].note
    with pytest.raises(SitterError, match="needs probes"):
        identification(context(embedded("none", 0, 0, seed=1)), IdentificationOptions(probe="none"))


def test_within_folds_a_probe_is_searched_among_the_images_of_its_fold():
    folds = [n // 4 % 3 for n in range(len(PHOTOGRAPHS))]  # four images of a sitter
    whole = dataclasses.replace(PHOTOGRAPHS, folds=folds)
    found = identification(
        context(whole), IdentificationOptions(probe="photos", within_folds=True, ranks=(1, 3))
    ).scalars
    ranks = []
    for fold in range(3):
        keep = [n for n, own in enumerate(folds) if own == fold]
        some = {f: [getattr(PHOTOGRAPHS, f)[n] for n in keep] for f in ("image_ids", "sitters", "origins")}
        part = Embedded("photos", **some, vectors=PHOTOGRAPHS.vectors[keep])
        ranks += straightforward(part, part, 0.1)[0].tolist()
    assert found["rank-1"].value == pytest.approx(np.mean(np.array(ranks) == 1))
    assert found["rank-3"].value == pytest.approx(np.mean(np.array(ranks) <= 3))
    assert (
        found["rank-1"].value
        > identification(context(PHOTOGRAPHS), IdentificationOptions(probe="photos")).scalars["rank-1"].value
    )


def test_within_one_data_set_all_pairs_refuses_a_gallery_of_other_templates():
    templates = {"probe": "probe_mixed", "gallery": "gallery_g1"}
    assert IdentificationOptions(probe="photos", templates=templates).searched == "photos"
    with pytest.raises(ValidationError, match="use identification or template-pairs"):
        AllPairsOptions(probe="photos", templates=templates)
