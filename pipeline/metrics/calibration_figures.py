"""The figures and curves of calibration, from what `pipeline.scoring.calibration` has computed; LLRs are log10."""

from __future__ import annotations

from pipeline.core.numbers import Floats
from pipeline.metrics.result import Scalar
from pipeline.store.curves import CrossEntropy, Curve, Reliability, Tippett
from pipeline.store.figure_names import CLLR, CLLR_CAL, CLLR_MIN, LLR_HIGHEST, LLR_LOWEST

CalibrationCurves = tuple[Curve, ...]
CalibrationResult = tuple[dict[str, Scalar], CalibrationCurves]


def not_calibrated(why: str) -> dict[str, Scalar]:
    """Return the figure Cllr without a value, and why it has none."""
    return {CLLR: Scalar(None, why, better="lower")}


def calibration_scalars(
    *,
    cost: float,
    replicates: Floats,
    least: float,
    least_replicates: Floats,
    bounds: tuple[float, float],
    note: str,
) -> dict[str, Scalar]:
    """Return `cllr`, `cllr_min`, `cllr_cal` (their difference, the calibration loss) and the bounds of the LLRs.

    Args:
        cost: the Cllr.
        replicates: the Cllr in each bootstrap replicate, as `least_replicates` for the minimum.
        least: the least Cllr that any monotone calibration reaches.
        least_replicates: the same in each replicate.
        bounds: the lowest and the highest log10 LR that the data support.
        note: how the calibration was fitted.
    """
    return {
        CLLR: Scalar(cost, note, replicates, better="lower"),
        CLLR_MIN: Scalar(least, "", least_replicates, better="lower"),
        CLLR_CAL: Scalar(cost - least, "", replicates - least_replicates, better="lower"),
        LLR_LOWEST: Scalar(bounds[0], "log10, bound by ELUB"),
        LLR_HIGHEST: Scalar(bounds[1], "log10, bound by ELUB"),
    }


def calibration_curves(
    *,
    tippett: tuple[Floats, Floats, Floats],
    reliability: tuple[Floats, Floats],
    entropy: tuple[Floats, Floats, Floats, Floats],
) -> CalibrationCurves:
    """Return the curves of calibration.

    Args:
        tippett: LLRs, and the shares of genuine and of impostor pairs with at least this LLR.
        reliability: LLRs, and the value that PAV, fitted on the LLRs themselves, gives for each.
        entropy: prior log10 odds, and the cross-entropy of the LLRs, of the LLRs after PAV, and without LLRs.
    """
    return Tippett(*tippett), Reliability(*reliability), CrossEntropy(*entropy)
