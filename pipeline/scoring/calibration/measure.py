"""The evaluation of a model's calibration on a benchmark: Cllr with its minimum, and the data of the figures."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats
from pipeline.metrics.calibration_figures import (
    CalibrationCurves,
    CalibrationResult,
    calibration_curves,
    calibration_scalars,
    not_calibrated,
)
from pipeline.metrics.pair_table import PairTable
from pipeline.metrics.result import Scalar
from pipeline.metrics.verification import Tally, tally
from pipeline.scoring.calibration.cost import cross_entropy, genuine_cost, impostor_cost
from pipeline.scoring.calibration.fit import CalibrationMethod, condensed
from pipeline.scoring.calibration.out_of_sample import FEWEST_SITTERS, Llrs, by_folds, by_validation
from pipeline.scoring.calibration.pav import pav
from pipeline.scoring.calibration.replicated import minimum, minimum_replicates

Draws = Callable[[], Iterator[NDArray[np.int32]]]
LOG10 = float(np.log(10))
POINTS = 200
# log10 prior odds of the ECE figure.
ODDS = np.linspace(-3, 3, 61)


def calibrated(
    table: PairTable, validation: Tally | None, sitters: int, draws: Draws, *, method: CalibrationMethod, seed: int
) -> CalibrationResult:
    """Return the scalars and the curves (Tippett plot, reliability, cross-entropy) of a benchmark's calibration.

    The calibration is fitted on validation sitters if there are at least 5, else by folds of the test sitters. It is
    never fitted on sitters that a model was trained on or that it is evaluated on.

    Args:
        table: the test pairs, with genuine and impostor pairs.
        validation: counts of the validation pairs; None if there are none.
        sitters: number of validation sitters.
        draws: gives the bootstrap's draws of the test sitters.
        method: the method of the calibration.
        seed: random seed of the folds.
    """
    usable = validation is not None and validation.genuine.sum() and validation.impostor.sum()
    found: Llrs | str
    if validation is not None and usable and sitters >= FEWEST_SITTERS:
        found = by_validation(table, validation, sitters, method)
    else:
        found = by_folds(table, method, seed)
    if isinstance(found, str):
        return not_calibrated(found), ()
    return _scalars(table, found, method, draws), _curves(table, found)


def _scalars(table: PairTable, llrs: Llrs, method: CalibrationMethod, draws: Draws) -> dict[str, Scalar]:
    """Return `cllr`, `cllr_min`, `cllr_cal` (their difference, the calibration loss) and the bounds of the LLRs.

    Replicates resample the test sitters; the calibration is not fitted again.
    """
    sides = ((table.genuine, genuine_cost(llrs.genuine)), (table.impostor, impostor_cost(llrs.impostor)))
    value = sum(side.mean(cost) for side, cost in sides) / 2
    first, second = (side.means(cost, table.units, draws()) for side, cost in sides)
    replicates = (first + second) / 2
    least, least_replicates = minimum(table.tally()), minimum_replicates(table, draws)
    return calibration_scalars(
        cost=value,
        replicates=replicates,
        least=least,
        least_replicates=least_replicates,
        bounds=(llrs.bounds[0] / LOG10, llrs.bounds[1] / LOG10),
        note=f"{method}, fitted on {llrs.fitted_on}",
    )


def _curves(table: PairTable, llrs: Llrs) -> CalibrationCurves:
    """Return the data of the figures of calibration; LLRs are log10 in all of them."""
    counts = tally(llrs.genuine, llrs.impostor, table.genuine.weight, table.impostor.weight)
    few = condensed(counts, POINTS)
    accepted = [np.cumsum(w) / w.sum() for w in (few.genuine, few.impostor)]
    best = pav(counts)
    neutral = np.zeros(len(best))

    def ece(llr: Floats) -> Floats:
        return cross_entropy(llr, llr, counts.genuine, counts.impostor, ODDS * LOG10)

    known = np.isfinite(pav(few))
    return calibration_curves(
        tippett=(few.scores / LOG10, accepted[0], accepted[1]),
        reliability=(few.scores[known] / LOG10, pav(few)[known] / LOG10),
        entropy=(ODDS, ece(counts.scores), ece(best), ece(neutral)),
    )
