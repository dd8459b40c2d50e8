"""Identification: who of the gallery is on the probe? (ISO/IEC 19795-1; CMC, and open-set rates as in FRVT 1:N.)"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.core.errors import SitterError
from pipeline.metrics.failures import WithFailures, mates, with_failures
from pipeline.metrics.intervals import draws
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Column, Context, Ints, Result, Scalar, Scored, at, rounded
from pipeline.metrics.search_rates import Rate, Searches, dir_rate, rank_rate, replicates
from pipeline.metrics.templates import pooled
from pipeline.metrics.verification import reversed_by, support
from pipeline.params.metrics.identification import IdentificationOptions

# Scores held at once.
CELLS = 8_000_000
CMC_RANKS = 100


def identification(context: Context, options: IdentificationOptions) -> Result:
    """Search each test image of a data set in a gallery, or, leave-one-out, among the other images of its data set.

    A sitter's score is that of its best gallery image (cosine); images of the probe's own origin photograph are left
    out. Equal scores count against the probe. Closed set: the share of probes with their sitter at rank k or better,
    of those whose sitter is in the gallery. Open set: each probe is also searched with its own sitter struck from the
    gallery; FAR (FPIR) is the share of such searches whose best score reaches the threshold, DIR the share of probes
    whose own sitter is first and reaches it. Intervals are for other sitters as probes and in
    the gallery (see `search_rates`).
    """
    context = pooled(context, options)
    pairing = Pairing(
        context.embedded(options.probe, "test"),
        context.embedded(options.other, "test") if options.other else None,
        options.within_folds,
    )
    found = searches(pairing, sorted(set(options.ranks)))
    mated, rivals = found.rank > 0, np.isfinite(found.foremost_other)
    nobody = "no probe's sitter has another image in the gallery"
    scalars: dict[str, Scalar] = {}
    drawn: dict[str, Rate] = {}
    for k in sorted(set(options.ranks)):
        hit = mated & (found.rank <= k)
        value = float(hit[mated].mean()) if mated.any() else None
        scalars[f"rank-{k}"] = Scalar(value, "" if mated.any() else nobody, percent=True, better="higher")
        if mated.any():
            drawn[f"rank-{k}"] = rank_rate(found, mated, k)
    for far in context.far:
        enough, note = support(int(rivals.sum()), far, "searches without a mate")
        if not mated.any() or not enough:
            scalars[at("dir", far)] = Scalar(None, note if mated.any() else nobody, percent=True, better="higher")
            continue
        drawn[at("dir", far)] = dir_rate(found, mated, rivals, far)
        scalars[at("dir", far)] = Scalar(drawn[at("dir", far)].value(), note, percent=True, better="higher")
    for name, values in replicates(drawn, _draws(context, found)).items():
        scalars[name] = replace(scalars[name], replicates=values, effective=drawn[name].effective, share=True)
    scalars |= _with_failures(context, options, pairing, found)
    scalars |= {
        "probes": Scalar(len(mated)),
        "mated": Scalar(int(mated.sum())),
        "gallery": Scalar(len(pairing.columns)),
        "gallery_sitters": Scalar(len(set(pairing.columns.sitters))),
        "excluded": Scalar(len(pairing.excluded[0])),
    }
    doubt = _reversed(found, mated, len(set(pairing.columns.sitters))) if isinstance(pairing.probe, Scored) else ""
    return Result(scalars, found.probe_units, _curves(found, mated, rivals, len(pairing.sitters)), reversed=doubt)


def _draws(context: Context, found: Searches) -> Iterator[NDArray[np.int32]]:
    further = found.units - found.probe_units
    return draws(found.probe_units, context.replicates, context.seed, further)


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
    every = _every_search(failed, found)
    mated = mates(failed.every) > 0
    if not mated.any():
        return failed.rates()
    rates = {f"fnir-rank-{k}": rank_rate(every, mated, k) for k in sorted(set(options.ranks))}
    searched = np.append(np.isfinite(found.foremost_other), np.ones(len(failed.probes), bool))
    notes = {}
    for far in context.far:
        enough, notes[at("fnir", far)] = support(int(searched.sum()), far, "searches without a mate")
        if enough:
            rates[at("fnir", far)] = dir_rate(every, mated, searched, far)
    values = replicates(rates, _draws(context, every))
    return failed.rates() | {
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


def _every_search(failed: WithFailures, found: Searches) -> Searches:
    """Return the searches with those of failed probes, which return nobody, as the last; units are numbered anew."""
    from scipy.sparse import coo_array

    unit_of, probe_units = units(failed.every)
    number = {name: n for n, name in enumerate(failed.every.sitters)}
    # From a unit of the searches to one of all searches.
    own, _ = units(failed.own)
    there = np.array([unit_of[number[name]] for name in failed.own.sitters], dtype=np.int64)[np.argsort(own)]
    more, total = len(failed.probes), len(failed.every.sitters)

    enrolled = np.zeros(total, bool)
    enrolled[there] = found.enrolled
    ahead = {k: counts.tocoo() for k, counts in found.ahead.items()}

    nobody = np.full(more, -np.inf)
    return Searches(
        total,
        probe_units,
        enrolled,
        unit_of[failed.every.numbers[0]],
        np.append(found.rank, np.zeros(more, np.int64)),
        np.append(found.own, nobody),
        np.append(found.foremost_other, nobody),
        np.append(np.where(found.foremost < 0, -1, there[found.foremost]), np.full(more, -1)),
        np.append(found.second_other, nobody),
        {k: coo_array((c.data, (there[c.row], there[c.col])), shape=(total, total)).tocsr() for k, c in ahead.items()},
    )


def _reversed(found: Searches, mated: NDArray[np.bool_], sitters: int) -> str:
    """Return a sentence where the probes' own sitters come last among the gallery's rather than first."""
    if not mated.any() or sitters < 2:
        return ""
    ahead = float(((found.rank[mated] - 1) / (sitters - 1)).mean())  # share of the other sitters: by chance one half
    units = len(np.unique(found.sitter[mated]))
    return reversed_by(1 - ahead, int(mated.sum()), int(mated.sum()) * (sitters - 1), units)


def units(pairing: Pairing) -> tuple[Ints, int]:
    """Return the unit of each sitter number of a pairing, the probes' sitters first, and how many these are."""
    probing = np.zeros(len(pairing.sitters), bool)
    probing[pairing.numbers[0]] = True
    order = np.argsort(~probing, kind="stable")
    found = np.empty(len(order), np.int64)
    found[order] = np.arange(len(order))
    return found, int(probing.sum())


