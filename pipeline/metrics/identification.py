"""Identification: who of the gallery is on the probe? (ISO/IEC 19795-1; CMC, and open-set rates as in FRVT 1:N.)"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.metrics.failures import mates, with_failures
from pipeline.metrics.intervals import CHUNK, draws
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Column, Context, Floats, Ints, Result, Scalar, Scored, at, rounded
from pipeline.metrics.verification import reversed_by, support
from pipeline.params.metrics.identification import IdentificationOptions

# Scores held at once.
CELLS = 8_000_000
CMC_RANKS = 100


@dataclass(frozen=True)
class Searches:
    """One search of the gallery for each probe; arrays [probes], but for the names."""

    names: Ints
    """[sitters] the pairing's numbers of the probes' sitters, ascending."""
    sitter: Ints
    """Which of them is on the probe."""
    rank: Ints
    """Of the probe's own sitter among the gallery's sitters, equals before it; 0 where it is not in the gallery."""
    own: Floats
    """Score of its own sitter; −inf where it is not in the gallery."""
    foremost_other: Floats
    """Score of the best other sitter; −inf where there is none."""


def identification(context: Context, options: IdentificationOptions) -> Result:
    """Search each test image of a data set in a gallery, or, leave-one-out, among the other images of its data set.

    A sitter's score is that of its best gallery image (cosine); images of the probe's own origin photograph are left
    out. Equal scores count against the probe. Closed set: the share of probes with their sitter at rank k or better,
    of those whose sitter is in the gallery. Open set: each probe is also searched with its own sitter struck from the
    gallery; FAR (FPIR) is the share of such searches whose best score reaches the threshold, DIR the share of probes
    whose own sitter is first and reaches it. Intervals resample the probes' sitters, the gallery as it is.
    """
    pairing = Pairing(
        context.embedded(options.probe, "test"),
        context.embedded(options.other, "test") if options.other else None,
        options.within_folds,
    )
    found = searches(pairing)
    mated, rivals = found.rank > 0, np.isfinite(found.foremost_other)
    nobody = "no probe's sitter has another image in the gallery"
    scalars: dict[str, Scalar] = {}
    drawn: dict[str, Callable[[NDArray[np.int32]], Floats]] = {}
    for k in sorted(set(options.ranks)):
        hit = mated & (found.rank <= k)
        value = float(hit[mated].mean()) if mated.any() else None
        scalars[f"rank-{k}"] = Scalar(value, "" if mated.any() else nobody, percent=True, better="higher")
        if mated.any():
            drawn[f"rank-{k}"] = partial(_rates, hit, mated, found.sitter)
    for far in context.far:
        enough, note = support(int(rivals.sum()), far, "searches without a mate")
        if not mated.any() or not enough:
            scalars[at("dir", far)] = Scalar(None, note if mated.any() else nobody, percent=True, better="higher")
            continue
        limit = _threshold(found.foremost_other[rivals], np.ones((1, int(rivals.sum()))), far)[0]
        hit = mated & (found.rank == 1) & (found.own > limit)
        scalars[at("dir", far)] = Scalar(float(hit[mated].mean()), note, percent=True, better="higher")
        drawn[at("dir", far)] = partial(_dir_replicates, found, mated, rivals, far)
    units = len(found.names)
    parts = [{name: f(m) for name, f in drawn.items()} for m in draws(units, context.replicates, context.seed)]
    for name in drawn:
        scalars[name] = replace(scalars[name], replicates=np.concatenate([part[name] for part in parts]))
    scalars |= _with_failures(context, options, pairing, found)
    scalars |= {
        "probes": Scalar(len(mated)),
        "mated": Scalar(int(mated.sum())),
        "gallery": Scalar(len(pairing.columns)),
        "gallery_sitters": Scalar(len(set(pairing.columns.sitters))),
        "excluded": Scalar(len(pairing.excluded[0])),
    }
    doubt = _reversed(found, mated, len(set(pairing.columns.sitters))) if isinstance(pairing.probe, Scored) else ""
    return Result(scalars, units, _curves(found, mated, rivals, len(pairing.sitters)), reversed=doubt)


def _with_failures(
    context: Context, options: IdentificationOptions, pairing: Pairing, found: Searches
) -> dict[str, Scalar]:
    """Return FTA, FTE and, where images have failed, FNIR with misses: `fnir-rank-1`, … and `fnir@0.01`, …

    FNIR is the share of probes that are not answered with their sitter (at rank k or better; first and above the
    threshold that keeps FPIR) of all that should be: also of those without a usable face, and of those whose sitter is
    not in the gallery because none of its images there has one. A probe without a face is nobody's false alarm.
    """
    failed = with_failures(context, pairing, options.probe, options.other)
    if failed is None or not len(failed):
        return failed.rates() if failed else {}
    more = len(failed.probes)
    names, sitter = np.unique(failed.every.numbers[0], return_inverse=True)
    every = replace(
        found,
        names=names.astype(np.int64),
        sitter=sitter.astype(np.int64),
        rank=np.append(found.rank, np.zeros(more, np.int64)),
        own=np.append(found.own, np.full(more, -np.inf)),
        foremost_other=np.append(found.foremost_other, np.full(more, -np.inf)),
    )
    mated = mates(failed.every) > 0
    if not mated.any():
        return failed.rates()
    drawn: dict[str, Callable[[NDArray[np.int32]], Floats]] = {}
    for k in sorted(set(options.ranks)):
        drawn[f"fnir-rank-{k}"] = partial(_rates, (every.rank > 0) & (every.rank <= k), mated, every.sitter)
    searched = np.append(np.isfinite(found.foremost_other), np.ones(more, bool))
    notes = {}
    for far in context.far:
        enough, notes[at("fnir", far)] = support(int(searched.sum()), far, "searches without a mate")
        if enough:
            drawn[at("fnir", far)] = partial(_dir_replicates, every, mated, searched, far)
    whole = np.ones((1, len(names)), np.int32)
    return failed.rates() | {
        name: Scalar(
            float(1 - hits(whole)[0]),
            notes.get(name, ""),
            np.concatenate([1 - hits(m) for m in draws(len(names), context.replicates, context.seed)]),
            percent=True,
            better="lower",
            beside=True,
        )
        for name, hits in drawn.items()
    }


def _reversed(found: Searches, mated: NDArray[np.bool_], sitters: int) -> str:
    """Return a sentence where the probes' own sitters come last among the gallery's rather than first."""
    if not mated.any() or sitters < 2:
        return ""
    ahead = float(((found.rank[mated] - 1) / (sitters - 1)).mean())  # share of the other sitters: by chance one half
    units = len(np.unique(found.sitter[mated]))
    return reversed_by(1 - ahead, int(mated.sum()), int(mated.sum()) * (sitters - 1), units)


def searches(pairing: Pairing) -> Searches:
    """Search each probe, in blocks of probes.

    Raises:
        SitterError: the gallery, or the set of probes, is empty.
    """
    if not len(pairing.probe) or not len(pairing.columns):
        raise SitterError(f"{pairing.probe.dataset}: identification needs probes and a gallery, but there is none.")
    number_p, number_g = pairing.numbers
    order = np.argsort(number_g, kind="stable")
    present, starts = np.unique(number_g[order], return_index=True)
    place = np.full(len(pairing.sitters), -1)
    place[present] = np.arange(len(present))
    score, probes, gallery = pairing.scorer(order), len(pairing.probe), len(order)
    columns = np.argsort(order)
    out_i, out_j = pairing.excluded
    if pairing.within:  # neither an image with itself nor, from either side, with one of the same origin
        every = np.arange(probes)
        out_i, out_j = np.concatenate([out_i, out_j, every]), np.concatenate([out_j, out_i, every])
    own, other, rank = np.empty(probes), np.empty(probes), np.zeros(probes, dtype=np.int64)
    size = max(1, CELLS // gallery)
    for start in range(0, probes, size):
        rows = slice(start, min(start + size, probes))
        scores = score(rows)
        here = (out_i >= rows.start) & (out_i < rows.stop)
        scores[out_i[here] - start, columns[out_j[here]]] = -np.inf
        best = np.maximum.reduceat(scores, starts, axis=1)
        if not isinstance(pairing.probe, Scored):
            best = rounded(best)  # last bits of cosines are no ranks
        mine = place[number_p[rows]]
        at_row, known = np.arange(len(best)), mine >= 0
        own[rows] = np.where(known, best[at_row, mine], -np.inf)
        best[at_row[known], mine[known]] = -np.inf
        other[rows] = best.max(axis=1)
        found = np.isfinite(own[rows])
        rank[rows] = np.where(found, 1 + (best >= own[rows, None]).sum(axis=1), 0)
    names, sitter = np.unique(number_p, return_inverse=True)
    return Searches(names.astype(np.int64), sitter.astype(np.int64), rank, own, other)


def _rates(hit: NDArray[np.bool_], among: NDArray[np.bool_], sitter: Ints, drawn: NDArray[np.int32]) -> Floats:
    """Share of the probes `among` that are `hit`, in each replicate."""
    hits, all_ = (np.bincount(sitter[chosen], minlength=drawn.shape[1]) for chosen in (hit, among))
    with np.errstate(invalid="ignore", divide="ignore"):
        shares: Floats = (drawn @ hits) / (drawn @ all_)
    return shares


def _threshold(rivals: Floats, weight: Floats, far: float) -> Floats:
    """The score that, in each row, must be exceeded for the share of rival scores to be at most `far`.

    Args:
        rivals: [n] scores.
        weight: [rows, n].
    """
    order = np.argsort(-rivals, kind="stable")
    scores = rivals[order]
    # Equal scores are accepted together: each counts with the weight up to the last of its equals.
    last = np.searchsorted(-scores, -scores, side="right") - 1
    accepted = np.cumsum(weight[:, order], axis=1)
    too_many = accepted[:, last] > far * (1 + 1e-12) * accepted[:, -1:]
    limit: Floats = np.where(too_many.any(axis=1), scores[np.argmax(too_many, axis=1)], -np.inf)
    return limit


def _dir_replicates(
    found: Searches, mated: NDArray[np.bool_], rivals: NDArray[np.bool_], far: float, drawn: NDArray[np.int32]
) -> Floats:
    values = np.empty(len(drawn))
    size = max(1, CHUNK // len(mated))
    for start in range(0, len(drawn), size):
        w = drawn[start : start + size][:, found.sitter].astype(np.float64)
        limit = _threshold(found.foremost_other[rivals], w[:, rivals], far)
        hit = (mated & (found.rank == 1))[None] & (found.own[None] > limit[:, None])
        with np.errstate(invalid="ignore", divide="ignore"):
            values[start : start + size] = (w * hit).sum(axis=1) / (w @ mated)
    return values


def _curves(
    found: Searches, mated: NDArray[np.bool_], rivals: NDArray[np.bool_], sitters: int
) -> dict[str, dict[str, Column]]:
    """CMC, and DIR over FAR."""
    if not mated.any():
        return {}
    ranks = np.arange(1, min(CMC_RANKS, sitters) + 1)
    hits = np.bincount(found.rank[mated], minlength=len(ranks) + 1)[1 : len(ranks) + 1]
    curves: dict[str, dict[str, Column]] = {"cmc": {"rank": ranks, "rate": np.cumsum(hits) / mated.sum()}}
    if rivals.any():
        limits = np.unique(np.quantile(found.foremost_other[rivals], np.linspace(0, 1, 200), method="higher"))[::-1]
        first = found.own[mated & (found.rank == 1)]
        rates = np.array([[(found.foremost_other[rivals] >= t).mean(), (first >= t).sum()] for t in limits])
        curves["dir"] = {"far": rates[:, 0], "dir": rates[:, 1] / mated.sum(), "threshold": limits}
    return curves
