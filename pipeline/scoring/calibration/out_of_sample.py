"""LLRs of the test pairs by calibrations that were fitted on other sitters."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats
from pipeline.metrics.pair_table import PairTable
from pipeline.metrics.verification import Tally
from pipeline.scoring.calibration.fit import Calibration, CalibrationMethod, fit

FOLDS = 5
# With fewer sitters, a calibration would reflect these sitters more than the model.
FEWEST_SITTERS = 5


@dataclass(frozen=True)
class Llrs:
    """Natural LLRs of the rows of a pair table, and what they were fitted on."""

    genuine: Floats
    impostor: Floats
    fitted_on: str
    bounds: tuple[float, float]
    """The narrowest bounds of all fits."""


def by_validation(table: PairTable, validation: Tally, sitters: int, method: CalibrationMethod) -> Llrs:
    """Return the LLRs of the test pairs by a calibration on validation sitters."""
    calibration = fit(validation, method)
    genuine, impostor = calibration(table.genuine.score), calibration(table.impostor.score)
    return Llrs(genuine, impostor, f"the {sitters} validation sitters", calibration.bounds)


def by_folds(table: PairTable, method: CalibrationMethod, seed: int) -> Llrs | str:
    """Return the LLRs of the test pairs, each calibrated on sitters of other folds; or the reason why there are none.

    The sitters are dealt at random into 5 folds. A pair with sitters in folds a and b is calibrated on the pairs of
    sitters in the other folds.
    """
    if table.units < 2 * FOLDS:
        return f"{table.units} test sitters are too few to calibrate by folds: {2 * FOLDS} are needed"
    fold = np.empty(table.units, dtype=np.int64)
    fold[np.random.default_rng([seed, table.units]).permutation(table.units)] = np.arange(table.units) % FOLDS
    genuine, impostor = np.empty(len(table.genuine.score)), np.empty(len(table.impostor.score))
    bounds: list[tuple[float, float]] = []
    for a in range(FOLDS):
        for b in range(a, FOLDS):
            calibration = _without(table, (fold != a) & (fold != b), method)
            if calibration is None:
                return "a fold of the test sitters leaves no genuine or no impostor pair to calibrate on"
            bounds.append(calibration.bounds)
            for side, llr in ((table.genuine, genuine), (table.impostor, impostor)):
                one, other = fold[side.a], fold[side.b]
                here = ((one == a) & (other == b)) | ((one == b) & (other == a))
                llr[here] = calibration(side.score[here])
    narrowest = max(low for low, _ in bounds), min(high for _, high in bounds)
    return Llrs(
        genuine, impostor, f"{FOLDS} folds of the test sitters, for each on the sitters of the others", narrowest
    )


def _without(table: PairTable, chosen: NDArray[np.bool_], method: CalibrationMethod) -> Calibration | None:
    counts = table.of_units(chosen).tally()
    return fit(counts, method) if counts.genuine.sum() and counts.impostor.sum() else None
