"""Embeddings of simulated sitters, and the context that a benchmark is handed."""

from __future__ import annotations

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats
from pipeline.metrics.centres import in_blocks, mean_embeddings
from pipeline.metrics.result import Context, Embedded, PairList, Subset


def embedded(
    dataset: str, sitters: int, images: int, seed: int, noise: float = 1.0, dimension: int = 16, origins: str = ""
) -> Embedded:
    """`images` images of each of `sitters` sitters; the sitters' means are the same for every seed.

    `origins` names the data set whose images of the same number these are renderings of.
    """
    centres = np.random.default_rng(7).normal(size=(sitters, dimension))
    spread = np.random.default_rng([seed, sitters]).normal(size=(sitters, images, dimension))
    vectors = (centres[:, None] + noise * spread).reshape(-1, dimension).astype(np.float32)
    names = [f"s{s}" for s in range(sitters) for _ in range(images)]
    ids = [f"s{s}/{i}" for s in range(sitters) for i in range(images)]
    if not origins:
        return Embedded(dataset, ids, names, [f"{dataset}:{i}" for i in ids], vectors)
    return Embedded(dataset, [f"{i}~0" for i in ids], names, [f"{origins}:{i}" for i in ids], vectors)


def context(
    *test: Embedded,
    train: tuple[Embedded, ...] = (),
    val: tuple[Embedded, ...] = (),
    pairs: PairList | None = None,
    far: tuple[float, ...] = (0.1, 0.01),
    replicates: int = 200,
    learned: Floats | None = None,
) -> Context:
    tables = {(e.dataset, "test"): e for e in test} | {(e.dataset, "train"): e for e in train}
    tables |= {(e.dataset, "val"): e for e in val}

    validation = {e.dataset: e for e in val}

    def listed(dataset: str) -> PairList:
        if pairs is None:
            raise SitterError(f"{dataset} has no pairs")
        return pairs

    def means(dataset: str, subset: Subset) -> Floats:
        known = tables[dataset, subset]
        return mean_embeddings(in_blocks(known.vectors), known.sitters)[1]

    return Context(
        lambda dataset, subset: tables[dataset, subset],
        listed,
        far,
        replicates,
        seed=3,
        means=means,
        validation=validation.get,
        learned=lambda: None if learned is None else in_blocks(learned),
    )
