"""What helps on few portraits? Every trial, and an honest choice among them.

    python -m benchmarks.nested_portraits --portraits ../shared/data/portraits \\
        --weights ../shared/weights/mobilefacenet.pt > docs/portraits.md

A folder with `manifest.csv` (image, sitter) and MobileFaceNet's weights are the user's own. Frozen networks embed each
portrait once, and each of 400 painted photographs of other people. Sitters are dealt to folds; what a trial fits (a
mean, covariances, a cohort, a linear head) it fits on the other folds, and with `painted` on the painted photographs,
too.
Nested cross-validation: on these other folds alone, every trial is cross-validated once more, and the one with the
lowest EER is taken and judged on the fold that was left out. Folds may then have unlike scores, which cannot share a
threshold: they are brought to one scale by the scores of a fold's images with those of the other folds, who are
strangers. All pairs within a fold are compared. Figures are means over several deals. Intervals resample sitters, the
same for all trials.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.portrait_page import ALL, FOLDS, MEAN, SIMPLE, TOGETHER, Figures, page, shown
from benchmarks.portrait_trials import Rows, Scores, Trial, scored, trials
from benchmarks.portrait_vectors import Portraits, embedded
from pipeline.core.numbers import Floats
from pipeline.metrics.intervals import ScoredPairs, resample, verification_replicates
from pipeline.metrics.verification import eer, roc, tally, tar_at_far

FAR = 0.01
FAMILIES: dict[str, Callable[[Trial], bool]] = {
    "among all": lambda trial: True,
    "without a cohort": lambda trial: trial.cohort is None,
    "with a cohort": lambda trial: trial.cohort is not None,
    "with trained heads": lambda trial: trial.head is not None,
    "with painted photographs": lambda trial: trial.painted,
    SIMPLE: lambda trial: trial.plain,
}


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


def rank_1(parts: Sequence[tuple[Scores, Rows]], these: Portraits, pooling: str) -> float:
    """Return the share of portraits whose sitter comes first in their fold.

    A sitter is as similar as the best of the sitter's portraits, as their mean, or as their mean weighted by size.
    """
    sitter, hits = these.sitter, []
    for square, rows in parts:
        labels = sitter[rows]
        there = np.unique(labels)
        for probe in range(len(rows)):
            others = np.arange(len(rows)) != probe
            if not (others & (labels == labels[probe])).any():
                continue
            weights = these.size[rows] if pooling == "size" else np.ones(len(rows))
            pooled = [
                -np.inf
                if not (mine := others & (labels == s)).any()
                else square[probe, mine].max()
                if pooling == "best"
                else np.average(square[probe, mine], weights=weights[mine])
                for s in there
            ]
            hits.append(there[int(np.argmax(pooled))] == labels[probe])
    return float(np.mean(hits))


def error(pairs: ScoredPairs) -> float:
    """Return the equal error rate."""
    return eer(roc(tally(pairs.genuine, pairs.impostor)))[0]


def figures(
    deals: Sequence[Sequence[tuple[Scores, Rows]]], these: Portraits, drawn: NDArray[np.int32] | None
) -> Figures:
    """Return the means over the deals; without `drawn`, no replicates."""
    pairs = [pairs_of(parts, these.sitter, these.sitters) for parts in deals]
    curves = [roc(tally(one.genuine, one.impostor)) for one in pairs]
    return Figures(
        float(np.mean([eer(curve)[0] for curve in curves])),
        float(np.mean([tar_at_far(curve, FAR)[0] for curve in curves])),
        float(np.mean([rank_1(parts, these, "best") for parts in deals])),
        float(np.mean([rank_1(parts, these, "mean") for parts in deals])),
        float(np.mean([rank_1(parts, these, "size") for parts in deals])),
        np.mean([verification_replicates(one, [drawn], (FAR,))["eer"] for one in pairs], axis=0)
        if drawn is not None
        else np.empty(0, np.float32),
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
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        these = embedded(portraits, weights)
    every = trials()
    outer: list[list[list[tuple[Scores, Rows]]]] = [[[] for _ in range(given.deals)] for _ in every]
    families = {name: [n for n, trial in enumerate(every) if belongs(trial)] for name, belongs in FAMILIES.items()}
    nested: dict[str, list[list[tuple[Scores, Rows]]]] = {
        name: [[] for _ in range(given.deals)] for name in (*families, MEAN, ALL)
    }
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
                nested[name][deal].append((_one_scale(squares[best]), test))
            several = [_one_scale(squares[n]) for n in np.argsort(errors, kind="stable")]
            nested[MEAN][deal].append((np.mean(several[:TOGETHER], axis=0), test))
            nested[ALL][deal].append((np.mean(several, axis=0), test))
    drawn = resample(these.sitters, given.replicates, 1)
    rows = {trial.name: figures(own, these, None) for trial, own in zip(every, outer, strict=True)}
    for trial, own in zip(every, outer, strict=True):  # intervals take long
        if trial.name in shown(rows):
            rows[trial.name] = figures(own, these, drawn)
    choices = {name: figures(own, these, drawn) for name, own in nested.items()}
    print(page(rows, choices, taken, these, given.deals))


def _one_scale(scores: tuple[Scores, Scores]) -> Scores:
    """Return scores in units of those with strangers."""
    square, strangers = scores
    found: Scores = (square - strangers.mean()) / strangers.std()
    return found


if __name__ == "__main__":
    main()
