"""How fast are all pairs evaluated, and in how much memory? Streamed blocks against the full matrix and scikit-learn.

    python -m benchmarks.all_pairs --images 10000 --dimension 512
    python -m benchmarks.all_pairs --images 5000 10000 20000 --only everything
    python -m benchmarks.all_pairs --images 100000 --dimension 512 --only streamed calibrated everything

`streamed` computes error rates with their intervals; `calibrated` adds validation sitters and calibration; `everything`
also adds failures, groups and error against discard. Each way runs in a process of its own, on the same simulated
embeddings. It prints pairs per second, the peak memory of the process and its part beyond the embeddings, and EER and
TAR at FAR 0.001 to show that all ways agree. With several numbers of images, the last line of each way compares the
added memory for the largest with the smallest number, beside the growth in images and pairs.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from dataclasses import replace
from functools import partial
from multiprocessing.connection import Connection

import numpy as np

from pipeline.metrics.result import Context, Embedded
from pipeline.params.metrics.all_pairs import AllPairsOptions

FAR = 0.001


def embeddings(images: int, dimension: int, per_sitter: int = 20, seed: int = 1) -> Embedded:
    """Return simulated embeddings with an EER of a few per cent."""
    rng = np.random.default_rng(seed)
    sitters = -(-images // per_sitter)
    centres = rng.standard_normal((sitters, dimension), dtype=np.float32)
    number = np.arange(images) // per_sitter
    vectors = centres[number] + 1.8 * rng.standard_normal((images, dimension), dtype=np.float32)
    ids = [str(n) for n in range(images)]
    return Embedded("simulated", ids, [f"s{n}" for n in number], ids, vectors)


def streamed(data: Embedded) -> tuple[float, float]:
    """Run the benchmark `all-pairs` as for large sets, with its 1,000 bootstrap replicates and nothing else."""
    return judged(data, _context(data), AllPairsOptions(probe="simulated", discard=()))


def calibrated(data: Embedded) -> tuple[float, float]:
    """Run it with thresholds and calibration from validation sitters, who have a tenth as many images."""
    return judged(data, _with_validation(data), AllPairsOptions(probe="simulated", discard=()))


def everything(data: Embedded) -> tuple[float, float]:
    """Run it also with failures counted, error against discard and twelve groups."""
    context = replace(
        _with_validation(data),
        failures=lambda dataset: replace(embeddings(len(data) // 100, 1), dataset=dataset),
        column=lambda dataset, name: {i: f"artist {int(i) // 20 % 12}" for i in data.image_ids},
    )
    options = AllPairsOptions(probe="simulated", discard=("norm",), groups=("artist",))
    return judged(data, context, options)


def judged(data: Embedded, context: Context, options: AllPairsOptions) -> tuple[float, float]:
    """Return EER and TAR of the streamed benchmark."""
    from pipeline.metrics import all_pairs as module

    module.EXACT_PAIRS = 0
    scalars = module.all_pairs(context, options).scalars
    return float(scalars["eer"].value or 0), float(scalars[f"tar@{FAR}"].value or 0)


def _context(data: Embedded) -> Context:
    return Context(lambda dataset, subset: data, lambda dataset: None, (FAR,), 1000, 1)  # type: ignore[arg-type,return-value]


def _with_validation(data: Embedded) -> Context:
    from pipeline.scoring.calibration.measure import calibrated as fitted

    validation = embeddings(max(200, len(data) // 10), data.vectors.shape[1], seed=2)
    calibrate = partial(fitted, method="logistic", seed=1)
    return replace(_context(data), validation=lambda dataset: validation, calibrate=calibrate)


def matrix(data: Embedded) -> tuple[float, float]:
    """Compute the full similarity matrix and scikit-learn's ROC of its upper triangle, without intervals."""
    from sklearn.metrics import roc_curve
    from sklearn.preprocessing import normalize

    x = normalize(data.vectors)
    scores = x @ x.T
    i, j = np.triu_indices(len(x), 1)
    sitter = np.unique(data.sitters, return_inverse=True)[1]
    far, tar, _ = roc_curve(sitter[i] == sitter[j], scores[i, j])
    crossing = np.argmax(far + tar >= 1)
    return float((far[crossing] + 1 - tar[crossing]) / 2), float(tar[far <= FAR].max())


WAYS = {"streamed": streamed, "calibrated": calibrated, "everything": everything, "matrix": matrix}


def measure(name: str, images: int, dimension: int, added: Connection) -> None:
    """Run one way, print its time and memory, and send the MiB that it added to the memory of the embeddings."""
    data = embeddings(images, dimension)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.perf_counter()
    eer, tar = WAYS[name](data)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    added.send(peak - before / 1024)
    pairs = images * (images - 1) // 2
    print(
        f"{name:10}  {images:,} images  {pairs:,} pairs  {seconds:.1f} s  {pairs / seconds / 1e6:.1f} M pairs/s  "
        f"peak {peak:,.0f} MiB, +{peak - before / 1024:,.0f}  EER {100 * eer:.3f} %  "
        f"TAR@{100 * FAR:g}% {100 * tar:.2f} %",
        flush=True,
    )


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, nargs="+", default=[10_000])
    options.add_argument("--dimension", type=int, default=512)
    options.add_argument("--only", choices=list(WAYS), nargs="+", default=["streamed", "matrix"])
    given = options.parse_args()
    for name in given.only:
        added = {}
        for images in sorted(given.images):
            here, there = multiprocessing.Pipe(duplex=False)
            process = multiprocessing.get_context("spawn").Process(
                target=measure, args=(name, images, given.dimension, there)
            )
            process.start()
            there.close()
            process.join()
            if process.exitcode:
                raise SystemExit(f"{name} of {images:,} images ended with {process.exitcode}")
            added[images] = float(here.recv())
        if len(added) > 1:
            least, most = min(added), max(added)
            print(
                f"{name:10}  {most / least:.1f} times the images, {(most / least) ** 2:.1f} times the pairs, "
                f"{added[most] / added[least]:.2f} times the memory that was added"
            )


if __name__ == "__main__":
    main()
