"""From the scores of a search to likelihood ratios, and from these to posteriors with "none of these".

**Likelihood ratio** of a candidate: how many times more probable its score is if the probe shows this sitter than if it
shows somebody else. It is fitted on searches for portraits of known sitters that the model was not trained on, each
without its own picture. The sitters are dealt into folds: if the probe's sitter is in fold a and the candidate in fold
b, their ratio is fitted on the sitters of the other folds. Each sitter has the same weight, however many portraits
there are. No ratio goes beyond what the number of these searches supports (see `calibration.elub`). On 253 paintings of
82 sitters, the posteriors were right when ratios were fitted by isotonic regression on normalised scores. A straight
line (logistic regression) gives too little weight to the highest scores; raw scores give too little weight to first
candidates.

**Posterior**, by Bayes' theorem. Before the portrait is looked at, the sitter is assumed to be in the gallery with
probability π (the prior), and each of its N sitters to be equally likely. Where L_j is the ratio of sitter j,

    P(sitter i) = (π / N) L_i / ((1 − π) + (π / N) Σ_j L_j)
    P(none of these) = (1 − π) / ((1 − π) + (π / N) Σ_j L_j)

Sitters whom a person has ruled out are left out of the sum, but count in N. The ratio of "none of these" to "one of
these" is N / Σ_j L_j. The formula assumes that, given the probe's sitter, the scores with other sitters are independent
of each other. The table of `known` says how often the posteriors are right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats, Ints
from pipeline.identification.search import Searches
from pipeline.scoring.calibration.fit import Calibration, CalibrationMethod, fit_scores
from pipeline.scoring.search_norm import normalised, of_sitters

FOLDS = 5
FEWEST_SITTERS = 2 * FOLDS
"""With fewer known sitters there are no likelihood ratios."""
OUTSIDE = -1
"""The fold of sitters who are not used to calibrate."""


def equal(sitters: Sequence[str]) -> Floats:
    """Return weights [n] of portraits that give each sitter a total weight of 1."""
    _, who, count = np.unique(np.asarray(sitters, dtype=str), return_inverse=True, return_counts=True)
    return np.asarray(1.0 / count[who], dtype=np.float64)


def places(sitters: Sequence[str], among: Sequence[str]) -> Ints:
    """Return the place of each sitter in a list: int64 [n], −1 for sitters who are not in it."""
    place = {sitter: n for n, sitter in enumerate(among)}
    return np.array([place.get(sitter, -1) for sitter in sitters], dtype=np.int64)


@dataclass(frozen=True)
class Evidence:
    """The evidence for each sitter [s] as the sitter of each probe [p]; arrays [p, s]."""

    scores: Floats
    """Scores, normalised if the question asks for it; −inf: the sitter is not in this probe's gallery."""
    llr: Floats
    """Natural log-likelihood ratios, within their bounds; −inf as above."""
    low: Floats
    high: Floats


