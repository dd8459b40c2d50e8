"""Templates compared image by image: one score of two templates from those of all pairs of their images.

The rules are those by which classifiers are combined (Kittler et al. 1998): the best score (max rule), their mean (sum
rule), and the sum of their log-likelihood ratios (product rule), which takes the pairs for independent. They are not,
so that sum ranks, but is no likelihood ratio until it is calibrated in its turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.metrics import streaming
from pipeline.metrics.pairing import Pairing
from pipeline.metrics.result import Context, Embedded, Floats, Ints, Scored, rounded, unit
from pipeline.metrics.verification import tally

# Scores of images held at once.
CELLS = 4_000_000
# Pairs of validation images, beyond which they are counted in streams.
EXACT_PAIRS = 1_000_000


@dataclass(frozen=True)
class Rule:
    """How the scores of the images of two templates become one."""

    name: Literal["best-score", "mean-score", "likelihood"]
    llr: Callable[[Floats], Floats] | None = None
    """From scores [n] to natural log-likelihood ratios, for `likelihood`."""

    def pooled(self, scores: Floats, rows: Ints, columns: Ints) -> Floats:
        """Return the scores of templates.

        Args:
            scores: of images, [n, m]; those of a template stand side by side.
            rows, columns: the first image of each template, ascending from 0.
        """
        if self.llr is not None:
            scores = self.llr(scores.ravel()).reshape(scores.shape)
        reduce = np.maximum.reduceat if self.name == "best-score" else np.add.reduceat
        found: Floats = reduce(reduce(scores, columns, axis=1), rows, axis=0)
        if self.name != "mean-score":
            return found
        counts = (np.diff(np.append(starts, n)) for starts, n in zip((rows, columns), scores.shape, strict=True))
        return found / np.multiply.outer(*counts)


def likelihood_rule(context: Context, probe: str, gallery: str | None) -> Rule:
    """Return the rule `likelihood`, calibrated on all pairs of the validation images.

    Args:
        context: knows them; its own, before templates.
        probe, gallery: the data sets; `gallery` is None within one.

    Raises:
        SitterError: there are no validation sitters, or nothing to calibrate with.
    """
    probes = context.validation(probe)
    others = None if gallery is None else context.validation(gallery)
    against = probe if gallery is None else f"{probe} against {gallery}"
    lacking = f"pool: likelihood is calibrated on pairs of validation images, of which {against}"
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
    return Rule("likelihood", context.likelihood(counts))


class ByImage(Scored):
    """Templates whose scores are pooled from those of their images."""

    def __init__(
        self, named: Embedded, images: Embedded, places: Sequence[int], starts: Sequence[int] | Ints, rule: Rule
    ) -> None:
        """Take the templates' images.

        Args:
            named: the templates, without vectors.
            images: their images (or media), with vectors or with scores of an outside system.
            places: of the images of each template in turn among these.
            starts: [templates] where the images of each begin in `places`.
            rule: how scores are pooled.
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
    rule: Rule

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
        if not isinstance(other, ByImage):
            raise TypeError("templates that are compared image by image are compared with such only")
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

    def _score(self, other: ByImage) -> Callable[[Ints], Floats]:
        """Return what gives the scores of some images with all of the other side: from [k] to [k, places]."""
        if isinstance(self.images, Scored):
            given = self.images.known(other.images)
            return lambda rows: given[np.ix_(rows, other.places)]
        mine, others = self.images.vectors, unit(other.images.vectors[other.places])
        return lambda rows: rounded(unit(mine[rows]) @ others.T)
