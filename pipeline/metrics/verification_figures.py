"""The figures and curves of verification, however the pairs were counted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.core.numbers import Floats, Ints
from pipeline.metrics.comparisons import FEW_EFFECTIVE, effective
from pipeline.metrics.operating_points import own_thresholds
from pipeline.metrics.result import Column, Result, Scalar, at
from pipeline.metrics.verification import Tally, auc, eer, roc, support, tar_at_far, thin

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
    scalars = {"eer": Scalar(None, lacking, percent=True, better="lower")}
    if not lacking:
        scalars["eer"] = Scalar(eer(curve)[0], "", replicates["eer"], percent=True, better="lower")
    for n, target in enumerate(far):
        enough, note = support(impostors, target)
        value = replicate = None
        if enough and not lacking:
            value, replicate = tar_at_far(curve, target)[0], replicates["tar"][:, n]
        scalars[at("tar", target)] = Scalar(value, lacking or note, replicate, percent=True, better="higher")
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


def curves(counts: Tally, lacking: str) -> dict[str, dict[str, Column]]:
    """Return ROC, DET and a histogram of the scores."""
    found: dict[str, dict[str, Column]] = {"scores": _bars(counts)}
    if not lacking:
        few = thin(roc(counts))
        threshold = [None if np.isinf(t) else float(t) for t in few.threshold]
        found["roc"] = {"far": few.far, "tar": few.tar, "threshold": threshold}
        found["det"] = {"far": few.far, "frr": 1 - few.tar, "threshold": threshold}
    return found


def _bars(counts: Tally) -> dict[str, Column]:
    """Return a histogram of genuine and impostor scores over their range."""
    if not len(counts.scores):
        return {"score_left": [], "score_right": [], "genuine": [], "impostor": []}
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
    return {"score_left": edges[:-1], "score_right": edges[1:], "genuine": genuine, "impostor": impostor}