class Calibrations:
    """Likelihood ratios from the scores of searches, fitted on known searches that leave out the two sitters."""

    def __init__(
        self,
        known: Searches,
        own: Sequence[str],
        held_out: Collection[str],
        *,
        method: CalibrationMethod,
        normalise: bool,
        seed: int,
    ) -> None:
        """Deal the sitters that calibrate into folds.

        Args:
            known: searches for p portraits of known sitters, each without its own picture.
            own: the sitter of each of these portraits.
            held_out: sitters that the model was not trained on.
            method: the method that turns scores into ratios.
            normalise: whether scores are first normalised by the scores of strangers.
            seed: random seed of the folds.
        """
        sitters = sorted(set(own) & set(held_out))
        lot = np.random.default_rng([seed, len(sitters)]).permutation(len(sitters))
        self.folds = {sitter: int(place) % FOLDS for sitter, place in zip(sitters, lot, strict=True)}
        self.method, self.normalise, self.sitters = method, normalise, sitters
        self._known, self._own = known, list(own)
        self._rows, self._columns = self.of(own), self.of(known.sitters)
        self._mine, self._weights = places(own, known.sitters), equal(own)
        self.norms = lru_cache(maxsize=None)(self._norms)
        self.fit = lru_cache(maxsize=None)(self._fit)
        self.scores = self._counted(known.scores, self._rows, self.norms)

    def of(self, sitters: Sequence[str]) -> Ints:
        """Return the folds of sitters: int64 [n], −1 for sitters who are not used to calibrate."""
        return np.array([self.folds.get(sitter, OUTSIDE) for sitter in sitters], dtype=np.int64)

    def trouble(self) -> str:
        """Return why there are no likelihood ratios; empty if there are some."""
        if len(self.sitters) < FEWEST_SITTERS:
            return (
                f"of {len(self.sitters)} sitters whom the model has not learned from there are portraits to calibrate "
                f"on, and it takes {FEWEST_SITTERS}"
            )
        every = range(OUTSIDE, FOLDS)
        if any(self.fit(a, b) is None for a in every for b in every if a <= b):
            return "among the known sitters too few have two portraits to calibrate on"
        return ""

    def of_known(self) -> Evidence:
        """Return the evidence of the known searches themselves."""
        return self._evidence(self.scores, self._rows, self._columns)

    def of_question(self, searches: Searches, again: Searches | None = None) -> Evidence:
        """Return the evidence of searches for unidentified portraits, in a gallery of the same sitters.

        Args:
            searches: the searches for these portraits.
            again: the known searches in this gallery, if the calibration used another gallery.
        """
        norms = self.norms if again is None else lambda fold: of_sitters(again.scores, self._mine)
        nobody = np.full(len(searches.scores), OUTSIDE)
        return self._evidence(self._counted(searches.scores, nobody, norms), nobody, self.of(searches.sitters))

    def _counted(self, scores: Floats, rows: Ints, norms: Callable[[int], tuple[Floats, Floats]]) -> Floats:
        """Return the scores [p, s], normalised if asked for by strangers from other folds than the probe's."""
        if not self.normalise:
            return scores
        found = np.empty_like(scores)
        for fold in np.unique(rows):
            found[rows == fold] = normalised(scores[rows == fold], *norms(int(fold)))
        return found

    def _norms(self, fold: int) -> tuple[Floats, Floats]:
        kept = self._rows != fold if fold != OUTSIDE else np.ones(len(self._rows), bool)
        return of_sitters(self._known.scores[kept], self._mine[kept])

    def _fit(self, a: int, b: int) -> Calibration | None:
        """Fit a calibration on the sitters of all folds but these two; None if there is nothing to fit on."""
        apart = [a, b, OUTSIDE]
        rows, columns = ~np.isin(self._rows, apart), ~np.isin(self._columns, apart)
        scores, weights = self.scores[np.ix_(rows, columns)], self._weights[rows]
        mine = places([o for o, kept in zip(self._own, rows, strict=True) if kept],
                      [s for s, kept in zip(self._known.sitters, columns, strict=True) if kept])  # fmt: skip
        there = np.isfinite(scores)
        same = np.arange(scores.shape[1]) == mine[:, None]
        if not (there & same).any() or not (there & ~same).any():
            return None
        heavy = np.broadcast_to(weights[:, None], scores.shape)
        genuine, impostor = there & same, there & ~same
        return fit_scores(scores[genuine], scores[impostor], heavy[genuine], heavy[impostor], self.method)

    def _evidence(self, scores: Floats, rows: Ints, columns: Ints) -> Evidence:
        llr, low, high = (np.full(scores.shape, -np.inf) for _ in range(3))
        for a in np.unique(rows):
            for b in np.unique(columns):
                calibration = self.fit(*sorted((int(a), int(b))))
                assert calibration is not None, "`trouble` has been asked"
                here = np.ix_(rows == a, columns == b)
                there = np.isfinite(scores[here])
                llr[here] = np.where(there, calibration(np.where(there, scores[here], 0.0)), -np.inf)
                low[here], high[here] = calibration.bounds
        return Evidence(scores, llr, low, high)


@dataclass(frozen=True)
class Posteriors:
    """The posteriors of each probe: arrays [p, s] and [p]."""

    candidates: Floats
    none: Floats
    none_llr: Floats
    """Natural log of N / Σ L: the ratio of "none of these" to "one of these"."""


def posteriors(llr: Floats, prior: float, ruled_out: NDArray[np.bool_] | None = None) -> Posteriors:
    """Return the posteriors of candidates and of "none of these"; see the formula above.

    Args:
        llr: natural log-likelihood ratios [p, s]; −inf for sitters who are not in a probe's gallery and not counted in
            N.
        prior: probability that the sitter is in the gallery.
        ruled_out: [p, s] sitters whom a person has ruled out; they are counted in N.
    """
    there = np.isfinite(llr)
    number = np.maximum(there.sum(axis=1), 1)
    kept = there if ruled_out is None else there & ~ruled_out
    highest = np.where(kept, llr, -np.inf).max(axis=1, initial=0.0)  # so that no power overflows
    ratios = np.where(kept, np.exp(np.where(kept, llr, 0.0) - highest[:, None]), 0.0)
    nothing, shares = (1 - prior) * np.exp(-highest), prior / number[:, None] * ratios
    total = nothing + shares.sum(axis=1)
    with np.errstate(divide="ignore"):
        none_llr = np.log(number) - np.log(ratios.sum(axis=1)) - highest
    return Posteriors(shares / total[:, None], nothing / total, none_llr)
