"""The figures and curves of verification, however the pairs were counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.core.numbers import Floats, Ints
from pipeline.metrics.comparisons import FEW_EFFECTIVE, effective
from pipeline.metrics.operating_points import own_thresholds
from pipeline.metrics.result import Result, Scalar
from pipeline.metrics.verification import Tally, auc, eer, roc, support, tar_at_far, thin
from pipeline.store.curves import Curve, DetCurve, RocCurve, ScoreHistogram
from pipeline.store.figure_names import EER, TAR, at

SCORE_BARS = 60


def rates(
    counts: Tally, spread: float, replicates: Mapping[str, Floats], far: Sequence[float], lacking: str
) -> dict[str, Scalar]:
    """Return EER, TAR at each FAR, d′, the thresholds of these operating points, and AUC.

    Args:
        counts: counts of the pairs.
        spread: their d′; NaN if undefined.
        replicates: `eer`, `tar` and `d_prime` from `intervals.verification_replicates`.
        far: the FARs.
        lacking: why there is nothing to measure; empty otherwise.
    """
    curve, impostors = roc(counts), int(counts.impostor.sum())
    scalars = {EER: Scalar(None, lacking, percent=True, better="lower")}
    if not lacking:
        scalars[EER] = Scalar(eer(curve)[0], "", replicates["eer"], percent=True, better="lower")
    for n, target in enumerate(far):
        enough, note = support(impostors, target)
        value = replicate = None
        if enough and not lacking:
            value, replicate = tar_at_far(curve, target)[0], replicates["tar"][:, n]
        scalars[at(TAR, target)] = Scalar(value, lacking or note, replicate, percent=True, better="higher")
    if np.isfinite(spread):
        scalars["d_prime"] = Scalar(spread, "", replicates["d_prime"], better="higher")
    else:
        scalars["d_prime"] = Scalar(None, lacking or "the scores do not vary", better="higher")
    scalars |= own_thresholds(curve, impostors, far, lacking)
    scalars["auc"] = Scalar(None if lacking else auc(curve), lacking, better="higher")
    return scalars


def weighed(result: Result, genuine: Ints) -> Result:
    """Return the result with the effective number of sitters or groups by genuine pairs; a note says if it is small."""
    count = effective(genuine)
    few = f"one or few sitters own most genuine pairs: {result.units} sitters count as {count:.1f}"
    note = few if count < min(FEW_EFFECTIVE, result.units / 2) and genuine.any() else ""
    scalars = {**result.scalars, "effective_sitters": Scalar(count, note)}
    return replace(result, scalars=scalars, effective=count)


def curves(counts: Tally, lacking: str) -> tuple[Curve, ...]:
    """Return a histogram of the scores, and ROC and DET if there is something to measure."""
    if lacking:
        return (_bars(counts),)
    few = thin(roc(counts))
    threshold = [None if np.isinf(t) else float(t) for t in few.threshold]
    return _bars(counts), RocCurve(few.far, few.tar, threshold), DetCurve(few.far, 1 - few.tar, threshold)


def _bars(counts: Tally) -> ScoreHistogram:
    """Return a histogram of genuine and impostor scores over their range."""
    if not len(counts.scores):
        return ScoreHistogram([], [], [], [])
    low, high = float(counts.scores.min()), float(counts.scores.max())
    if (high - low) / SCORE_BARS <= np.spacing(
        max(abs(low), abs(high))
    ):  # bars that double precision cannot distinguish
        middle = (low + high) / 2
        low, high = middle - max(0.5, abs(middle) / 2), middle + max(0.5, abs(middle) / 2)
    edges = np.linspace(low, high, SCORE_BARS + 1)
    genuine, impostor = (
        np.histogram(counts.scores, edges, weights=w)[0].astype(np.int64) for w in (counts.genuine, counts.impostor)
    )
    return ScoreHistogram(edges[:-1], edges[1:], genuine, impostor)
