"""Are intervals and paired tests of identification right, for new sitters as probes and in the gallery?

    python -m benchmarks.identification_test --trials 1000

Two models of equal quality search the same simulated sitters, leave-one-out. The output says how often the paired test
rejects the true null hypothesis at 0.05, and how often the 95 % interval of rank-1 contains the value for sitters of
the same sort, which comes from many further trials.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np

from pipeline.metrics.comparisons import LEAST_EFFECTIVE, ReplicatedScalar, differences
from pipeline.metrics.identification import identification
from pipeline.metrics.intervals import share_interval
from pipeline.metrics.result import Context, Embedded, PairList, Result
from pipeline.params.metrics.identification import IdentificationOptions

FAR = 0.01
NOISE = 0.9
FIGURES = ("rank-1", f"dir@{FAR}")
OPTIONS = IdentificationOptions(probe="simulated", ranks=(1,))


def judged(rng: np.random.Generator, sitters: int, images: int, noise: float, replicates: int) -> list[Result]:
    """Return the results of two equally good models on the same images; half of the noise is common to both.

    Each model also sees the sitters in its own way, so that the two models confuse different sitters.
    """
    centres = rng.normal(size=(sitters, 1, 16))
    shared = rng.normal(size=(sitters, images, 16))
    names = [f"s{s}" for s in range(sitters) for _ in range(images)]
    ids = [f"{name}/{n}" for n, name in enumerate(names)]
    found = []
    for _ in range(2):
        own = rng.normal(size=shared.shape)
        vectors = centres + 0.7 * rng.normal(size=centres.shape) + noise * (shared + own) / np.sqrt(2)
        table = Embedded("simulated", ids, names, ids, vectors.reshape(-1, 16).astype(np.float32))
        found.append(identification(_only(table, replicates), OPTIONS))
    return found


def _only(table: Embedded, replicates: int) -> Context:
    def pairs(dataset: str) -> PairList:
        raise AssertionError(dataset)

    return Context(lambda dataset, subset: table, pairs, (FAR,), replicates, seed=0)


def _measured(result: Result, figure: str) -> ReplicatedScalar:
    scalar = result.scalars[figure]
    if scalar.value is None or scalar.replicates is None:
        raise SystemExit(f"{result.units} sitters are too few for {figure}: {scalar.note}")
    return ReplicatedScalar(float(scalar.value), scalar.replicates, scalar.effective)


def rejections(trials: int, sitters: int, images: int, noise: float, replicates: int = 300) -> dict[str, float]:
    """Return how often the paired test rejects the true null hypothesis at 0.05, by figure."""
    found = dict.fromkeys(FIGURES, 0)
    for trial in range(trials):
        models = judged(np.random.default_rng([trial, sitters, images]), sitters, images, noise, replicates)
        for figure in FIGURES:
            both = {name: _measured(model, figure) for name, model in zip("ab", models, strict=True)}
            found[figure] += any(d.p < 0.05 for d in differences({figure: both}, [("a", "b")], 0.95, sitters))
    return {figure: count / trials for figure, count in found.items()}


def coverage(
    trials: int, sitters: int, images: int, noise: float, figures: Sequence[str], replicates: int = 300
) -> dict[str, tuple[float, float]]:
    """Return how often the interval contains the mean over all trials, and this mean, by figure."""
    every = [
        {figure: _measured(model, figure) for figure in figures}
        for trial in range(trials)
        for model in judged(np.random.default_rng([trial, sitters, 1]), sitters, images, noise, replicates)
    ]
    found = {}
    for figure in figures:
        mean = float(np.mean([one[figure].value for one in every]))
        ends = [
            share_interval(m.value, m.replicates, 0.95, min(sitters, m.effective or sitters), LEAST_EFFECTIVE)
            for m in (one[figure] for one in every)
        ]
        found[figure] = float(np.mean([e is not None and e[0] <= mean <= e[1] for e in ends])), mean
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--trials", type=int, default=1000)
    given = options.parse_args(arguments)
    for sitters, images in ((100, 4), (100, 10)):
        for figure, share in rejections(given.trials, sitters, images, NOISE).items():
            print(f"{sitters} sitters, {images} images: the test of {figure} rejects {share:.3f}", flush=True)
    for sitters, images, figures in ((20, 4, FIGURES[:1]), (100, 4, FIGURES)):
        for figure, (share, value) in coverage(given.trials, sitters, images, NOISE, figures).items():
            print(
                f"{sitters} sitters, {images} images: intervals of {figure} hold {value:.3f} in {share:.3f}", flush=True
            )


if __name__ == "__main__":
    main()