def searches(pairing: Pairing, ranks: Sequence[int] = ()) -> Searches:
    """Search each probe, in blocks of probes.

    Args:
        pairing: of the probes and the gallery.
        ranks: at which it is counted who is ahead of whom.

    Raises:
        SitterError: the gallery, or the set of probes, is empty.
    """
    if not len(pairing.probe) or not len(pairing.columns):
        raise SitterError(f"{pairing.probe.dataset}: identification needs probes and a gallery, but there is none.")
    from scipy.sparse import coo_array

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
    own, other, second = np.empty(probes), np.empty(probes), np.full(probes, -np.inf)
    rank, foremost = np.zeros(probes, dtype=np.int64), np.full(probes, -1)
    unit_of, probe_units = units(pairing)
    total = len(unit_of)
    ahead = {k: coo_array((total, total), dtype=np.int64).tocsr() for k in ranks}
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
        before, found = best >= own[rows, None], np.isfinite(own[rows])
        rank[rows] = np.where(found, 1 + before.sum(axis=1), 0)
        for k in ranks:
            i, j = np.nonzero(before & (rank[rows] == k + 1)[:, None])
            cells = unit_of[number_p[rows][i]], unit_of[present[j]]
            ahead[k] = ahead[k] + coo_array((np.ones(len(i), np.int64), cells), shape=(total, total)).tocsr()
        foremost[rows] = best.argmax(axis=1)
        other[rows] = best[at_row, foremost[rows]]
        best[at_row, foremost[rows]] = -np.inf
        second[rows] = best.max(axis=1)
    enrolled = np.zeros(total, bool)
    enrolled[unit_of[present]] = True
    foremost = np.where(np.isfinite(other), unit_of[present[foremost]], -1)
    return Searches(total, probe_units, enrolled, unit_of[number_p], rank, own, other, foremost, second, ahead)


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
