"""PLDA: the log likelihood ratio of one sitter to two, checked against normal densities, as a cosine."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from pipeline.core.errors import SitterError
from pipeline.fusions.plda import TwoCovariance
from pipeline.params.fusions.plda import TwoCovarianceOptions
from pipeline.store.embeddings import normalise
from tests.fusions.test_wccn import DIM, error, portraits


def fitted(units, names, **options):
    kind = TwoCovariance(TwoCovarianceOptions(**options))
    kind.fit(units, names, ["train"] * len(names), 1)
    return kind


def covariances(axes):
    """W and B in the space of the vectors, of axes of which none was left out."""
    back = np.linalg.inv(axes.map.astype(float))
    return back.T @ back, back.T @ np.diag(axes.psi.astype(float)) @ back


def ratio(x, y, mean, within, between):
    """log p(x, y | one sitter) − log p(x) − log p(y), by the densities themselves."""
    total = within + between
    one = multivariate_normal(np.r_[mean, mean], np.block([[total, between], [between, total]]))
    alone = multivariate_normal(mean, total)
    return one.logpdf(np.r_[x, y]) - alone.logpdf(x) - alone.logpdf(y)


@pytest.mark.parametrize("options", [{}, {"shrink": 0.2, "shrink_between": 0.3}])
def test_the_cosine_stands_for_the_log_likelihood_ratio_of_normal_densities(options):
    units, names = portraits(100, 4, 1, light=0.7)
    kind = fitted([units], names, **options)
    (axes,) = kind.axes
    assert len(axes.psi) == DIM
    within, between = covariances(axes)
    mean = axes.mean.astype(float)
    images = axes.scaled(units[::7]) @ np.linalg.inv(axes.map.astype(float)) + mean
    fused = kind.apply([units[::7]]).astype(float)
    i, j = np.triu_indices(len(images), 1)
    expected = np.array([ratio(images[a], images[b], mean, within, between) for a, b in zip(i, j, strict=True)])
    found = kind.ratios((fused @ fused.T)[i, j])
    assert expected.std() > 1
    square = (axes.phi(units[::7]) ** 2).sum(1)
    short = (square[i] < kind.slope / 2) & (square[j] < kind.slope / 2)
    assert short.mean() > 0.9
    np.testing.assert_array_less(
        np.abs(found - expected)[short], (square[i] - square[j])[short] ** 2 / (4 * kind.slope) + 1e-4
    )
    assert np.abs(found - expected).mean() < 0.05 * expected.std()


def test_ratios_of_several_models_are_added():
    one, names = portraits(40, 4, 2)
    two, _ = portraits(40, 4, 3)
    both, alone = fitted([one, two], names), [fitted([x], names) for x in (one, two)]
    assert [len(a.psi) for a in both.axes] == [DIM, DIM]
    for axes, kind in zip(both.axes, alone, strict=True):
        np.testing.assert_array_equal(axes.map, kind.axes[0].map)
    fused = both.apply([one, two]).astype(float)
    parts = [kind.apply([x]).astype(float) for kind, x in zip(alone, (one, two), strict=True)]
    upper = np.triu_indices(len(one), 1)
    added = sum(kind.ratios((x @ x.T)[upper]) for kind, x in zip(alone, parts, strict=True))
    found = both.ratios((fused @ fused.T)[upper])
    assert np.abs(found - added).mean() < 0.05 * added.std()


def test_covariances_are_those_of_moments_with_sitters_counting_alike():
    units, names = portraits(8, 4, 4)
    names = [*names[:-3], "s0", "s0", "alone"]  # of one, four and six images
    groups = [[n for n, name in enumerate(names) if name == s] for s in sorted(set(names))]
    means = np.array([units[own].mean(0) for own in groups], float)
    within = np.mean([np.cov(units[own].astype(float), rowvar=False) for own in groups if len(own) > 1], axis=0)
    between = np.cov(means, rowvar=False) - within * np.mean([1 / len(own) for own in groups])
    within = 0.4 * within + 0.6 * np.trace(within) / DIM * np.eye(DIM)
    between = 0.1 * between + 0.9 * np.trace(between) / DIM * np.eye(DIM)
    (axes,) = fitted([units], names, shrink=0.6, shrink_between=0.9).axes
    np.testing.assert_allclose(axes.mean, means.mean(0), atol=1e-6)
    np.testing.assert_allclose(axes.map.T @ within @ axes.map, np.eye(DIM), atol=1e-4)
    np.testing.assert_allclose(axes.map.T @ between @ axes.map, np.diag(axes.psi), atol=1e-3)


def test_sitters_never_seen_are_told_apart_better():
    known, names = portraits(30, 4, 1)
    unseen, others = portraits(30, 4, 2)
    assert error(fitted([known], names, shrink=0.3).apply([unseen]), others) < error(unseen, others) - 0.05


def test_axes_in_which_sitters_do_not_differ_are_left_out():
    units, names = portraits(6, 4, 5)
    kind = fitted([units], names, shrink_between=0.0)
    assert len(kind.axes[0].psi) < DIM
    fused = kind.apply([units])
    assert fused.shape == (24, len(kind.axes[0].psi) + 1)
    np.testing.assert_allclose(np.linalg.norm(fused, axis=1), 1, atol=1e-6)


def test_sitters_of_one_image_and_sitters_who_do_not_differ():
    units, _ = portraits(6, 1, 6)
    with pytest.raises(SitterError, match=r"plda learns how .* no sitter under fit_on has two"):
        fitted([units], list("abcdef"))
    turned = normalise(np.r_[np.eye(4, DIM), np.eye(4, DIM)].astype(np.float32))
    with pytest.raises(SitterError, match="differ no more than images of one sitter"):
        fitted([turned], list("aaaabbbb"))
