"""Centres of sitters on the unit sphere, and the nearest one to an image; in blocks, for millions of images and
hundreds of thousands of sitters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.core.layout import Layout
from pipeline.core.numbers import Floats, Ints, unit
from pipeline.store.embeddings import check_complete, open_embeddings

BLOCK = 1024


def in_blocks(rows: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the rows of a matrix, 1024 at a time."""
    return (rows[start : start + BLOCK] for start in range(0, len(rows), BLOCK))


def mean_embeddings(vectors: Iterable[NDArray[Any]], sitters: Sequence[str]) -> tuple[list[str], Floats]:
    """Return the mean of each sitter's unit embeddings, scaled to length 1.

    Args:
        vectors: blocks [b, d] with n rows in total, finite and not zero.
        sitters: n names; "": no sitter, the image is left out.

    Returns:
        The names, sorted, and float64 [sitters, d].
    """
    names, number = np.unique(np.asarray(sitters, dtype=str), return_inverse=True)
    sums, done = np.zeros((len(names), 0)), 0
    for block in vectors:
        own = number[done : done + len(block)]
        order = np.argsort(own, kind="stable")
        first = np.flatnonzero(np.diff(own[order], prepend=-1))
        if not done:
            sums = np.zeros((len(names), block.shape[1]))
        sums[own[order][first]] += np.add.reduceat(unit(block)[order], first, axis=0)
        done += len(block)
    known = slice(1 if len(names) and names[0] == "" else 0, None)
    return [str(name) for name in names[known]], unit(sums[known])


def sitter_means(model: str, sitters: Mapping[str, Mapping[str, str]], at: Layout) -> tuple[list[str], Floats]:
    """Return the sitters' means, as `mean_embeddings` does, for images of data sets; embeddings are read in blocks.

    Args:
        model: the model with these embeddings.
        sitters: sitters by data set and image id; other images of the data sets are ignored.
        at: the project with the embeddings.

    Raises:
        SitterError: there is no table of embeddings, or it lacks an image or has one twice.
    """
    blocks: list[Iterator[Any]] = []
    labels: list[str] = []
    for dataset, of in sitters.items():
        image_ids, parts = open_embeddings(model, dataset, at)
        check_complete(model, dataset, of, image_ids, at)
        labels += [of.get(image_id, "") for image_id in image_ids]
        blocks.append(sum(block[1:], start=block[0]) for block in zip(*map(in_blocks, parts), strict=True))
    return mean_embeddings(chain.from_iterable(blocks), labels)


def nearest(x: NDArray[Any], centres: Iterable[NDArray[Any]]) -> tuple[Floats, Ints]:
    """Return the cosine [n] of each row with its nearest centre, and the number of this centre (the first of equals).

    Args:
        x: unit rows [n, d], float32 or float64.
        centres: blocks of unit rows [k, d], at least one.
    """
    best, which, before = np.full(len(x), -np.inf), np.zeros(len(x), dtype=np.int64), 0
    for block in centres:
        for r in range(0, len(x), BLOCK):
            rows = slice(r, r + BLOCK)
            cosine = x[rows] @ block.T
            at = cosine.argmax(axis=1)
            highest = cosine[np.arange(len(at)), at]
            nearer = highest > best[rows]
            best[rows][nearer], which[rows][nearer] = highest[nearer], at[nearer] + before
        before += len(block)
    return best, which


def learned(file: Path) -> Iterator[NDArray[np.float32]]:
    """Yield the class centres in a model's `centres.safetensors`, scaled to length 1, float32 [≤ 1024, d] at a time.

    If a sitter has several centres, or a sum of losses has several sets of them, all are yielded one after the other.
    """
    from safetensors import safe_open

    with safe_open(file, framework="np") as stored:
        for name in stored.keys():  # noqa: SIM118  (it is no mapping)
            part = stored.get_slice(name)
            n = part.get_shape()[0]
            for start in range(0, n, BLOCK):
                rows = part[start : min(start + BLOCK, n)]
                yield unit(rows.reshape(-1, rows.shape[-1])).astype(np.float32)
