"""Identification: who of the gallery is on the probe? (ISO/IEC 19795-1; CMC, and open-set rates as in FRVT 1:N.)"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from pipeline.metrics.failures import WithFailures, mates, with_failures
from pipeline.metrics.intervals import draws
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Context, Result, Scalar, Scored
from pipeline.metrics.search_rates import Rate, SearchOutcomes, dir_rate, rank_rate, replicates, threshold
from pipeline.metrics.searching import searches, units
from pipeline.metrics.templates import sides
from pipeline.metrics.verification import reversed_by, support
from pipeline.params.metrics.identification import IdentificationOptions
from pipeline.store.curves import CmcCurve, Curve, DirCurve
from pipeline.store.figure_names import (
    DIR,
    FNIR,
    FNIR_THRESHOLD,
    GALLERY,
    GALLERY_SITTERS,
    MATED,
    PROBES,
    THRESHOLD,
    UNMATED,
    at,
    missed,
    rank,
)

logger = logging.getLogger(__name__)

CMC_RANKS = 100


def identification(context: Context, options: IdentificationOptions) -> Result:
    """Search each test image of a data set in a gallery, or, leave-one-out, among the other images of its data set.

    A sitter's score is the score of its best gallery image (cosine); images with the probe's own origin photograph are
    left out. Equal scores count against the probe.

    Closed set: of the probes with their sitter in the gallery, the share with their sitter at rank k or better. A rank
    counts sitters or, with `rank_by: images`, images of other sitters.

    Open set: each probe is also searched with its own sitter removed from the gallery. FAR (FPIR) is the share of these
    searches in which the best score reaches the threshold (`threshold@0.01`); with `open_set: absent`, of the searches
    for somebody who is not in the gallery. DIR is the share of probes with their own sitter first and at the threshold
    or above.

    Intervals are for other sitters, both as probes and in the gallery (see `search_rates`).
    """
    of_probes, of_gallery = sides(context, options)
    pairing = Pairing(
        of_probes.embedded(options.probe, "test"),
        of_gallery.embedded(options.searched, "test") if options.searched else None,
        options.within_folds,
    )
    by_image = options.rank_by == "images"
    started = perf_counter()
    found = searches(pairing, sorted(set(options.ranks)), by_image)
    milliseconds = 1e3 * (perf_counter() - started) / len(pairing.probe)
    logger.info(
        f"{options.probe}: {len(pairing.probe):,} searches among {len(pairing.columns):,} images of "
        f"{len(set(pairing.columns.sitters)):,} sitters, {milliseconds:.3g} ms a search"
    )
    mated, rivals = found.rank > 0, np.isfinite(found.foremost_other)
    if options.open_set == "absent":
        rivals &= ~mated
    nobody = "no probe's sitter has another image in the gallery"
    scalars: dict[str, Scalar] = {}
    drawn: dict[str, Rate] = {}
    for k in sorted(set(options.ranks)):
        hit = mated & (found.position <= k)
        value = float(hit[mated].mean()) if mated.any() else None
        scalars[rank(k)] = Scalar(value, "" if mated.any() else nobody, percent=True, better="higher")
        if mated.any():
            drawn[rank(k)] = rank_rate(found, mated, k)
    for far in context.far:
        enough, note = support(int(rivals.sum()), far, "searches without a mate")
        if not mated.any() or not enough:
            scalars[at(DIR, far)] = Scalar(None, note if mated.any() else nobody, percent=True, better="higher")
            continue
        drawn[at(DIR, far)] = dir_rate(found, mated, rivals, far)
        scalars[at(DIR, far)] = Scalar(drawn[at(DIR, far)].value(), note, percent=True, better="higher")
        scalars[at(THRESHOLD, far)] = Scalar(_threshold(found, rivals, far))
    if by_image:
        scalars["map"] = _mean_precision(context, found, mated, nobody)
    for name, values in replicates(drawn, _draws(context, found)).items():
        scalars[name] = replace(scalars[name], replicates=values, effective=drawn[name].effective, share=True)
    failed = with_failures(of_probes, pairing, options.probe, options.searched, of_gallery)
    scalars |= _with_failures(context, options, failed, found)
    scalars |= {
        PROBES: Scalar(len(mated)),
        MATED: Scalar(int(mated.sum())),
        UNMATED: Scalar(int(rivals.sum())),
        GALLERY: Scalar(len(pairing.columns)),
        GALLERY_SITTERS: Scalar(len(set(pairing.columns.sitters))),
        "excluded": Scalar(len(pairing.excluded[0])),
    }
    doubt = _reversed(found, mated, len(set(pairing.columns.sitters))) if isinstance(pairing.probe, Scored) else ""
    return Result(
        scalars,
        found.probe_units,
        _curves(found, mated, rivals, len(pairing.columns) if by_image else len(pairing.sitters)),
        reversed=doubt,
    )


def _threshold(found: SearchOutcomes, rivals: NDArray[np.bool_], far: float) -> float | None:
    """Return the least score at which a search may name somebody, so that FPIR is at most `far`; None: any score."""
    exceeded = float(threshold(found.foremost_other[rivals], np.ones((1, int(rivals.sum()))), far)[0])
    return float(np.nextafter(exceeded, np.inf)) if np.isfinite(exceeded) else None


def _draws(context: Context, found: SearchOutcomes) -> Iterator[NDArray[np.int32]]:
    further = found.units - found.probe_units
    return draws(found.probe_units, context.replicates, context.seed, further)


def _with_failures(
    context: Context, options: IdentificationOptions, failed: WithFailures | None, found: SearchOutcomes
) -> dict[str, Scalar]:
    """Return FTA, FTE and, if images have failed, FNIR with misses: `fnir-rank-1`, … and `fnir@0.01`, …

    FNIR is the share of probes that do not return their sitter (at rank k or better; or first and above the threshold
    of an FPIR), among all probes that should. These include probes without a usable face, and probes of sitters who are
    missing from the gallery because none of their images there has a usable face. A probe without a face gives no false
    alarm.
    """
    if failed is None:
        return {}
    if not failed.count:
        return failed.rates()
    every = _every_search(failed, found)
    mated = mates(failed.every) > 0
    if not mated.any():
        return failed.rates()
    rates = {missed(rank(k)): rank_rate(every, mated, k) for k in sorted(set(options.ranks))}
    searched = np.append(np.isfinite(found.foremost_other), np.ones(len(failed.probes), bool))
    if options.open_set == "absent":
        searched &= ~mated
    notes, limits = {}, {}
    for far in context.far:
        enough, notes[at(FNIR, far)] = support(int(searched.sum()), far, "searches without a mate")
        if enough:
            rates[at(FNIR, far)] = dir_rate(every, mated, searched, far)
            limits[at(FNIR_THRESHOLD, far)] = Scalar(_threshold(every, searched, far), beside=True)
    values = replicates(rates, _draws(context, every))
    return (
        failed.rates()
        | {
            name: Scalar(
                1 - rate.value(),
                notes.get(name, ""),
                1 - values[name],
                percent=True,
                better="lower",
                beside=True,
                effective=rate.effective,
                share=True,
            )
            for name, rate in rates.items()
        }
        | limits
    )


def _every_search(failed: WithFailures, found: SearchOutcomes) -> SearchOutcomes:
    """Return the searches followed by the searches of failed probes, which return nobody; units are renumbered."""
    from scipy.sparse import coo_array

    unit_of, probe_units = units(failed.every)
    number = {name: n for n, name in enumerate(failed.every.sitters)}
    # Maps a unit of the searches to its unit in all searches.
    own, _ = units(failed.own)
    there = np.array([unit_of[number[name]] for name in failed.own.sitters], dtype=np.int64)[np.argsort(own)]
    more, total = len(failed.probes), len(failed.every.sitters)

    enrolled = np.zeros(total, bool)
    enrolled[there] = found.enrolled
    ahead = {k: counts.tocoo() for k, counts in found.ahead.items()}

    nobody = np.full(more, -np.inf)
    return SearchOutcomes(
        total,
        probe_units,
        enrolled,
        unit_of[failed.every.numbers[0]],
        np.append(found.rank, np.zeros(more, np.int64)),
        np.append(found.position, np.zeros(more, np.int64)),
        np.append(found.own, nobody),
        np.append(found.foremost_other, nobody),
        np.append(np.where(found.foremost < 0, -1, there[found.foremost]), np.full(more, -1)),
        np.append(found.second_other, nobody),
        {k: coo_array((c.data, (there[c.row], there[c.col])), shape=(total, total)).tocsr() for k, c in ahead.items()},
    )


def _reversed(found: SearchOutcomes, mated: NDArray[np.bool_], sitters: int) -> str:
    """Return a message if the probes' own sitters come last in the gallery rather than first; else ""."""
    if not mated.any() or sitters < 2:
        return ""
    ahead = float(((found.rank[mated] - 1) / (sitters - 1)).mean())  # share of the other sitters; one half by chance
    units = len(np.unique(found.sitter[mated]))
    return reversed_by(1 - ahead, int(mated.sum()), int(mated.sum()) * (sitters - 1), units)


