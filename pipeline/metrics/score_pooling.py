"""Templates compared image by image: the score of two templates from the scores of all pairs of their images.

The rules are known from the combination of classifiers (Kittler et al. 1998): the best score (max rule), the mean score
(sum rule), and the sum of the log-likelihood ratios (product rule), which assumes that the pairs are independent. They
are not, so this sum can rank pairs, but is no likelihood ratio before it is calibrated itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.core.numbers import Floats, Ints, rounded, unit
from pipeline.metrics import streaming
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Context, Embedded, Scored
from pipeline.metrics.verification import tally

# Number of scores of images in memory at once.
CELLS = 4_000_000
# If there are more pairs of validation images than this, they are counted in streams.
EXACT_PAIRS = 1_000_000


@dataclass(frozen=True)
class PoolingRule:
    """The rule that makes one score of the scores of two templates' images."""

    name: Literal["best-score", "mean-score", "likelihood"]
    llr: Callable[[Floats], Floats] | None = None
    """Maps scores [n] to natural log-likelihood ratios, for `likelihood`."""

    def pooled(self, scores: Floats, rows: Ints, columns: Ints) -> Floats:
        """Return the scores of templates.

        Args:
            scores: [n, m], scores of images; the images of a template stand side by side.
            rows, columns: place of the first image of each template, ascending from 0.
        """
        if self.llr is not None:
            scores = self.llr(scores.ravel()).reshape(scores.shape)
        reduce = np.maximum.reduceat if self.name == "best-score" else np.add.reduceat
        found: Floats = reduce(reduce(scores, columns, axis=1), rows, axis=0)
        if self.name != "mean-score":
            return found
        counts = (np.diff(np.append(starts, n)) for starts, n in zip((rows, columns), scores.shape, strict=True))
        return found / np.multiply.outer(*counts)


def likelihood_rule(context: Context, probe: str, gallery: str | None) -> PoolingRule:
    """Return the rule `likelihood`, calibrated on all pairs of the validation images.

    Args:
        context: the context of single images, before templates.
        probe, gallery: the data sets; `gallery` is None within one data set.

    Raises:
        SitterError: there are no validation sitters, or nothing to calibrate with.
    """
    probes = context.validation(probe)
    others = None if gallery is None else context.validation(gallery)
    against = probe if gallery is None else f"{probe} against {gallery}"
    lacking = f"pool: likelihood is calibrated on pairs of validation images, but {against}"
    if context.likelihood is None or probes is None or (gallery is not None and others is None):
        raise SitterError(f"{lacking} has none: give `split` a share `val`, or pool otherwise.")
    pairing = Pairing(probes, others)
    if pairing.size > EXACT_PAIRS and not isinstance(pairing.probe, Scored):
        counts = streaming.histograms(pairing, context.seed, examples=1).tally()
    else:
        rows, columns = pairing.pairs()
        scores = pairing.scorer()(slice(None))[rows, columns]
        same = pairing.numbers[0][rows] == pairing.numbers[1][columns]
        counts = tally(scores[same], scores[~same])
    if not counts.genuine.sum() or not counts.impostor.sum():
        raise SitterError(f"{lacking} has no genuine or no impostor ones: add validation sitters, or pool otherwise.")
    return PoolingRule("likelihood", context.likelihood(counts))


class PooledTemplates(Scored):
    """Templates with scores that are pooled from the scores of their images."""

    def __init__(
        self, named: Embedded, images: Embedded, places: Sequence[int], starts: Sequence[int] | Ints, rule: PoolingRule
    ) -> None:
        """Take the templates' images.

        Args:
            named: the templates, without vectors.
            images: their images (or media), with vectors or with scores of an outside system.
            places: places in `images` of the images of each template, one template after the other.
            starts: [templates], where the images of each template begin in `places`.
            rule: the rule that pools scores.
        """
        fields = (named.dataset, named.image_ids, named.sitters, named.origins, named.folds)
        source = images.source if isinstance(images, Scored) else f"the templates of {named.dataset}"
        super().__init__(*fields, self._known, self._known_pairs, source)
        of_each = {"places": np.asarray(places, np.int64), "starts": np.asarray(starts, np.int64)}
        values = {"images": images, **of_each, "rule": rule}
        for name, value in values.items():
            object.__setattr__(self, name, value)

    images: Embedded
    places: Ints
    starts: Ints
    rule: PoolingRule

    def _known(self, other: Embedded) -> Floats:
        return self._some(np.arange(len(self)), other)

    def _known_pairs(self, a: Ints, b: Ints) -> Floats:
        found = np.empty(len(a))
        order = np.argsort(a, kind="stable")
        templates, starts = np.unique(a[order], return_index=True)
        size, ends = max(1, CELLS // len(self)), np.append(starts, len(a))
        for first in range(0, len(templates), size):
            some = templates[first : first + size]
            mine = order[ends[first] : ends[first + len(some)]]
            found[mine] = self._some(some, self)[np.searchsorted(some, a[mine]), b[mine]]
        return found

    def _some(self, templates: Ints, other: Embedded) -> Floats:
        """Return the scores of some templates, ascending, with all others: [k, m]."""
        if not isinstance(other, PooledTemplates):
            raise TypeError("templates that are compared image by image can only be compared with such templates")
        ends = np.append(self.starts, len(self.places))
        score, found = self._score(other), np.empty((len(templates), len(other)))
        room, done = max(1, CELLS // len(other.places)), 0
        while done < len(templates):
            sizes = np.cumsum(ends[templates[done:] + 1] - ends[templates[done:]])
            part = templates[done : done + max(1, int(np.searchsorted(sizes, room, side="right")))]
            rows = np.concatenate([self.places[ends[t] : ends[t + 1]] for t in part])
            starts = np.concatenate([[0], np.cumsum(ends[part + 1] - ends[part])[:-1]])
            found[done : done + len(part)] = self.rule.pooled(score(rows), starts, other.starts)
            done += len(part)
        return found

    def _score(self, other: PooledTemplates) -> Callable[[Ints], Floats]:
        """Return a function from images [k] to their scores with all images of the other side, [k, places]."""
        if isinstance(self.images, Scored):
            given = self.images.known(other.images)
            return lambda rows: given[np.ix_(rows, other.places)]
        mine, others = self.images.vectors, unit(other.images.vectors[other.places])
        return lambda rows: rounded(unit(mine[rows]) @ others.T)
