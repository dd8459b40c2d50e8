"""What the sampler promises about its batches."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.core.errors import SitterError
from pipeline.losses.batches import Batches
from pipeline.losses.samplers import PairBatches, ShuffledBatches, SitterBatches

counts = st.lists(st.integers(1, 12), min_size=2, max_size=12).filter(lambda c: max(c) >= 2)


@settings(deadline=None, max_examples=150)
@given(counts=counts, sitters=st.integers(2, 8), images=st.integers(2, 5), epoch=st.integers(0, 3))
def test_an_epoch_meets_every_image_in_batches_of_different_sitters(
    counts: list[int], sitters: int, images: int, epoch: int
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    batches = list(SitterBatches(labels, sitters, images).batches(4, epoch))
    met = np.concatenate([b.images for b in batches])
    assert set(met) == set(range(len(labels)))
    sizes = []
    for b in batches:
        assert len(set(b.images)) == len(b.images)
        who, how_many = np.unique(labels[b.images], return_counts=True)
        assert len(who) <= sitters
        assert list(how_many) == [min(images, counts[w]) for w in who]
        sizes.append(len(who))
    assert max(sizes) - min(sizes) <= 1


def test_a_batch_is_a_pure_function_of_seed_epoch_and_position() -> None:
    labels = np.repeat(np.arange(9), 7)

    def make() -> SitterBatches:
        return SitterBatches(labels, 4, 3, mirror=True)

    whole = [make().batch(1, e, p) for e in range(3) for p in range(len(make()))]
    sampler = make()
    backwards = [sampler.batch(1, e, p) for e in (2, 1, 0) for p in reversed(range(len(sampler)))][::-1]
    for a, b in zip(whole, backwards, strict=True):
        assert a.images.tolist() == b.images.tolist()
        assert a.mirrored.tolist() == b.mirrored.tolist()
    resumed = list(make().batches(1, 2, start=1))
    assert [b.images.tolist() for b in resumed] == [b.images.tolist() for b in whole[2 * len(sampler) + 1 :]]
    assert make().batch(2, 0, 0).images.tolist() != whole[0].images.tolist()
    assert whole[0].images.tolist() != whole[len(sampler)].images.tolist()


def test_half_of_the_images_are_mirrored_or_none() -> None:
    labels = np.repeat(np.arange(50), 40)
    share = np.concatenate([b.mirrored for b in SitterBatches(labels, 10, 4, mirror=True).batches(0, 0)]).mean()
    assert share == pytest.approx(0.5, abs=0.05)
    assert not any(b.mirrored.any() for b in SitterBatches(labels, 10, 4).batches(0, 0))


@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_each_batch_out_by_sitter(world: int) -> None:
    labels = np.repeat(np.arange(7), 6)
    alone = SitterBatches(labels, 6, 3, mirror=True)
    parts = [SitterBatches(labels, 6, 3, mirror=True, rank=r, world=world) for r in range(world)]
    for position in range(len(alone)):
        whole = alone.batch(1, 0, position)
        shares = [p.batch(1, 0, position) for p in parts]
        flags = {i: m for s in shares for i, m in zip(s.images.tolist(), s.mirrored.tolist(), strict=True)}
        assert flags == dict(zip(whole.images.tolist(), whole.mirrored.tolist(), strict=True))
        assert all(p.whole(1, 0, position).images.tolist() == whole.images.tolist() for p in parts)
        for rank, share in enumerate(shares):
            assert share.images.tolist() == whole.images[parts[0].owners(1, 0, position) == rank].tolist()
        sitters = [set(labels[s.images]) for s in shares]
        assert all(not a & b for i, a in enumerate(sitters) for b in sitters[:i])


def test_fewer_sitters_than_asked_make_smaller_batches() -> None:
    sampler = SitterBatches(np.repeat(np.arange(3), 4), sitters=16, images=4)
    assert len(sampler) == 1
    assert sorted(sampler.batch(0, 0, 0).images) == list(range(12))


@pytest.mark.parametrize(
    ("labels", "images", "found"),
    [
        ([0, 1, 2], 2, "two images"),
        ([0, 0, 1, 1], 1, "two images"),
        ([0, 0, 0], 2, "at least two sitters; found 1"),
        ([], 2, "at least two sitters; found 0"),
    ],
)
def test_sets_that_make_no_pairs_are_refused(labels: list[int], images: int, found: str) -> None:
    with pytest.raises(SitterError, match=found):
        SitterBatches(labels, 4, images)


def test_more_processes_than_sitters_in_a_batch_are_refused() -> None:
    with pytest.raises(SitterError, match="4 processes"):
        SitterBatches(np.repeat(np.arange(3), 4), sitters=16, images=4, world=4)


def test_a_million_images_are_dealt_in_seconds() -> None:
    labels = np.random.default_rng(0).integers(0, 20_000, 1_000_000)
    sampler = SitterBatches(labels, 64, 4)
    assert len(sampler.batch(0, 0, 17).images) >= 200


@settings(deadline=None, max_examples=150)
@given(counts=counts, pairs=st.integers(1, 5), epoch=st.integers(0, 3))
def test_pairs_meet_nearly_every_image_once_and_a_sitter_once_in_a_batch(
    counts: list[int], pairs: int, epoch: int
) -> None:
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(len(counts)), counts))
    rounds = [sum(n // 2 > r for n in counts) for r in range(max(counts) // 2)]
    expected = sum(sitters // pairs for sitters in rounds)
    if not expected:
        with pytest.raises(SitterError, match="too few for a batch of"):
            PairBatches(labels, pairs)
        return
    sampler = PairBatches(labels, pairs)
    batches = list(sampler.batches(4, epoch))
    assert len(batches) == len(sampler) == expected
    met = np.concatenate([b.images for b in batches])
    assert len(set(met)) == len(met) == 2 * pairs * expected  # none twice; what a round leaves over is dropped
    seen = np.zeros(len(counts), dtype=int)
    for b in batches:
        one, other = labels[b.images[::2]], labels[b.images[1::2]]
        assert (one == other).all()
        assert len(set(one)) == pairs
        seen[one] += 1
    assert (seen <= np.array(counts) // 2).all()


@settings(deadline=None, max_examples=50)
@given(images=st.integers(2, 40), size=st.integers(2, 12), epoch=st.integers(0, 3))
def test_shuffled_batches_are_whole_and_no_image_is_met_twice(images: int, size: int, epoch: int) -> None:
    if size > images:
        with pytest.raises(SitterError, match=r"fewer than the .* of a batch.*Lower training\.batch"):
            ShuffledBatches(np.zeros(images), size)
        return
    sampler = ShuffledBatches(np.zeros(images), size)
    met = [b.images for b in sampler.batches(1, epoch)]
    assert [len(b) for b in met] == [size] * (images // size)
    assert len(set(np.concatenate(met))) == size * (images // size)


def test_every_place_in_an_epoch_is_as_likely_for_every_image() -> None:
    sampler = ShuffledBatches(np.zeros(12), 3)
    met = np.stack([np.concatenate([b.images for b in sampler.batches(1, epoch)]) for epoch in range(4000)])
    shares = np.stack([(met == image).mean(axis=0) for image in range(12)])
    assert shares == pytest.approx(1 / 12, abs=0.02)


SAMPLERS: list[tuple[Callable[..., Batches], int]] = [
    (lambda labels, **k: SitterBatches(labels, 4, 2, **k), 8),
    (lambda labels, **k: PairBatches(labels, 4, **k), 8),
    (lambda labels, **k: ShuffledBatches(labels, 7, **k), 7),
]


@pytest.mark.parametrize(("make", "size"), SAMPLERS, ids=["sitters", "pairs", "shuffle"])
def test_every_sampler_is_a_pure_function_of_seed_epoch_and_position(make: Callable[..., Batches], size: int) -> None:
    labels = np.repeat(np.arange(9), 8)
    whole = [make(labels, mirror=True).batch(1, e, p) for e in range(2) for p in range(len(make(labels)))]
    assert [len(b.images) for b in whole] == [size] * len(whole)
    resumed = list(make(labels, mirror=True).batches(1, 1, start=2))
    for a, b in zip(whole[len(whole) // 2 + 2 :], resumed, strict=True):
        assert a.images.tolist() == b.images.tolist()
        assert a.mirrored.tolist() == b.mirrored.tolist()
    assert make(labels).batch(2, 0, 0).images.tolist() != whole[0].images.tolist()


@pytest.mark.parametrize(("make", "size"), SAMPLERS, ids=["sitters", "pairs", "shuffle"])
@pytest.mark.parametrize("world", [1, 2, 4])
def test_a_batch_of_all_processes_is_shared_out_and_one_of_each_is_its_own(
    make: Callable[..., Batches], size: int, world: int
) -> None:
    labels = np.repeat(np.arange(9), 8)
    alone = make(labels)
    shared = [make(labels, rank=r, world=world) for r in range(world)]
    assert all(len(s) == len(alone) for s in shared)
    for position in range(len(alone)):
        parts = [s.batch(1, 0, position).images for s in shared]
        assert sorted(np.concatenate(parts)) == sorted(alone.batch(1, 0, position).images)
        assert max(map(len, parts)) - min(map(len, parts)) <= 2
    own = [make(labels, rank=r, world=world, per_process=True) for r in range(world)]
    assert all(len(s) == len(alone) // world for s in own)
    for position in range(len(own[0])):
        for rank, sampler in enumerate(own):
            expected = alone.batch(1, 0, position * world + rank).images.tolist()
            assert sampler.batch(1, 0, position).images.tolist() == expected
            assert len(expected) == size
        whole = own[0].whole(1, 0, position).images
        assert whole.tolist() == [i for s in own for i in s.batch(1, 0, position).images.tolist()]


def test_processes_without_a_batch_or_a_share_of_one_are_refused() -> None:
    labels = np.repeat(np.arange(9), 4)
    with pytest.raises(SitterError, match=r"batches of 2 pairs .* 3 processes\. Raise training\.batch"):
        PairBatches(labels, 2, world=3)
    with pytest.raises(SitterError, match=r"an epoch has 2 batches, too few .* 3 processes"):
        PairBatches(labels, 9, world=3, per_process=True)


@settings(deadline=None, max_examples=150)
@given(counts=counts, sitters=st.integers(2, 8), images=st.integers(2, 5))
@example(counts=[1, 2, 3, 4, 4, 4, 4, 7, 7, 7, 10, 10], sitters=3, images=3)  # just nine tenths of a batch
def test_batches_that_are_smaller_than_asked_are_told_with_their_size(
    counts: list[int], sitters: int, images: int
) -> None:
    sampler = SitterBatches(np.repeat(np.arange(len(counts)), counts), sitters, images)
    mean = float(np.mean([len(batch.images) for batch in sampler.batches(4, 0)]))
    said = sampler.shortfall()
    assert bool(said) == (mean < 0.9 * (sitters * images))
    assert not said or f"holds {mean:.0f} images on average and not {sitters} × {images}" in said


@pytest.mark.parametrize(
    ("counts", "cause"),
    [
        ([96, *[6] * 32], "one sitter has 96 of the 288 images"),
        ([6] * 5, "there are only 5 sitters"),
        ([2] * 40, "40 of 40 sitters have fewer than 3 images"),
    ],
)
def test_the_cause_of_small_batches_is_told(counts: list[int], cause: str) -> None:
    assert cause in SitterBatches(np.repeat(np.arange(len(counts)), counts), 16, 3).shortfall()
