"""What helps on few portraits, of all that can be had without training? Every trial, and an honest choice among them.

    python -m benchmarks.nested_portraits --portraits ../shared/data/portraits \\
        --weights ../shared/weights/mobilefacenet.pt > docs/portraits.md

A folder with `manifest.csv` (image, sitter) and MobileFaceNet's weights are the user's own. Frozen networks embed each
portrait once. Sitters are dealt to folds; what a trial fits (means, covariances, a cohort) it fits on the other folds.
Nested cross-validation: on these other folds alone, every trial is cross-validated once more, and the one with the
lowest EER is taken and judged on the fold that was left out. Folds may then have unlike scores, which cannot share a
threshold: they are brought to one scale by the scores of a fold's images with those of the other folds, who are
strangers. All pairs within a fold are compared. Figures are means over several deals. Intervals resample sitters, the
same for all trials.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.portrait_vectors import MEMBERS, Portraits, embedded
from pipeline.fusions.wccn import whitening
from pipeline.metrics.intervals import ScoredPairs, resample, verification_replicates
from pipeline.metrics.verification import eer, roc, tally, tar_at_far
from pipeline.scoring.score_norm import normalised
from pipeline.store.embeddings import Floats, normalise

Rows = NDArray[np.intp]
Scores = NDArray[np.float64]
FOLDS, FAR = 5, 0.01
SHRINK = (0.1, 0.3, 0.5, 0.7, 0.9)
COHORTS = (30, 100)
FAMILIES = {"among all": (False, True), "among cosines": (False,), "among those with a cohort": (True,)}
SETS = {"both": MEMBERS[:2], "features of both": MEMBERS[2:], "all four": MEMBERS}


@dataclass(frozen=True)
class Trial:
    """One way to make scores of the networks' vectors."""

    name: str
    members: tuple[str, ...]
    mirror: bool = True
    centre: bool = True
    shrink: float | None = None
    """Of within-class whitening; None: none."""
    cohort: int | None = None
    """Of score normalisation; None: none."""


def trials() -> list[Trial]:
    """Return all of them, single networks first."""
    found = []
    for member in MEMBERS:
        for mirror, centre in ((False, False), (True, False), (False, True), (True, True)):
            words = [member, *["mirrored"] * mirror, *["centred"] * centre]
            found.append(Trial(", ".join(words), (member,), mirror, centre))
        found += [Trial(f"{member}, mirrored, wccn {shrink}", (member,), shrink=shrink) for shrink in SHRINK]
    for name, members in SETS.items():
        found.append(Trial(f"{name}: concat, not centred", members, centre=False))
        fused = [Trial(f"{name}: concat", members)]
        fused += [Trial(f"{name}: wccn {shrink}", members, shrink=shrink) for shrink in SHRINK]
        found += fused
        for one in fused:
            found += [Trial(f"{one.name}, cohort {n}", members, shrink=one.shrink, cohort=n) for n in COHORTS]
    return found


def scored(these: Portraits, every: Sequence[Trial], fit: Rows, test: Rows) -> list[tuple[Scores, Scores]]:
    """Return the scores of all pairs of test images by each trial, which has fitted what it fits to other images.

    Beside them, their scores with these other images, all of whose sitters are strangers to them.
    """
    groups = [fit[these.sitter[fit] == s] for s in np.unique(these.sitter[fit])]
    groups = [group for group in groups if len(group) > 1]
    done: dict[tuple[Any, ...], Floats] = {}

    def part(member: str, trial: Trial) -> Floats:
        key = (member, trial.mirror, trial.centre, trial.shrink)
        if key not in done:
            raw = these.plain[member] + these.mirrored[member] if trial.mirror else these.plain[member]
            units = normalise(raw)
            if trial.centre:
                units = normalise(units - units[fit].mean(0))
            if trial.shrink is not None:
                units = normalise((units @ whitening(units, groups, trial.shrink)).astype(np.float32))
            done[key] = units
        return done[key]

    found = []
    for trial in every:
        units = normalise(np.concatenate([part(member, trial) for member in trial.members], axis=1))
        own, others = units[test], units[fit]
        found.append((_scores(own, own, others, trial), _scores(own, others, others, trial)))
    return found


