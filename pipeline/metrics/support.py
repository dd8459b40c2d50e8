"""How many independent impostor pairs a false match rate rests on: the rules of 3 and of 30 by effective numbers.

The rules of ISO/IEC 19795-1 assume that comparisons are independent, but 64,000 impostor pairs may come from 111
sitters. The effective number of pairs is the number of independent pairs from which the FMR at a threshold would be
known as precisely. It is FMR (1 − FMR) divided by the variance of the FMR, in which pairs that share a sitter depend on
each other (the variance for dyads of Aronow, Samii & Assenova 2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from pipeline.core.numbers import Floats
from pipeline.metrics.pair_table import Side
from pipeline.metrics.result import Scalar
from pipeline.metrics.verification import FEWEST_ACCEPTS, FIRM_ACCEPTS
from pipeline.store.figure_names import TAR, THRESHOLD, at


def effective_pairs(impostor: Side, units: int, threshold: float) -> float:
    """Return the effective number of impostor pairs for the FMR at a threshold; it is at most their real number.

    It is NaN if no pair is accepted, or all are. For streamed pairs, for which only levels of the score are known, it
    is less accurate (within a fifth).

    Args:
        impostor: the pairs.
        units: number of sitters, or of groups of sitters.
        threshold: a pair is accepted if its score is at least this.
    """
    wrong = (impostor.score >= threshold).astype(np.float64)
    fmr, count = impostor.mean(wrong), float(impostor.weight.sum())
    if not 0 < fmr < 1:
        return float("nan")
    residual: Floats = impostor.weight * (wrong - fmr) / count
    apart = impostor.a != impostor.b
    # A pair counts for both of its sitters; a pair within a group of sitters counts for its group once.
    of_unit = np.bincount(impostor.a, residual, minlength=units)
    of_unit += np.bincount(impostor.b[apart], residual[apart], minlength=units)
    low, high = np.minimum(impostor.a, impostor.b)[apart], np.maximum(impostor.a, impostor.b)[apart]
    dyad = low.astype(np.int64) * units + high
    if units * units > len(dyad):
        dyad = np.unique(dyad, return_inverse=True)[1]
    of_dyad = np.bincount(dyad, residual[apart]) if len(dyad) else np.zeros(0)
    variance = float(of_unit @ of_unit - of_dyad @ of_dyad)
    # The variance is at least the part that lies in pairs of sitters.
    least = max(float(of_dyad @ of_dyad), fmr * (1 - fmr) / count)
    return fmr * (1 - fmr) / max(variance, least)


def with_effective_support(
    scalars: Mapping[str, Scalar], impostor: Side, units: int, far: Sequence[float]
) -> dict[str, Scalar]:
    """Return scalars with `effective_impostor@0.01`, …, and with a note at the TAR of a FAR that rests on few pairs.

    Args:
        scalars: the scalars of a benchmark, with its own thresholds.
        impostor, units: as for `effective_pairs`.
        far: the FARs.
    """
    found = dict(scalars)
    for target in far:
        threshold, tar = scalars[at(THRESHOLD, target)].value, scalars[at(TAR, target)]
        if threshold is None or tar.value is None:
            continue
        pairs = effective_pairs(impostor, units, float(threshold))
        if np.isfinite(pairs):
            found[at("effective_impostor", target)] = Scalar(pairs)
            found[at(TAR, target)] = replace(tar, note=tar.note or effective_support(pairs, target))
    return found


def effective_support(pairs: float, far: float) -> str:
    """Return a message if this number of effective impostor pairs is small for a FAR; else empty.

    >>> effective_support(200, 0.01)
    'a FAR of 0.01 rests on fewer than 3 independent false matches, too few to show that it is met (rule of 3)'
    """
    rate, accepts = np.format_float_positional(far, trim="-"), pairs * far
    if accepts >= FIRM_ACCEPTS:
        return ""
    if accepts >= FEWEST_ACCEPTS:
        why = f"{FIRM_ACCEPTS} independent false matches, so that it is known to worse than ± 30 % (rule of 30)"
    else:
        why = f"{FEWEST_ACCEPTS} independent false matches, too few to show that it is met (rule of 3)"
    return f"a FAR of {rate} rests on fewer than {why}"
