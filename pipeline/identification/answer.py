"""The answers to a question: for each portrait its candidates, with the evidence for each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pipeline.core.errors import SitterError
from pipeline.identification.decisions import Decision, ImageKey, accepted
from pipeline.identification.evidence import Calibrations, Evidence, places, posteriors
from pipeline.identification.known import LOG10, CalibratedCell, KnownSearches, foremost, judge
from pipeline.identification.question import QuestionPortraits
from pipeline.identification.search import Arranged, Portrait, Scorer, Searches, arranged, search
from pipeline.store.candidates import NONE

if TYPE_CHECKING:
    from pipeline.params.identify import Identify


@dataclass(frozen=True)
class Candidate:
    """A sitter who may be on a portrait, or "none of these"."""

    rank: int
    """The rank from 1; 0: "none of these"."""
    sitter: str
    score: float | None
    """The model's score, pooled over the sitter's portraits."""
    log10_lr: float | None
    bounds: tuple[float, float] | None
    """The smallest and the largest log10 ratio that the known portraits support."""
    posterior: float | None
    cell: CalibratedCell | None
    """How often known candidates like this one were right."""
    reference: Portrait | None
    """The sitter's portrait with the highest score against the probe."""

    @property
    def at_bound(self) -> bool:
        """Whether the ratio is the largest that the known portraits support."""
        return bool(self.bounds and self.log10_lr is not None and self.log10_lr >= self.bounds[1] - 1e-9)


@dataclass(frozen=True)
class Answer:
    """The answer for one portrait."""

    probe: Portrait
    decisions: list[Decision]
    candidates: list[Candidate]
    """The candidates, the likeliest first; empty if a person has decided."""
    none: Candidate | None
    """ "None of these"."""

    @property
    def final(self) -> Decision | None:
        """The decision that settles the portrait (`accept` or `unsuitable`); None if there is none."""
        return next((d for d in self.decisions if d.verdict in ("accept", "unsuitable")), None)


@dataclass(frozen=True)
class Answers:
    """All answers to a question."""

    answers: list[Answer]
    known: KnownSearches
    sitters: list[str]
    """The sitters of the gallery."""
    calibrated_on: int
    """Number of known sitters on whom ratios were fitted."""
    trouble: str
    """Why there are no ratios; empty if there are some."""


class Weighing(Protocol):
    """A source of likelihood ratios; see `evidence.Calibrations`."""

    sitters: list[str]

    def trouble(self) -> str:
        """Return why there are no likelihood ratios; empty if there are some."""

    def of_question(self, searches: Searches, again: Searches | None = None) -> Evidence:
        """Return the evidence of searches for unidentified portraits."""


@dataclass(frozen=True)
class Tried:
    """A gallery that was tested on portraits of known sitters, and that answers for any number of portraits."""

    entry: Identify
    gallery: list[Portrait]
    within: Arranged
    """The gallery, arranged for searches."""
    known: Sequence[Portrait]
    calibrations: Weighing
    trouble: str
    """Why there are no likelihood ratios; empty if there are some."""
    judged: KnownSearches

    def answers(
        self, probes: Sequence[Portrait], decisions: Mapping[ImageKey, Sequence[Decision]], score: Scorer
    ) -> Answers:
        """Search the gallery for portraits, and weigh the evidence.

        If a person has accepted a sitter for a portrait, it counts as a further portrait of this sitter in the gallery.

        Raises:
            SitterError: a portrait has no score with anybody.
        """
        entry, taken = self.entry, accepted(decisions)
        joined = [p._replace(sitter=taken[p[:2]].sitter) for p in probes if p[:2] in taken]
        gallery = [*self.gallery, *joined]
        within = arranged(gallery) if joined else self.within
        final = {image for image, every in decisions.items() for d in every if d.verdict in ("accept", "unsuitable")}
        wanted = [p for p in probes if p[:2] not in final]
        found = search(wanted, within, score, entry.pooling, apart=False, apart_of=set(entry.as_unidentified))
        _check(found, wanted)
        weighed = None
        if not self.trouble:
            again = search(self.known, within, score, entry.pooling, apart=True) if joined else None
            weighed = self.calibrations.of_question(found, again)
        lists = _lists(entry, wanted, gallery, found, weighed, decisions, self.judged)
        answers = []
        for probe in probes:
            candidates, none = lists.get(probe[:2], ([], None))
            answers.append(Answer(probe, list(decisions.get(probe[:2], [])), candidates, none))
        return Answers(answers, self.judged, found.sitters, len(self.calibrations.sitters), self.trouble)


