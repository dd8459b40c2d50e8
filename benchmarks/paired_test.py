"""Does the paired test of two models keep its level, also if one sitter has most of the genuine pairs?

    python -m benchmarks.paired_test --trials 1000 --sitters 60

Two models of equal quality are evaluated on the same simulated sitters, who have partly the same effect on both. The
test is made at 0.05. The output says how often it rejects, with degrees of freedom by the number of sitters and by
their effective number: for equal sitters, and if one sitter has more than half of the genuine pairs.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from pipeline.core.numbers import Floats, Ints
from pipeline.metrics.comparisons import ReplicatedScalar, differences, effective
from pipeline.metrics.intervals import ScoredPairs, resample, verification_replicates
from pipeline.metrics.verification import d_prime, eer, roc, tally, tar_at_far

FAR = 0.01
METRICS = ("eer", "tar", "d_prime")


def images_of(sitters: int, dominant: bool) -> Ints:
    """Return the number of images of each sitter: 3, but one sitter may get enough for half of the genuine pairs."""
    images = np.full(sitters, 3)
    if dominant:
        images[0] = int(np.ceil(0.5 + np.sqrt(0.25 + 2 * 1.2 * 3 * (sitters - 1))))
    return images


def two_models(rng: np.random.Generator, images: Ints) -> list[ScoredPairs]:
    """Return the scores of two equally good models on the same images; half of the sitters' effects are shared."""
    sitter = np.repeat(np.arange(len(images)), images).astype(np.int32)
    i, j = np.triu_indices(len(sitter), 1)
    a, b = sitter[i], sitter[j]
    same = a == b
    shared = rng.normal(0, 0.5, (2, len(images)))
    common = rng.normal(0, 0.7, len(a))
    found = []
    for _ in range(2):
        own, other = shared + rng.normal(0, 0.5, (2, len(images)))
        score = np.where(same, 3 + own[a], 0.7 * (other[a] + other[b])) + common + rng.normal(0, 0.7, len(a))
        found.append(ScoredPairs(score[same], a[same], score[~same], a[~same], b[~same], len(images)))
    return found


def measured(pairs: ScoredPairs, drawn: Ints) -> dict[str, ReplicatedScalar]:
    """Return EER, TAR at FAR 1 % and d′ of one model with their replicates."""
    counts = tally(pairs.genuine, pairs.impostor)
    curve = roc(counts)
    values = {"eer": eer(curve)[0], "tar": tar_at_far(curve, FAR)[0], "d_prime": d_prime(counts)}
    replicates: dict[str, Floats] = verification_replicates(pairs, [drawn.astype(np.int32)], (FAR,))
    return {m: ReplicatedScalar(values[m], replicates[m][:, 0] if m == "tar" else replicates[m]) for m in METRICS}


def rejections(trials: int, sitters: int, dominant: bool, replicates: int = 200) -> dict[str, tuple[float, float]]:
    """Return how often the test rejects the true null at 0.05, by metric: with all, and with effective sitters."""
    images = images_of(sitters, dominant)
    count = effective(images * (images - 1) / 2)
    found = {m: np.zeros(2) for m in METRICS}
    for trial in range(trials):
        rng = np.random.default_rng([trial, sitters, dominant])
        drawn = resample(sitters, replicates, trial)
        models = [measured(pairs, drawn.astype(np.int64)) for pairs in two_models(rng, images)]
        for metric in METRICS:
            both = {metric: {name: model[metric] for name, model in zip("ab", models, strict=True)}}
            for n, units in enumerate((None, count)):
                found[metric][n] += any(d.p < 0.05 for d in differences(both, [("a", "b")], 0.95, sitters, units))
    return {m: (float(f[0] / trials), float(f[1] / trials)) for m, f in found.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=1000)
    options.add_argument("--sitters", type=int, default=60)
    given = options.parse_args(arguments)
    for dominant in (False, True):
        images = images_of(given.sitters, dominant)
        count = effective(images * (images - 1) / 2)
        print(
            f"{'one sitter owns most' if dominant else 'equal sitters'}: {given.sitters} sitters, effective {count:.1f}"
        )
        for metric, (by_all, by_effective) in rejections(given.trials, given.sitters, dominant).items():
            print(f"  {metric:8} rejects {by_all:.3f} by all sitters, {by_effective:.3f} by effective sitters")


if __name__ == "__main__":
    main()
