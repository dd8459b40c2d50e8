"""Likelihood ratios of single pairs: a calibration on all pairs of portraits with known sitters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.answering.portraits import learned, seen
from pipeline.answering.recogniser import Prints, Recogniser, scores
from pipeline.core.errors import SitterError, nearest
from pipeline.core.layout import Layout
from pipeline.core.numbers import Singles
from pipeline.identification.question import thinned
from pipeline.identification.search import Portrait
from pipeline.scoring.calibration.fit import Calibration, fit_scores
from pipeline.store.splits import UNIDENTIFIED, UNUSED

if TYPE_CHECKING:
    from pipeline.params import Study

MOST = 1000
"""At most this many portraits are used to calibrate; if there are more, some portraits of each sitter are taken."""
FEWEST_SITTERS = 5
"""With fewer sitters, a calibration would reflect these sitters more than the model."""


@dataclass(frozen=True)
class PairCalibration:
    """A calibration from the score of a pair to its likelihood ratio."""

    calibration: Calibration | None
    note: str
    """What the calibration was fitted on, or why there is none."""

    def record(self) -> dict[str, Any]:
        """Return the calibration as plain values; there has to be one."""
        assert self.calibration is not None
        return {
            "note": self.note,
            "knots": [float(knot) for knot in self.calibration.knots],
            "llr": [float(value) for value in self.calibration.llr],
            "bounds": [float(bound) for bound in self.calibration.bounds],
        }

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> PairCalibration:
        """Return the calibration that `record` has written."""
        low, high = record["bounds"]
        return cls(Calibration(np.array(record["knots"]), np.array(record["llr"]), (low, high)), record["note"])


def pair_calibration(params: Study, at: Layout, recogniser: Recogniser, datasets: Sequence[str]) -> PairCalibration:
    """Fit a calibration on all pairs of portraits of known sitters that the model was not trained on.

    Each sitter has the same weight, however many portraits there are, and so has each combination of two sitters. Two
    images of one picture are no pair. Ratios are bounded by what these numbers support (ELUB).

    Args:
        params: the study with the portraits.
        at: where its files lie.
        recogniser: the model.
        datasets: data sets with the portraits; empty: all that the study embeds.

    Raises:
        SitterError: the study does not embed a data set.
    """
    for dataset in datasets:
        if dataset not in params.embed.datasets:
            raise SitterError(f"{dataset!r} is not under embed.datasets; {nearest(dataset, params.embed.datasets)}")
    chosen = [d for d in (datasets or params.embed.datasets) if recogniser.has_stored(d, at)]
    known = [o.portrait for o in seen(params, chosen, at) if o.subset not in (UNUSED, UNIDENTIFIED)]
    taught = learned(params, recogniser.name, {portrait.sitter for portrait in known}, at)
    known = thinned([portrait for portrait in known if portrait.sitter not in taught], MOST, params.seed)
    sitters = {portrait.sitter for portrait in known}
    where = ", ".join(chosen) or "no data set with vectors"
    if len(sitters) < FEWEST_SITTERS:
        return PairCalibration(None, f"there are {len(sitters)} known sitters to calibrate on in {where}; 5 are needed")
    one, other, same, weights = _pairs(known)
    if not same.any() or same.all():
        return PairCalibration(None, f"the known sitters of {where} have no genuine pairs or no impostor pairs")
    matrix = scores(vectors := stored_prints(recogniser, known, at), vectors)
    found = matrix[one, other]
    method = params.evaluate.calibration if params.evaluate.calibration != "none" else "logistic"
    note = (
        f"{int(same.sum()):,} pairs of one sitter and {int((~same).sum()):,} of two, {len(sitters)} sitters of {where}"
    )
    calibration = fit_scores(found[same], found[~same], weights[same], weights[~same], method)
    return PairCalibration(calibration, note)


def _pairs(known: Sequence[Portrait]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return for each pair [n] the places of both portraits, whether they are of one sitter, and the pair's weight."""
    _, who = np.unique([portrait.sitter for portrait in known], return_inverse=True)
    _, picture = np.unique([portrait.picture for portrait in known], return_inverse=True)
    one, other = np.triu_indices(len(known), 1)
    apart = picture[one] != picture[other]
    one, other = one[apart], other[apart]
    low, high = np.minimum(who[one], who[other]), np.maximum(who[one], who[other])
    _, pair, count = np.unique(low * (who.max() + 1) + high, return_inverse=True, return_counts=True)
    return one, other, who[one] == who[other], 1.0 / count[pair]


def stored_prints(recogniser: Recogniser, portraits: Sequence[Portrait], at: Layout) -> Prints:
    """Return the vectors that the stages have made of portraits of the study's data sets.

    Raises:
        SitterError: a portrait has no vector.
    """
    parts: list[Singles] = []
    rows: dict[tuple[str, str], int] = {}
    for dataset in dict.fromkeys(portrait.dataset for portrait in portraits):
        table = recogniser.stored(dataset, at)
        ids = list(dict.fromkeys(portrait.image_id for portrait in portraits if portrait.dataset == dataset))
        start = len(rows)
        rows |= {(dataset, image_id): start + n for n, image_id in enumerate(ids)}
        parts.append(table.select(ids, str(at.embeddings(recogniser.name, dataset))))
    names = [f"{dataset}:{image_id}" for dataset, image_id in rows]
    return recogniser.prints(np.concatenate(parts), names).of([rows[portrait[:2]] for portrait in portraits])
