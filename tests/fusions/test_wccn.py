"""Within-class covariance normalisation: in closed form, by sitters, and of use to sitters never seen."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.core.errors import SitterError
from pipeline.fusions.wccn import WithinClass, whitening
from pipeline.metrics.verification import eer, roc, tally
from pipeline.params.fusions.wccn import WithinClassOptions
from pipeline.store.embeddings import normalise

DIM = 12


def portraits(sitters, images, seed, light=3.0):
    """Unit vectors of sitters who differ in all directions, painted in a light that changes the first three."""
    random = np.random.default_rng(seed)
    people = np.repeat(random.normal(size=(sitters, DIM)), images, axis=0)
    spread = np.r_[np.full(3, light), np.full(DIM - 3, 0.5)]
    names = [f"s{n // images}" for n in range(len(people))]
    return normalise((people + random.normal(size=people.shape) * spread).astype(np.float32)), names


def error(units, names):
    i, j = np.triu_indices(len(names), 1)
    same, scores = np.array(names)[i] == np.array(names)[j], (units @ units.T)[i, j]
    return eer(roc(tally(scores[same], scores[~same])))[0]


def fitted(units, names, **options):
    kind = WithinClass(WithinClassOptions(**options))
    kind.fit(units, names, ["train"] * len(names), 1)
    return kind


def test_sitters_never_seen_are_told_apart_better():
    known, names = portraits(30, 4, 1)
    unseen, others = portraits(30, 4, 2)
    kind = fitted([known], names)
    assert error(kind.apply([unseen]), others) < error(unseen, others) - 0.05


def test_the_map_is_the_inverse_root_of_the_shrunk_covariance_of_a_sitters_images():
    units, names = portraits(6, 3, 3)
    names = [*names[:-3], "s0", "s0", "alone"]  # of five, two and one images
    rows = [[n for n, name in enumerate(names) if name == s] for s in sorted(set(names))]
    covariances = [np.cov(units[own].astype(float), rowvar=False) for own in rows if len(own) > 1]
    within = np.mean(covariances, axis=0)
    shrunk = 0.7 * within / np.trace(within) * DIM + 0.3 * np.eye(DIM)
    (found,) = fitted([units], names, shrink=0.3).maps
    np.testing.assert_allclose(found @ shrunk @ found, np.eye(DIM), atol=1e-5)
    np.testing.assert_allclose(found, found.T, atol=1e-6)


def test_a_sitter_with_thirty_images_counts_as_one_with_two():
    units, _ = portraits(8, 4, 4)
    copies = np.concatenate([units, np.tile(units[:4], (9, 1))])
    rows = [np.arange(4 * s, 4 * s + 4) for s in range(8)]
    many = [np.r_[rows[0], np.arange(32, 68)], *rows[1:]]
    # Forty copies of four images have the covariance of four, but for the degree of freedom.
    first = np.cov(units[:4].astype(float), rowvar=False)
    shift = (first * 3 / 4 * 40 / 39 - first) / 8
    within = np.mean([np.cov(units[own].astype(float), rowvar=False) for own in rows], axis=0) + shift
    values, axes = np.linalg.eigh(0.5 * within / np.trace(within) * DIM + 0.5 * np.eye(DIM))
    np.testing.assert_allclose(whitening(copies, many, 0.5), (axes / np.sqrt(values)) @ axes.T, atol=1e-6)


def test_all_of_the_identity_is_concatenation():
    one, names = portraits(5, 3, 5)
    two, _ = portraits(5, 3, 6)
    kind = fitted([one, two], names, shrink=1.0)
    np.testing.assert_allclose(kind.apply([one, two]), normalise(np.hstack([one, two])), atol=1e-6)


def test_images_that_do_not_differ_and_sitters_with_one_image():
    units = normalise(np.repeat(np.eye(3, DIM, dtype=np.float32), 2, axis=0))
    (found,) = fitted([units], list("aabbcc")).maps
    assert np.isfinite(found).all()
    with pytest.raises(SitterError, match="no sitter under fit_on has two"):
        fitted([units], list("abcdef"))
