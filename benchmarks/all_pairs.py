"""How fast are all pairs judged, and in how much memory? Streamed blocks against the full matrix and scikit-learn.

    python -m benchmarks.all_pairs --images 10000 --dimension 512
    python -m benchmarks.all_pairs --images 100000 --dimension 512 --only streamed

Each way runs in a process of its own, on the same simulated embeddings, and prints pairs per second, the peak of the
memory that it added to that of the embeddings, and EER and TAR at FAR 0.001 to show that both ways agree.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time

import numpy as np

from pipeline.metrics.result import Embedded
from pipeline.params.metrics.all_pairs import AllPairsOptions

FAR = 0.001


def embeddings(images: int, dimension: int, per_sitter: int = 20) -> Embedded:
    """Simulated embeddings, EER of some per cent."""
    rng = np.random.default_rng(1)
    sitters = -(-images // per_sitter)
    centres = rng.standard_normal((sitters, dimension), dtype=np.float32)
    number = np.arange(images) // per_sitter
    vectors = centres[number] + 1.8 * rng.standard_normal((images, dimension), dtype=np.float32)
    ids = [str(n) for n in range(images)]
    return Embedded("simulated", ids, [f"s{n}" for n in number], ids, vectors)


def streamed(data: Embedded) -> tuple[float, float]:
    """As the benchmark `all-pairs` does for large sets, its 1,000 bootstrap replicates included."""
    from pipeline.metrics import all_pairs as module
    from pipeline.metrics.result import Context

    module.EXACT_PAIRS = 0
    context = Context(lambda dataset, subset: data, lambda dataset: None, (FAR,), 1000, 1)  # type: ignore[arg-type,return-value]
    scalars = module.all_pairs(context, AllPairsOptions(probe="simulated")).scalars
    return float(scalars["eer"].value or 0), float(scalars[f"tar@{FAR}"].value or 0)


def matrix(data: Embedded) -> tuple[float, float]:
    """The full similarity matrix, its upper triangle, and scikit-learn's ROC; no intervals."""
    from sklearn.metrics import roc_curve
    from sklearn.preprocessing import normalize

    x = normalize(data.vectors)
    scores = x @ x.T
    i, j = np.triu_indices(len(x), 1)
    sitter = np.unique(data.sitters, return_inverse=True)[1]
    far, tar, _ = roc_curve(sitter[i] == sitter[j], scores[i, j])
    crossing = np.argmax(far + tar >= 1)
    return float((far[crossing] + 1 - tar[crossing]) / 2), float(tar[far <= FAR].max())


def measure(name: str, images: int, dimension: int) -> None:
    data = embeddings(images, dimension)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    eer, tar = {"streamed": streamed, "matrix": matrix}[name](data)
    seconds = time.perf_counter() - start
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    pairs = images * (images - 1) // 2
    print(
        f"{name:9}  {images:,} images  {pairs:,} pairs  {seconds:.1f} s  {pairs / seconds / 1e6:.1f} M pairs/s  "
        f"+{memory:,.0f} MiB  EER {100 * eer:.3f} %  TAR@{100 * FAR:g}% {100 * tar:.2f} %"
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=10_000)
    options.add_argument("--dimension", type=int, default=512)
    options.add_argument("--only", choices=["streamed", "matrix"])
    given = options.parse_args()
    for name in [given.only] if given.only else ["streamed", "matrix"]:
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(name, given.images, given.dimension)
        )
        process.start()
        process.join()


if __name__ == "__main__":
    main()