def tried(
    entry: Identify,
    gallery: Sequence[Portrait],
    known: Sequence[Portrait],
    learned: Collection[str],
    score: Scorer,
    seed: int,
    elsewhere: Sequence[Portrait] | None = None,
) -> Tried:
    """Test a gallery on portraits of known sitters.

    Args:
        entry: the question.
        gallery: portraits of the sitters who may be named.
        known: portraits of known sitters.
        learned: sitters that the model was trained on.
        score: gives the scores of pairs.
        seed: random seed of the folds.
        elsewhere: the gallery of the known portraits, if it is another one. Scores are then not normalised, because the
            known portraits do not show how similar the sitters of `gallery` are to strangers.
    """
    within = arranged(gallery)
    own = [p.sitter for p in known]
    searches = search(known, within if elsewhere is None else elsewhere, score, entry.pooling, apart=True)
    normalise = entry.normalise and elsewhere is None
    calibrations = Calibrations(
        searches, own, set(own) - set(learned), method=entry.calibration, normalise=normalise, seed=seed
    )
    trouble = calibrations.trouble()
    evidence = None if trouble else calibrations.of_known()
    judged = judge(searches, own, evidence, entry.prior, entry.candidates)
    return Tried(entry, list(gallery), within, known, calibrations, trouble, judged)


def answer(
    entry: Identify,
    portraits: QuestionPortraits,
    decisions: Mapping[ImageKey, Sequence[Decision]],
    learned: Collection[str],
    score: Scorer,
    seed: int,
) -> Answers:
    """Search the gallery for every portrait that is asked about, weigh the evidence, and test it on known portraits.

    Args:
        entry: the question.
        portraits: the portraits of the question; see `question_portraits`.
        decisions: people's decisions, by image.
        learned: sitters that the model was trained on.
        score: gives the scores of pairs.
        seed: random seed of the folds.

    Raises:
        SitterError: a portrait has no score with anybody.
    """
    ready = tried(entry, portraits.gallery, portraits.known, learned, score, seed)
    return ready.answers(portraits.probes, decisions, score)


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
    decisions: Mapping[ImageKey, Sequence[Decision]],
    judged: KnownSearches,
) -> dict[ImageKey, tuple[list[Candidate], Candidate | None]]:
    """Return the candidates and "none of these", by image."""
    ruled_out = np.zeros(found.scores.shape, dtype=bool)
    for row, probe in enumerate(wanted):
        rejected = [d.sitter for d in decisions.get(probe[:2], ()) if d.verdict == "reject"]
        ruled_out[row, places(rejected, found.sitters)] = True
    thought = None if weighed is None else posteriors(weighed.llr, entry.prior, ruled_out)
    named = np.isfinite(found.scores) & ~ruled_out
    likely = found.scores if weighed is None else weighed.llr
    scores = found.scores if weighed is None else weighed.scores
    ranked = foremost(scores, np.where(named, likely, -np.inf), entry.candidates)
    lists: dict[ImageKey, tuple[list[Candidate], Candidate | None]] = {}
    for row, probe in enumerate(wanted):
        there = [n for n in ranked[row] if named[row, n]]
        candidates = []
        for rank, n in enumerate(there, start=1):
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
