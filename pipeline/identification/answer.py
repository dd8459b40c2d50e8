"""The answers to a question: for each portrait its candidates, with the evidence for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.identification.decisions import Decision, Image, accepted
from pipeline.identification.evidence import Calibrations, Evidence, places, posteriors
from pipeline.identification.known import LOG10, NONE, Cell, Known, judge, order
from pipeline.identification.question import QuestionPortraits
from pipeline.identification.search import Portrait, Scorer, Searches, search

if TYPE_CHECKING:
    from pipeline.params.identify import Identify


@dataclass(frozen=True)
class Candidate:
    """A sitter who may be on a portrait, or "none of these"."""

    rank: int
    """0: "none of these"."""
    sitter: str
    score: float | None
    """As the model gives it, pooled over the sitter's portraits."""
    log10_lr: float | None
    bounds: tuple[float, float] | None
    """The least and the largest log10 ratio that the known portraits support."""
    posterior: float | None
    cell: Cell | None
    """How often known candidates like this one were right."""
    reference: Portrait | None
    """The sitter's portrait that is most like the probe."""

    @property
    def at_bound(self) -> bool:
        """Whether the ratio is the largest that the known portraits support."""
        return bool(self.bounds and self.log10_lr is not None and self.log10_lr >= self.bounds[1] - 1e-9)


@dataclass(frozen=True)
class Answer:
    """What is said of one portrait."""

    probe: Portrait
    decisions: list[Decision]
    candidates: list[Candidate]
    """The likeliest first; empty where a person has decided."""
    none: Candidate | None
    """ "None of these"."""

    @property
    def final(self) -> Decision | None:
        """The decision after which nobody asks any more."""
        return next((d for d in self.decisions if d.verdict in ("accept", "unsuitable")), None)


@dataclass(frozen=True)
class Answers:
    """All that is said in answer to a question."""

    answers: list[Answer]
    known: Known
    sitters: list[str]
    """Of the gallery."""
    calibrated_on: int
    """Known sitters on whom ratios were fitted."""
    trouble: str
    """Why there are no ratios; empty where there are."""


def answer(
    entry: Identify,
    portraits: QuestionPortraits,
    decisions: Mapping[Image, Sequence[Decision]],
    learned: Collection[str],
    score: Scorer,
    seed: int,
) -> Answers:
    """Search the gallery for every portrait that is asked about, weigh what is found, and try it on known portraits.

    A portrait that a person has accepted is a further portrait of its sitter in the gallery.

    Args:
        entry: the question.
        portraits: see `question_portraits`.
        decisions: by image.
        learned: sitters that the model has learned from.
        score: gives the scores of pairs.
        seed: of the folds.

    Raises:
        SitterError: a portrait has no score with anybody.
    """
    gallery, known = portraits.gallery, portraits.known
    taken = accepted(decisions)
    joined = [p._replace(sitter=taken[p[:2]].sitter) for p in portraits.probes if p[:2] in taken]
    own = [p.sitter for p in known]
    tried = search(known, gallery, score, entry.pooling, apart=True)
    calibrations = Calibrations(
        tried, own, set(own) - set(learned), method=entry.calibration, normalise=entry.normalise, seed=seed
    )
    trouble = calibrations.trouble()
    evidence = None if trouble else calibrations.of_known()
    judged = judge(tried, own, evidence, entry.prior, entry.candidates)
    final = {image for image, every in decisions.items() for d in every if d.verdict in ("accept", "unsuitable")}
    wanted = [p for p in portraits.probes if p[:2] not in final]
    found = search(wanted, [*gallery, *joined], score, entry.pooling, apart=False, apart_of=set(entry.as_unidentified))
    _check(found, wanted)
    weighed = None
    if not trouble:
        again = search(known, [*gallery, *joined], score, entry.pooling, apart=True) if joined else None
        weighed = calibrations.of_question(found, again)
    lists = _lists(entry, wanted, [*gallery, *joined], found, weighed, decisions, judged)
    answers = []
    for probe in portraits.probes:
        candidates, none = lists.get(probe[:2], ([], None))
        answers.append(Answer(probe, list(decisions.get(probe[:2], [])), candidates, none))
    return Answers(answers, judged, found.sitters, len(calibrations.sitters), trouble)


def _check(found: Searches, wanted: Sequence[Portrait]) -> None:
    without = np.flatnonzero(~np.isfinite(found.scores).any(axis=1))
    if len(without):
        probe = wanted[without[0]]
        raise SitterError(
            f"{len(without)} of {len(wanted)} portraits have no score with anybody in the gallery, the first of them "
            f"{probe.image_id!r} of {probe.dataset}: run the stages that make embeddings again."
        )


def _lists(
    entry: Identify,
    wanted: Sequence[Portrait],
    gallery: Sequence[Portrait],
    found: Searches,
    weighed: Evidence | None,
    decisions: Mapping[Image, Sequence[Decision]],
    judged: Known,
) -> dict[Image, tuple[list[Candidate], Candidate | None]]:
    """Candidates and "none of these", by image."""
    ruled_out = np.zeros(found.scores.shape, dtype=bool)
    for row, probe in enumerate(wanted):
        rejected = [d.sitter for d in decisions.get(probe[:2], ()) if d.verdict == "reject"]
        ruled_out[row, places(rejected, found.sitters)] = True
    thought = None if weighed is None else posteriors(weighed.llr, entry.prior, ruled_out)
    ranked = order(found.scores) if weighed is None else order(weighed.scores, weighed.llr)
    lists: dict[Image, tuple[list[Candidate], Candidate | None]] = {}
    for row, probe in enumerate(wanted):
        there = [n for n in ranked[row] if np.isfinite(found.scores[row, n]) and not ruled_out[row, n]]
        candidates = []
        for rank, n in enumerate(there[: entry.candidates], start=1):
            ratio = bounds = posterior = cell = None
            if weighed is not None and thought is not None:
                ratio = float(weighed.llr[row, n]) / LOG10
                bounds = float(weighed.low[row, n]) / LOG10, float(weighed.high[row, n]) / LOG10
                posterior, cell = float(thought.candidates[row, n]), judged.of(rank, ratio)
            reference = gallery[found.best[row, n]]
            raw = float(found.scores[row, n])
            candidates.append(Candidate(rank, found.sitters[n], raw, ratio, bounds, posterior, cell, reference))
        none = None
        if thought is not None:
            ratio = float(thought.none_llr[row]) / LOG10
            cell = judged.of(NONE, ratio) if np.isfinite(ratio) else None
            none = Candidate(NONE, "", None, ratio, None, float(thought.none[row]), cell, None)
        lists[probe[:2]] = candidates, none
    return lists