def _scores(probes: Floats, gallery: Floats, cohort: Floats, trial: Trial) -> Scores:
    if trial.cohort is None:
        return probes.astype(np.float64) @ gallery.astype(np.float64).T
    return normalised(probes, gallery, cohort, trial.cohort)


def pairs_of(parts: Sequence[tuple[Scores, Rows]], sitter: NDArray[np.int32], sitters: int) -> ScoredPairs:
    """Return the pairs within each fold, of square scores and the images that they are of."""
    scores, one, other = [], [], []
    for square, rows in parts:
        i, j = np.triu_indices(len(rows), 1)
        scores.append(square[i, j])
        one.append(sitter[rows[i]])
        other.append(sitter[rows[j]])
    score, a, b = np.concatenate(scores), np.concatenate(one), np.concatenate(other)
    same = a == b
    return ScoredPairs(score[same], a[same], score[~same], a[~same], b[~same], sitters)


def rank_1(parts: Sequence[tuple[Scores, Rows]], sitter: NDArray[np.int32], pooling: str) -> float:
    """Return the share of portraits whose sitter comes first in their fold, by the best or the mean of a sitter's."""
    hits = []
    for square, rows in parts:
        labels = sitter[rows]
        there = np.unique(labels)
        for probe in range(len(rows)):
            others = np.arange(len(rows)) != probe
            if not (others & (labels == labels[probe])).any():
                continue
            pool = np.max if pooling == "best" else np.mean
            pooled = [pool(square[probe, mine]) if (mine := others & (labels == s)).any() else -np.inf for s in there]
            hits.append(there[int(np.argmax(pooled))] == labels[probe])
    return float(np.mean(hits))


def error(pairs: ScoredPairs) -> float:
    """Return the equal error rate."""
    return eer(roc(tally(pairs.genuine, pairs.impostor)))[0]


@dataclass(frozen=True)
class Figures:
    """One row of the table, over all deals."""

    eer: float
    tar: float
    best: float
    mean: float
    replicates: Floats
    """EER [replicates]."""


def figures(deals: Sequence[Sequence[tuple[Scores, Rows]]], these: Portraits, drawn: NDArray[np.int32]) -> Figures:
    """Return the means over the deals."""
    pairs = [pairs_of(parts, these.sitter, these.sitters) for parts in deals]
    curves = [roc(tally(one.genuine, one.impostor)) for one in pairs]
    return Figures(
        float(np.mean([eer(curve)[0] for curve in curves])),
        float(np.mean([tar_at_far(curve, FAR)[0] for curve in curves])),
        float(np.mean([rank_1(parts, these.sitter, "best") for parts in deals])),
        float(np.mean([rank_1(parts, these.sitter, "mean") for parts in deals])),
        np.mean([verification_replicates(one, [drawn], (FAR,))["eer"] for one in pairs], axis=0),
    )


def dealt(these: Portraits, seed: int) -> NDArray[np.int64]:
    """Return the fold of each image: sitters in a random order, dealt one by one."""
    order = np.random.default_rng(seed).permutation(these.sitters)
    fold = np.empty(these.sitters, np.int64)
    fold[order] = np.arange(these.sitters) % FOLDS
    return fold[these.sitter]


def inner_errors(these: Portraits, every: Sequence[Trial], fold: NDArray[np.int64], left_out: int) -> Floats:
    """Return the EER of each trial in a cross-validation of all folds but one."""
    parts: list[list[tuple[Scores, Rows]]] = [[] for _ in every]
    for inner in range(FOLDS):
        if inner != left_out:
            test = np.flatnonzero(fold == inner)
            fit = np.flatnonzero((fold != inner) & (fold != left_out))
            for own, (square, _) in zip(parts, scored(these, every, fit, test), strict=True):
                own.append((square, test))
    return np.array([error(pairs_of(own, these.sitter, these.sitters)) for own in parts])


