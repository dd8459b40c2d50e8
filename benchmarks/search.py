"""How fast is one face searched in a million? Our two searches against a plain copy of the gallery, and faiss.

    python -m benchmarks.search
    python -m benchmarks.search --images 100000 --probes 64

copy      the gallery's vectors, by one thread and more; the best counts, with the bytes that it reads and writes
nearest   the search of the benchmark `identification` (`pipeline.metrics.nearest`), exact in double precision
identify  the search of `sitter identify`: each sitter's score, from vectors that are kept in double precision
faiss     `IndexFlatIP`, exact in single precision; it searches for a single probe with one thread

The ways take turns, and the best of the rounds counts. Printed is how fast the gallery's vectors are read for a single
probe, in GB/s and as a share of the copy's; for many probes, searches per second; and whether the candidates are those
of a plain product in double precision, of equals the first.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.answering.recogniser import Prints, matrix
from pipeline.core.numbers import Ints, rounded, unit
from pipeline.core.parallel import cores
from pipeline.identification.search import Portrait, arranged, search
from pipeline.metrics.nearest import SearchGallery, nearest

CANDIDATES = 10
SLICE = 50_000
NOISE = 1.5
Vectors = NDArray[np.float32]


def simulated(images: int, dimension: int, probes: int, seed: int = 1) -> tuple[Vectors, Vectors]:
    """Vectors of a gallery, one of each sitter, and of probes that show some of these sitters."""
    rng = np.random.default_rng(seed)
    gallery = np.empty((images, dimension), np.float32)
    for start in range(0, images, SLICE):
        rng.standard_normal(out=gallery[start : start + SLICE], dtype=np.float32)
    shown = gallery[rng.integers(0, images, probes)]
    return gallery, (shown + NOISE * rng.standard_normal(shown.shape)).astype(np.float32)


def plainly(gallery: Vectors, probes: Vectors) -> Ints:
    """Return the places [p, CANDIDATES] that a product in double precision and a stable sort give."""
    scores = np.empty((len(probes), len(gallery)))
    for start in range(0, len(gallery), SLICE):
        scores[:, start : start + SLICE] = rounded(unit(probes) @ unit(gallery[start : start + SLICE]).T)
    return np.argsort(-scores, axis=1, kind="stable")[:, :CANDIDATES]


def copies(source: Vectors) -> dict[int, Callable[[], object]]:
    """Return what copies the gallery, by the number of threads."""
    target = np.empty_like(source)
    ways: dict[int, Callable[[], object]] = {}
    for threads in range(1, cores() + 1):
        parts = [slice(len(source) * n // threads, len(source) * (n + 1) // threads) for n in range(threads)]
        pool = ThreadPoolExecutor(threads)
        ways[threads] = lambda pool=pool, parts=parts: list(  # type: ignore[misc]
            pool.map(lambda part: np.copyto(target[part], source[part]), parts)
        )
    return ways


def identifying(gallery: Vectors) -> Callable[[Vectors], Ints]:
    """Return the search of `sitter identify` in a gallery that has been opened: it gives the likest sitter."""
    units = np.empty(gallery.shape)
    for start in range(0, len(gallery), SLICE):
        units[start : start + SLICE] = unit(gallery[start : start + SLICE])
    opened = Prints(units)
    within = arranged([Portrait("known", str(n), f"{n:09}", f"known:{n}") for n in range(len(gallery))])

    def run(probes: Vectors) -> Ints:
        asked = [Portrait("asked", str(n), "", f"asked:{n}") for n in range(len(probes))]
        theirs = Prints(unit(probes))
        found = search(asked, within, lambda *_: matrix(theirs, opened), "best", apart=False)
        likest: Ints = found.scores.argmax(axis=1)[:, None]
        return likest

    return run


def faiss_search(gallery: Vectors) -> Callable[[Vectors], Ints] | None:
    """Return the search of faiss; None where it is not installed."""
    if importlib.util.find_spec("faiss") is None:
        return None
    import faiss

    index: Any = faiss.IndexFlatIP(gallery.shape[1])
    for start in range(0, len(gallery), SLICE):
        index.add(unit(gallery[start : start + SLICE]).astype(np.float32))

    def run(probes: Vectors) -> Ints:
        return np.asarray(index.search(unit(probes).astype(np.float32), CANDIDATES)[1])

    return run


def best_of(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the least time of each way in seconds; the ways take turns, after a round that does not count."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(1 + rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    return {name: min(each[1:]) for name, each in times.items()}


def main(arguments: Sequence[str] | None = None) -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--images", type=int, default=1_000_000)
    options.add_argument("--dimension", type=int, default=512)
    options.add_argument("--probes", type=int, default=64)
    options.add_argument("--rounds", type=int, default=10)
    given = options.parse_args(arguments)
    vectors, probes = simulated(given.images, given.dimension, given.probes)
    size = vectors.nbytes / 1e9
    print(f"{given.images:,} vectors of {given.dimension}, {size:.2f} GB, {cores()} cores, {CANDIDATES} candidates")

    expected = plainly(vectors, probes[:4])
    gallery = SearchGallery(vectors)
    searches: dict[str, Callable[[Vectors], Ints]] = {
        "nearest": lambda some: nearest(gallery, some, CANDIDATES).sitters,
        "identify": identifying(vectors),
    }
    faiss = faiss_search(vectors)
    if faiss is None:
        print("faiss: not installed, and so left out (pip install faiss-cpu)")
    else:
        searches["faiss"] = faiss

    single = {f"copy by {threads} threads": way for threads, way in copies(vectors).items()}
    single |= {name: partial(way, probes[:1]) for name, way in searches.items()}
    times = best_of(single, given.rounds)
    copied = max(2 * size / seconds for name, seconds in times.items() if name.startswith("copy"))
    for name, seconds in times.items():
        if name.startswith("copy"):
            print(f"{name}: {2 * size / seconds:.1f} GB/s read and written")
            continue
        read = size * (2 if name == "identify" else 1) / seconds
        same = searches[name](probes[:4]) == expected[:, : 1 if name == "identify" else CANDIDATES]
        print(
            f"{name}, 1 probe: {1e3 * seconds:.1f} ms, {read:.1f} GB/s, {read / copied:.2f} of the copy; "
            f"{same.mean():.0%} of the candidates are those of double precision"
        )
    many = {name: partial(way, probes) for name, way in searches.items() if name != "identify"}
    for name, seconds in best_of(many, max(1, given.rounds // 3)).items():
        flops = 2 * probes.size * len(vectors) / seconds
        print(f"{name}, {len(probes)} probes: {len(probes) / seconds:.1f} searches/s, {flops / 1e9:.1f} GFLOP/s")


if __name__ == "__main__":
    main()
