"""Images without a usable face count: every pair and every search that they stand in is counted as rejected."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from pipeline.core.numbers import unit
from pipeline.metrics import all_pairs as module
from pipeline.metrics.all_pairs import all_pairs
from pipeline.metrics.failed_images import failed_images
from pipeline.metrics.identification import identification
from pipeline.metrics.kfold import kfold
from pipeline.metrics.result import Embedded, PairList, Scalar
from pipeline.params.metrics.all_pairs import AllPairsOptions
from pipeline.params.metrics.identification import IdentificationOptions
from pipeline.params.metrics.kfold import KfoldOptions
from pipeline.store.accounts import AccountedImage
from pipeline.store.curves import FoldTable
from pipeline.store.splits import Seated
from tests.metrics.curves import curve
from tests.metrics.simulated import context, embedded

PHOTOGRAPHS = embedded("photos", 12, 4, seed=1, noise=1.5)
PAINTINGS = embedded("paintings", 12, 4, seed=2, noise=2.0, origins="photos")
FAILED = {"s1/0", "s1/1", "s1/2", "s1/3", "s2/1", "s5/0"}  # s1 with all images


def parted(images: Embedded, failed: set[str]) -> tuple[Embedded, Embedded]:
    """The images that have a face, and those that failed, without vectors."""

    def some(keep: list[int]) -> Embedded:
        names = {f: [getattr(images, f)[n] for n in keep] for f in ("image_ids", "sitters", "origins")}
        return Embedded(images.dataset, **names, vectors=images.vectors[keep])

    lost = [n for n, i in enumerate(images.image_ids) if i.removesuffix("~0") in failed]
    left = [n for n in range(len(images)) if n not in lost]
    return some(left), dataclasses.replace(some(lost), vectors=np.empty((len(lost), 0), np.float32))


def every_pair(probe: Embedded, gallery: Embedded | None, failed: set[str]) -> tuple[np.ndarray, np.ndarray]:
    """Scores of genuine and of impostor pairs, pair by pair, −9 where an image failed."""
    other = gallery or probe
    p, g = unit(probe.vectors), unit(other.vectors)
    found: tuple[list[float], list[float]] = [], []
    for i in range(len(probe)):
        for j in range(0 if gallery else i + 1, len(other)):
            if probe.origins[i] != other.origins[j]:
                lost = {probe.image_ids[i].removesuffix("~0"), "" if gallery else other.image_ids[j]} & failed
                score = -9.0 if lost else float(p[i] @ g[j])
                found[probe.sitters[i] != other.sitters[j]].append(score)
    return np.array(found[0]), np.array(found[1])


def rates(genuine: np.ndarray, impostor: np.ndarray, far: float) -> tuple[float, float]:
    """EER and FRR at FAR by trying every score as a threshold."""
    tried = [np.inf, *sorted({*genuine, *impostor}, reverse=True)]
    fars = np.array([np.mean(impostor >= t) for t in tried])
    frrs = np.array([np.mean(genuine < t) for t in tried])
    k = int(np.argmax(fars >= frrs))
    gap = (frrs - fars)[k - 1 : k + 1]
    return fars[k - 1] + gap[0] / (gap[0] - gap[1]) * (fars[k] - fars[k - 1]), float(min(frrs[fars <= far]))


@pytest.mark.parametrize("gallery", [None, PHOTOGRAPHS])
@pytest.mark.parametrize("streamed", [False, True])
def test_generalised_error_rates_are_those_of_all_pairs_counted_one_by_one(gallery, streamed, monkeypatch):
    if streamed:
        monkeypatch.setattr(module, "EXACT_PAIRS", 0)
    probe = PAINTINGS if gallery else PHOTOGRAPHS
    left, lost = parted(probe, FAILED)
    given = dataclasses.replace(context(left, PHOTOGRAPHS, val=(embedded(probe.dataset, 9, 3, seed=8),), far=(0.1,)))
    if not gallery:
        given = context(left, val=(embedded("photos", 9, 3, seed=8),), far=(0.1,))
    nobody = parted(PHOTOGRAPHS, set())[1]
    given = dataclasses.replace(given, failures=lambda d: lost if d == probe.dataset else nobody)
    options = AllPairsOptions(probe=probe.dataset, gallery=gallery and "photos")
    found = all_pairs(given, options).scalars
    genuine, impostor = every_pair(probe, gallery, FAILED)
    eer, frr = rates(genuine, impostor, 0.1)
    assert found["geer"].value == pytest.approx(eer, abs=0.004 if streamed else 1e-12)
    assert found["gfrr@0.1"].value == pytest.approx(frr, abs=0.004 if streamed else 1e-12)
    assert found["geer"].value > found["eer"].value
    for name in ("geer", "gfrr@0.1"):
        low, high = np.quantile(found[name].replicates, [0.01, 0.99])
        assert low < found[name].value < high
    assert found["fta"].value == pytest.approx(6 / 48)
    assert found["fte"].value == pytest.approx(0 if gallery else 1 / 12)
    if not gallery:
        chosen = found["val_threshold@0.1"].value
        assert found["gfar@val_threshold@0.1"].value == pytest.approx(np.mean(impostor >= chosen), abs=0.004)
        assert found["gfrr@val_threshold@0.1"].value == pytest.approx(np.mean(genuine < chosen), abs=0.004)


def test_replicates_weigh_pairs_with_a_failed_image_as_they_weigh_others():
    left, lost = parted(PHOTOGRAPHS, FAILED)
    given = dataclasses.replace(context(left, far=(0.1,), replicates=100), failures=lambda d: lost)
    found = all_pairs(given, AllPairsOptions(probe="photos")).scalars["gfrr@0.1"].replicates
    from pipeline.metrics.intervals import resample

    drawn = resample(12, 100, given.seed)
    names = sorted({f"s{n}" for n in range(12)})
    x = unit(PHOTOGRAPHS.vectors)
    i, j = np.triu_indices(48, 1)
    scores = np.where([bool({PHOTOGRAPHS.image_ids[a], PHOTOGRAPHS.image_ids[b]} & FAILED)
                       for a, b in zip(i, j, strict=True)], -9, np.einsum("nd,nd->n", x[i], x[j]))  # fmt: skip
    sitter = np.array([names.index(s) for s in PHOTOGRAPHS.sitters])
    same = sitter[i] == sitter[j]
    for n in (0, 7, 99):
        weight = np.where(same, drawn[n][sitter[i]], drawn[n][sitter[i]] * drawn[n][sitter[j]])
        frr = rates(np.repeat(scores[same], weight[same]), np.repeat(scores[~same], weight[~same]), 0.1)[1]
        assert found[n] == pytest.approx(frr)


def test_a_model_that_loses_hard_images_gains_in_eer_but_not_in_generalised_eer():
    """Lost are the images that lie furthest from their sitter: of what is left the EER falls."""
    images = embedded("photos", 12, 4, seed=1, noise=0.8)
    x = unit(images.vectors)
    own = np.array([s.removeprefix("s") for s in images.sitters], dtype=int)
    means = unit(np.stack([x[own == s].mean(axis=0) for s in range(12)]))
    hard = {images.image_ids[n] for n in np.argsort((x * means[own]).sum(axis=1))[:8]}
    left, lost = parted(images, hard)
    options = AllPairsOptions(probe="photos")
    whole = all_pairs(context(images), options).scalars["eer"].value
    found = all_pairs(dataclasses.replace(context(left), failures=lambda d: lost), options).scalars
    assert found["eer"].value < whole < found["geer"].value


def test_without_failures_both_are_said_to_be_none_and_nothing_is_repeated():
    nobody = parted(PHOTOGRAPHS, set())[1]
    given = dataclasses.replace(context(PHOTOGRAPHS), failures=lambda d: nobody)
    found = all_pairs(given, AllPairsOptions(probe="photos")).scalars
    assert (found["fta"].value, found["fte"].value) == (0, 0)
    assert "geer" not in found
    assert "fta" not in all_pairs(context(PHOTOGRAPHS), AllPairsOptions(probe="photos")).scalars
    searched = identification(given, IdentificationOptions(probe="photos")).scalars
    assert (searched["fta"].value, searched["fte"].value) == (0, 0)
    assert "fnir-rank-1" not in searched


@pytest.mark.parametrize("gallery", [None, "photos"])
def test_fnir_counts_probes_without_a_face_and_sitters_whose_gallery_images_all_failed(gallery):
    probe = PAINTINGS if gallery else PHOTOGRAPHS
    left, lost = parted(probe, {"s2/1", "s5/0"} if gallery else FAILED)
    enrolled, not_enrolled = parted(PHOTOGRAPHS, FAILED)
    given = context(left, enrolled, far=(0.1,)) if gallery else context(left, far=(0.1,))
    given = dataclasses.replace(given, failures=lambda d: lost if d == probe.dataset else not_enrolled)
    options = IdentificationOptions(probe=probe.dataset, gallery=gallery, ranks=(1, 3))
    found = identification(given, options).scalars
    p, g = unit(probe.vectors), unit(PHOTOGRAPHS.vectors)
    gone = set(lost.image_ids)
    ranks, tops, owns = [], [], []
    for i in range(len(probe)):
        best: dict[str, float] = {}
        for j in range(48):
            usable = PHOTOGRAPHS.image_ids[j] not in FAILED and probe.image_ids[i] not in gone
            if usable and probe.origins[i] != PHOTOGRAPHS.origins[j]:
                name = PHOTOGRAPHS.sitters[j]
                best[name] = max(best.get(name, -9.0), float(p[i] @ g[j]))
        mine = best.pop(probe.sitters[i], -9.0)
        ranks.append(1 + sum(s >= mine for s in best.values()) if mine > -9 else 99)
        tops.append(max(best.values(), default=-9.0))
        owns.append(mine)
    ranks_, tops_, owns_ = np.array(ranks), np.array(tops), np.array(owns)
    assert found["fnir-rank-1"].value == pytest.approx(np.mean(ranks_ > 1))
    assert found["fnir-rank-3"].value == pytest.approx(np.mean(ranks_ > 3))
    least = max(np.mean((ranks_ == 1) & (owns_ >= t)) for t in [np.inf, *owns, *tops] if np.mean(tops_ >= t) <= 0.1)
    assert found["fnir@0.1"].value == pytest.approx(1 - least)
    assert found["fnir-rank-1"].value > 1 - found["rank-1"].value
    low, high = np.quantile(found["fnir-rank-1"].replicates, [0.01, 0.99])
    assert low < found["fnir-rank-1"].value < high


def test_kfold_counts_pairs_without_a_face_as_rejected():
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 48, (2, 200))
    keep = a != b
    a, b = a[keep], b[keep]
    genuine = np.array([PHOTOGRAPHS.sitters[i] == PHOTOGRAPHS.sitters[j] for i, j in zip(a, b, strict=True)])
    fold = np.arange(len(a)) % 4
    lost_genuine = np.array([True, True, True, False, False])
    pairs = PairList(PHOTOGRAPHS, a, b, genuine, fold, lost_genuine, np.array([0, 0, 1, 2, 3]))
    found = kfold(context(pairs=pairs, far=(0.1,)), KfoldOptions(dataset="photos"))
    folds = curve(found, FoldTable)
    accuracy, val = [], []
    for n in range(4):
        right = round(folds.accuracy[n] * (fold == n).sum())
        own = pairs.lost_fold == n
        accuracy.append((right + (own & ~lost_genuine).sum()) / ((fold == n).sum() + own.sum()))
        val.append(own[lost_genuine.nonzero()[0]].sum())
    assert found.scalars["gaccuracy"].value == pytest.approx(np.mean(accuracy))
    assert found.scalars["failed_pairs"].value == 5
    assert found.scalars["gval@0.1"].value < found.scalars["val@0.1"].value
    assert (
        "gaccuracy"
        not in kfold(
            context(pairs=dataclasses.replace(pairs, lost_genuine=lost_genuine[:0], lost_fold=fold[:0])),
            KfoldOptions(dataset="photos"),
        ).scalars
    )


def test_failed_images_are_those_of_test_sitters_that_no_human_dropped():
    split = {
        "a/1": Seated("a/1", "a", "test", 2, "", ""),
        "b/1": Seated("b/1", "b", "train", 0, "", ""),
        "c/1": Seated("c/1", "c", "unused", 0, "", ""),
    }
    account = [
        AccountedImage("a/1", "a", "aligned"),
        AccountedImage("a/2", "a", "no_face"),
        AccountedImage("a/3", "a", "dropped"),
        AccountedImage("a/4~1", "a", "no_face", rendering="1"),
        AccountedImage("b/2", "b", "no_face"),
        AccountedImage("c/2", "c", "unreadable"),
        AccountedImage("d/1", "d", "no_face"),
        AccountedImage("e/1", "", "no_face"),
    ]

    def found(split: dict[str, Seated], paired: bool = False) -> Embedded | None:
        return failed_images("x", account, split, lambda image: f"x:{image.image_id}", paired)

    some = found(split)
    assert some is not None
    assert (some.image_ids, some.folds, some.origins) == (["a/2"], [2], ["x:a/2"])
    only_test = found({"a/1": split["a/1"], "c/1": split["c/1"]})
    assert only_test is not None
    assert only_test.image_ids == ["a/2", "b/2", "d/1"]  # nobody trains: who has no face at all was to be tested
    assert found(split | {"a/9": Seated("a/9", "a", "train", 0, "", "")}) is None
    paired = found(split, paired=True)
    assert paired is not None
    assert not paired.image_ids


def test_figures_with_failures_stand_beside_and_not_among_those_that_rank() -> None:
    from pipeline.store.figures import judged_by

    how = {
        "eer": Scalar(0.1, percent=True, better="lower"),
        "geer": Scalar(0.2, percent=True, better="lower", beside=True),
    }
    assert judged_by(how) == ["eer"]