def main() -> None:
    """Print the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portraits", type=Path, required=True)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--deals", type=int, default=3)
    parser.add_argument("--replicates", type=int, default=1000)
    given = parser.parse_args()
    torch.set_num_threads(1)
    portraits, weights = given.portraits.resolve(), given.weights.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        these = embedded(portraits, weights)
    every = trials()
    outer: list[list[list[tuple[Scores, Rows]]]] = [[[] for _ in range(given.deals)] for _ in every]
    families = {
        name: [n for n, trial in enumerate(every) if (trial.cohort is not None) in cohort]
        for name, cohort in FAMILIES.items()
    }
    nested: dict[str, list[list[tuple[Scores, Rows]]]] = {name: [[] for _ in range(given.deals)] for name in families}
    taken: dict[str, Counter[str]] = {name: Counter() for name in families}
    for deal in range(given.deals):
        fold = dealt(these, deal)
        for left_out in range(FOLDS):
            test, fit = np.flatnonzero(fold == left_out), np.flatnonzero(fold != left_out)
            squares = scored(these, every, fit, test)
            for own, (square, _) in zip(outer, squares, strict=True):
                own[deal].append((square, test))
            errors = inner_errors(these, every, fold, left_out)
            for name, members in families.items():
                best = min(members, key=lambda n: errors[n])
                taken[name][every[best].name] += 1
                square, strangers = squares[best]
                nested[name][deal].append(((square - strangers.mean()) / strangers.std(), test))
    drawn = resample(these.sitters, given.replicates, 1)
    rows = {trial.name: figures(own, these, drawn) for trial, own in zip(every, outer, strict=True)}
    choices = {name: figures(own, these, drawn) for name, own in nested.items()}
    print(page(rows, choices, taken, these, given.deals))


def page(
    rows: Mapping[str, Figures],
    choices: Mapping[str, Figures],
    taken: Mapping[str, Counter[str]],
    these: Portraits,
    deals: int,
) -> str:
    """Return the table of all trials as Markdown, the nested choices first."""
    frozen = min(MEMBERS, key=lambda name: rows[name].eer)
    base = rows[frozen]
    lines = [
        "# What helps on few portraits\n",
        f"{len(these.sitter)} paintings of {these.sitters} sitters, {FOLDS} folds, means over {deals} deals, %. "
        "Written by `python -m benchmarks.nested_portraits`, whose text says how. `wccn 0.5`: the fusion kind `wccn` "
        "with shrink 0.5, centred and mirrored; `cohort 30` is `score_norm: {cohort: 30}`. Rank-1 by the sitter's most "
        "similar portrait (best) and by the mean of the sitter's portraits (mean).\n",
        f"Against: EER less that of {frozen} as it is, with its 95 % interval over sitters.\n",
        "| trial | EER | interval | against | interval | TAR@1% | rank-1 best | rank-1 mean |",
        "|---|---|---|---|---|---|---|---|",
        *(_row(f"**nested choice, {name}**", row, base) for name, row in choices.items()),
        *(_row(name, row, base) for name, row in rows.items()),
        "",
        "The nested choices are the honest figures: what was taken has not seen the fold it is judged on. Their EER is "
        + " and ".join(f"{100 * (1 - row.eer / base.eer):.0f} % ({name})" for name, row in choices.items())
        + f" below that of {frozen}. The best row of the table was found by looking at it.",
        *(f"\nTaken {name}: {_times(counts)}." for name, counts in taken.items()),
    ]
    return "\n".join(lines)


def _times(counts: Counter[str]) -> str:
    return "; ".join(f"{name} ({times})" for name, times in counts.most_common())


def _row(name: str, row: Figures, base: Figures) -> str:
    def ends(values: Floats) -> str:
        return "{:.1f} to {:.1f}".format(*(100 * np.nanquantile(values, [0.025, 0.975])))

    cells = [name, f"{100 * row.eer:.1f}", ends(row.replicates)]
    cells += [f"{100 * (row.eer - base.eer):+.1f}", ends(row.replicates - base.replicates)]
    cells += [f"{100 * value:.1f}" for value in (row.tar, row.best, row.mean)]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