def _mean_precision(context: Context, found: SearchOutcomes, mated: NDArray[np.bool_], nobody: str) -> Scalar:
    """Return the mean average precision; its interval is for other sitters as probes, in the same gallery."""
    if not mated.any():
        return Scalar(None, nobody, percent=True, better="higher")
    sums, counts = (
        np.bincount(found.sitter[mated], w[mated], minlength=found.units)
        for w in (found.precision, np.ones(len(mated)))
    )
    drawn = np.concatenate([(m @ sums) / np.maximum(m @ counts, 1) for m in _draws(context, found)])
    return Scalar(float(found.precision[mated].mean()), "", drawn, percent=True, better="higher")


def _curves(
    found: SearchOutcomes, mated: NDArray[np.bool_], rivals: NDArray[np.bool_], places: int
) -> tuple[Curve, ...]:
    """Return the CMC, and DIR as a function of FAR."""
    if not mated.any():
        return ()
    ranks = np.arange(1, min(CMC_RANKS, places) + 1)
    hits = np.bincount(found.position[mated], minlength=len(ranks) + 1)[1 : len(ranks) + 1]
    cmc = CmcCurve(ranks, np.cumsum(hits) / mated.sum())
    if not rivals.any():
        return (cmc,)
    limits = np.unique(np.quantile(found.foremost_other[rivals], np.linspace(0, 1, 200), method="higher"))[::-1]
    first = found.own[mated & (found.rank == 1)]
    rates = np.array([[(found.foremost_other[rivals] >= t).mean(), (first >= t).sum()] for t in limits])
    return cmc, DirCurve(rates[:, 0], rates[:, 1] / mated.sum(), limits)
