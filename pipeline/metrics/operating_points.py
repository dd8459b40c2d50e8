"""Thresholds of the test's own operating points, and thresholds that were chosen on validation sitters.

The error at a threshold that was chosen on the test sitters is what a system could reach at best, not what a user will
see. What a user will see is the error at a threshold that was chosen on other sitters (ISO/IEC 19795-1:2021; "half
total error rate" and the a priori threshold are as in bob.measure: HTER = (FMR + FNMR) / 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.core.numbers import Floats
from pipeline.metrics.pair_table import PairTable
from pipeline.metrics.result import Scalar
from pipeline.metrics.verification import Roc, Tally, eer, roc, support, tar_at_far
from pipeline.store.curves import ExpectedPerformance
from pipeline.store.figure_names import (
    EER_THRESHOLD,
    FMR,
    FNMR,
    GFAR,
    GFRR,
    HTER,
    THRESHOLD,
    at,
    chosen,
    is_chosen,
)

Draws = Callable[[], Iterator[NDArray[np.int32]]]
EPC_POINTS = 101
NO_VALIDATION = "there are no validation sitters to choose a threshold on: give the data set's split a `val` share"
ACCEPTS_NONE = "no threshold that accepts a pair keeps to this FAR"


def own_thresholds(curve: Roc, impostors: int, far: Sequence[float], lacking: str) -> dict[str, Scalar]:
    """Return the exact threshold of each operating point of a test: `eer_threshold`, `threshold@0.01`, …

    A pair is accepted if its score is at least the threshold. The threshold of a FAR is the lowest score that does not
    exceed the FAR; the threshold of the EER lies between two scores where the ROC crosses the diagonal.

    Args:
        curve: the ROC of the test.
        impostors: number of impostor pairs, which may be too few for a FAR.
        far: the FARs.
        lacking: why there is nothing to measure; empty otherwise.
    """
    found = {EER_THRESHOLD: Scalar(None if lacking else eer(curve)[1], lacking)}
    for target in far:
        enough, note = support(impostors, target)
        threshold = None
        if enough and not lacking:
            threshold = tar_at_far(curve, target)[1]
            if np.isinf(threshold):
                threshold, note = None, ACCEPTS_NONE
        found[at(THRESHOLD, target)] = Scalar(threshold, lacking or note)
    return found


def chosen_thresholds(
    validation: Tally | None, why_not: str, far: Sequence[float], test: Tally, table: PairTable, draws: Draws
) -> dict[str, Scalar]:
    """Return thresholds that were chosen on validation sitters, and the errors of the test at these thresholds.

    The scalars are `val_eer_threshold` and `val_threshold@0.01`, …, each with the test's FMR, FNMR and half total error
    rate at it (`fmr@val_threshold@0.01`, `fnmr@…`, `hter@…`). Replicates are over the test sitters; the threshold is
    not chosen again. If there are no validation pairs, return one empty scalar with a note that says why.

    Args:
        validation: counts of the validation pairs; None if there are none.
        why_not: why there are none.
        far: the FARs.
        test: counts of the test pairs.
        table: the test pairs by sitter.
        draws: gives the bootstrap's draws of the test sitters.
    """
    lacking = why_not if validation is None else _one_sided(validation)
    if validation is None or lacking:
        return {chosen(EER_THRESHOLD): Scalar(None, lacking)}
    curve, impostors = roc(validation), int(validation.impostor.sum())
    found: dict[str, Scalar] = {}
    for name, scalar in own_thresholds(curve, impostors, far, "").items():
        note = f"on the validation sitters, {scalar.note}" if scalar.note else ""
        found[chosen(name)] = Scalar(scalar.value, note)
        if scalar.value is not None:
            found |= _errors(chosen(name), float(scalar.value), test, table, draws)
    return found


def _one_sided(counts: Tally) -> str:
    """Return a message if the validation sitters give no genuine or no impostor pair; else ""."""
    if not counts.genuine.sum():
        return "no validation sitter has two images that may be compared, so no threshold can be chosen"
    return "" if counts.impostor.sum() else "there is only one validation sitter, so no threshold can be chosen"


def expected_performance(validation: Tally | None, test: Tally) -> ExpectedPerformance | None:
    """Return the half total error rate of the test at thresholds that were chosen on validation sitters.

    This is the expected performance curve (Bengio, Mariéthoz & Keller 2005; bob.measure.epc): for each α from 0 to 1,
    it uses the threshold that minimises α · FMR + (1 − α) · FNMR on the validation sitters, the highest of equals. α is
    the weight of a false match against a false non-match. The result is None if validation or test lacks genuine or
    impostor pairs.

    Args:
        validation, test: counts of the pairs.
    """
    both = (validation, test)
    if validation is None or not all(t is not None and t.genuine.sum() and t.impostor.sum() for t in both):
        return None
    other, curve = roc(validation), roc(test)
    alpha = np.linspace(0, 1, EPC_POINTS)
    costs = alpha[:, None] * other.far[None] + (1 - alpha)[:, None] * (1 - other.tar)[None]
    best = costs.argmin(axis=1)
    # The operating point of the test at which exactly the pairs at or above the threshold are accepted.
    point = np.searchsorted(-curve.threshold, -other.threshold[best], side="right") - 1
    fmr, fnmr = curve.far[point], 1 - curve.tar[point]
    thresholds = [None if np.isinf(t) else float(t) for t in other.threshold[best]]
    return ExpectedPerformance(alpha, (fmr + fnmr) / 2, fmr, fnmr, thresholds)


def generalised_errors(scalars: Mapping[str, Scalar], test: Tally, table: PairTable, draws: Draws) -> dict[str, Scalar]:
    """Return GFAR and GFRR of the test at thresholds that were chosen on validation sitters.

    Args:
        scalars: the result of `chosen_thresholds`, possibly with other figures.
        test, table, draws: as in `chosen_thresholds`, for all pairs; pairs with a failed image score below all others.
    """
    found: dict[str, Scalar] = {}
    for name, scalar in scalars.items():
        if is_chosen(name) and scalar.value is not None:
            errors = _errors(name, float(scalar.value), test, table, draws)
            found |= {at(GFAR, name): errors[at(FMR, name)], at(GFRR, name): errors[at(FNMR, name)]} if errors else {}
    return found


def _errors(name: str, threshold: float, test: Tally, table: PairTable, draws: Draws) -> dict[str, Scalar]:
    """Return FMR, FNMR and HTER of the test at a threshold; empty if it lacks genuine or impostor pairs."""
    if not test.genuine.sum() or not test.impostor.sum():
        return {}
    accepted = test.scores >= threshold
    fmr = float(test.impostor[accepted].sum() / test.impostor.sum())
    fnmr = float(test.genuine[~accepted].sum() / test.genuine.sum())
    sides = ((table.impostor, fmr, True), (table.genuine, fnmr, False))
    drawn: list[Floats] = []
    for side, value, accepts in sides:
        wrong = ((side.score >= threshold) == accepts).astype(np.float64)
        # Streamed pairs are counted in levels; the error of this on the whole set is subtracted from each replicate.
        shift = value - side.mean(wrong)
        drawn.append(np.clip(side.means(wrong, table.units, draws()) + shift, 0, 1))
    values = ((FMR, fmr, drawn[0]), (FNMR, fnmr, drawn[1]), (HTER, (fmr + fnmr) / 2, (drawn[0] + drawn[1]) / 2))
    return {at(rate, name): Scalar(value, "", replicates, percent=True) for rate, value, replicates in values}
