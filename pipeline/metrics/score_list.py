"""List every pair of a benchmark with its score, for other programs."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Ints, rounded
from pipeline.formats.score_files import ScoreBlock
from pipeline.metrics.kfold import similarities
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Context, Embedded, Scored
from pipeline.metrics.template_pairs import compared
from pipeline.metrics.templates import sides
from pipeline.params.metrics.base import BenchmarkOptions, ComparisonOptions
from pipeline.params.metrics.kfold import KfoldOptions
from pipeline.params.metrics.template_pairs import TemplatePairsOptions

CELLS = 1_000_000


def every_pair(context: Context, options: BenchmarkOptions) -> Iterator[ScoreBlock]:
    """Yield the pairs that a benchmark counts, with their scores: cosines, or the scores of an outside system.

    `all-pairs` within one data set has each pair once; `identification` has each image as a probe against all others.

    Raises:
        SitterError: the benchmark compares no images.
    """
    if isinstance(options, KfoldOptions):
        listed = context.pairs(options.dataset)
        yield _block(listed.images, listed.images, listed.a, listed.b, similarities(listed))
        return
    if isinstance(options, TemplatePairsOptions):
        pairs = compared(context, options)
        yield _block(pairs.templates, pairs.templates, pairs.a[pairs.usable], pairs.b[pairs.usable], pairs.scores)
        return
    if not isinstance(options, ComparisonOptions):
        raise SitterError(f"a benchmark of kind {options.kind} compares no images: name another.")  # type: ignore[attr-defined]
    of_probes, of_gallery = sides(context, options)
    other = of_gallery.embedded(options.searched, "test") if options.searched else None
    pairing = Pairing(of_probes.embedded(options.probe, "test"), other, options.within_folds)
    both_ways = pairing.within and options.kind == "identification"  # type: ignore[attr-defined]
    scorer, m = pairing.scorer(), len(pairing.columns)
    i, j = pairing.excluded
    if both_ways:
        i, j = np.concatenate([i, j]), np.concatenate([j, i])
    size = max(1, CELLS // m)
    for start in range(0, len(pairing.probe), size):
        scores = scorer(slice(start, start + size))
        if not isinstance(pairing.probe, Scored):
            scores = rounded(scores)
        counts = np.ones(scores.shape, bool)
        here = (i >= start) & (i < start + len(scores))
        counts[i[here] - start, j[here]] = False
        rows, columns = np.nonzero(counts)
        rows = rows + start
        if pairing.within:
            keep = rows != columns if both_ways else rows < columns
            rows, columns = rows[keep], columns[keep]
        yield _block(pairing.probe, pairing.columns, rows, columns, scores[rows - start, columns])


def _block(probe: Embedded, gallery: Embedded, rows: Ints, columns: Ints, scores: Floats) -> ScoreBlock:
    two = gallery.dataset != probe.dataset

    def label(images: Embedded, place: int) -> str:
        return f"{images.dataset}:{images.image_ids[place]}" if two else images.image_ids[place]

    return ScoreBlock(
        [gallery.sitters[n] for n in columns],
        [label(gallery, n) for n in columns],
        [probe.sitters[n] for n in rows],
        [label(probe, n) for n in rows],
        scores,
    )
