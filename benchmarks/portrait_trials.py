"""Ways to make scores of frozen networks' vectors: what `benchmarks.nested_portraits` tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.portrait_heads import PULL, Loss, applied, train
from benchmarks.portrait_vectors import CROPS, MEMBERS, Portraits
from pipeline.core.numbers import Singles
from pipeline.fusions.plda import Axes, TwoCovariance, fit_axes
from pipeline.fusions.wccn import whitening
from pipeline.params.fusions.plda import TwoCovarianceOptions
from pipeline.scoring.score_norm import normalised
from pipeline.store.embeddings import normalise

Rows = NDArray[np.intp]
Scores = NDArray[np.float64]
SHRINK = (0.1, 0.3, 0.5, 0.7, 0.9)
PLDA = ((0.7, 0.9), (0.9, 0.5), (0.9, 0.9))
COHORTS = (30, 100)
SETS = {"both": MEMBERS[:2], "features of both": MEMBERS[2:], "all four": MEMBERS}


@dataclass(frozen=True)
class Trial:
    """One way to make scores of the networks' vectors."""

    name: str
    members: tuple[str, ...]
    mirror: bool = True
    centre: bool = True
    shrink: float | None = None
    """Of within-class whitening, or of PLDA; None: neither."""
    between: float | None = None
    """`shrink_between` of PLDA; None: no PLDA."""
    crops: bool = False
    cohort: int | None = None
    """Of score normalisation; None: none."""
    head: Loss | None = None
    """Of a trained linear head before all else; None: no head."""
    painted: bool = False
    """Whether painted photographs are learned from, too."""

    @property
    def plain(self) -> bool:
        """Whether it has nothing but whitening and a cohort."""
        return not (self.crops or self.painted or self.head or self.between is not None)

    @property
    def family(self) -> str:
        """What it has in common with others of its sort, in words."""
        words = [*["plda"] * (self.between is not None), *["crops"] * self.crops, *["a cohort"] * bool(self.cohort)]
        words = [*["a head"] * bool(self.head), *["painted photographs"] * self.painted, *words]
        return f"{' and '.join(words)}, {'one network' if len(self.members) == 1 else 'several networks'}"


def trials() -> list[Trial]:
    """Return all of them, single networks first."""
    found = []
    for member in MEMBERS:
        for mirror, centre in ((False, False), (True, False), (False, True), (True, True)):
            words = [member, *["mirrored"] * mirror, *["centred"] * centre]
            found.append(Trial(", ".join(words), (member,), mirror, centre))
        found.append(Trial(f"{member}, mirrored, centred, crops", (member,), crops=True))
        found += [Trial(f"{member}, mirrored, wccn {shrink}", (member,), shrink=shrink) for shrink in SHRINK]
        found += [Trial(f"{member}, mirrored, plda {s} {b}", (member,), shrink=s, between=b) for s, b in PLDA]
    for name, members in SETS.items():
        found.append(Trial(f"{name}: concat, not centred", members, centre=False))
        fused = [Trial(f"{name}: concat", members)]
        fused += [Trial(f"{name}: wccn {shrink}", members, shrink=shrink) for shrink in SHRINK]
        fused += [Trial(f"{name}: plda {s} {b}", members, shrink=s, between=b) for s, b in PLDA]
        fused += [
            replace(one, name=f"{one.name}, crops", crops=True)
            for one in fused
            if one.shrink is None or one.shrink >= SHRINK[2]
        ]
        found += fused
        for one in fused:
            cohorts = COHORTS[:1] if not one.plain else COHORTS
            found += [replace(one, name=f"{one.name}, cohort {n}", cohort=n) for n in cohorts]
    return found + _learned()


def _learned() -> list[Trial]:
    """Return the trials with trained heads, and those that learn from painted photographs."""
    found = []
    for name, members in {**{member: (member,) for member in MEMBERS[2:]}, **dict(list(SETS.items())[1:])}.items():
        for loss in PULL:
            for shrink in (None, SHRINK[-1]):
                words = f"{name}: head {loss}" + (f", wccn {shrink}" if shrink else "")
                found.append(Trial(words, members, shrink=shrink, head=loss))
        found.append(Trial(f"{name}: wccn {SHRINK[-1]}", members, shrink=SHRINK[-1]))
    found = [
        *found,
        *(replace(one, name=f"{one.name}, crops", crops=True) for one in found),
        *(replace(one, name=f"{one.name}, painted", painted=True) for one in found),
    ]
    found += [replace(one, name=f"{one.name}, cohort {COHORTS[0]}", cohort=COHORTS[0]) for one in found]
    return [one for one in found if one.head or one.painted]


class Fitted:
    """What trials fit to some images, made when it is asked for, and kept."""

    def __init__(self, these: Portraits, fit: Rows) -> None:
        self.these, self.fit = these, fit
        self.groups = [fit[these.sitter[fit] == s] for s in np.unique(these.sitter[fit])]
        self.several = [group for group in self.groups if len(group) > 1]
        # Painted photographs stand after the portraits, and their sitters after the portraits' own.
        n = len(these.sitter)
        self.labels, self.learned = these.sitter, {False: fit, True: fit}
        if these.painted is not None:
            self.labels = np.concatenate([these.sitter, these.sitters + these.painted.sitter])
            self.learned[True] = np.concatenate([fit, np.arange(n, len(self.labels))])
        self.kept: dict[tuple[Any, ...], Any] = {}

    def units(self, trial: Trial) -> Singles:
        """Return the vectors of all images by a trial, rows of length 1."""
        if trial.between is not None:
            kind = TwoCovariance(TwoCovarianceOptions(shrink=trial.shrink or 1.0, shrink_between=trial.between))
            kind.axes = [self._axes(member, trial) for member in trial.members]
            return kind.apply([self._plain(member, trial) for member in trial.members])
        return normalise(np.concatenate([self._white(member, trial) for member in trial.members], axis=1))

    def _plain(self, member: str, trial: Trial) -> Singles:
        """Vectors of the portraits, as a network gives them."""
        return self._rows(member, replace(trial, painted=False))

    def _rows(self, member: str, trial: Trial) -> Singles:
        key = (member, trial.mirror, trial.centre, trial.crops, trial.painted)
        if key not in self.kept:
            units = self._centred(member, trial, self.these, self.fit)
            if trial.painted and self.these.painted is not None:
                painted = self.these.painted
                units = np.concatenate([units, self._centred(member, trial, painted, np.arange(len(painted.sitter)))])
            self.kept[key] = units
        found: Singles = self.kept[key]
        return found

    def _centred(self, member: str, trial: Trial, images: Portraits, among: Rows) -> Singles:
        """Vectors of length 1; portraits and painted photographs are each brought to a mean of zero of their own."""
        name = member + CROPS * trial.crops
        units = normalise(images.plain[name] + images.mirrored[name] if trial.mirror else images.plain[name])
        return normalise(units - units[among].mean(0)) if trial.centre else units

    def _headed(self, member: str, trial: Trial) -> Singles:
        units = self._rows(member, trial)
        if trial.head is None:
            return units
        key = (member, trial.mirror, trial.centre, trial.crops, trial.painted, trial.head)
        if key not in self.kept:
            learned = self.learned[trial.painted]
            self.kept[key] = applied(train(units[learned], self.labels[learned], trial.head, seed=1), units)
        found: Singles = self.kept[key]
        return found

    def _white(self, member: str, trial: Trial) -> Singles:
        key = (member, trial.mirror, trial.centre, trial.crops, trial.painted, trial.head, trial.shrink)
        if key not in self.kept:
            units = self._headed(member, trial)
            if trial.shrink is not None:
                learned = self.learned[trial.painted]
                groups = [learned[self.labels[learned] == s] for s in np.unique(self.labels[learned])]
                several = [group for group in groups if len(group) > 1]
                units = normalise((units @ whitening(units, several, trial.shrink)).astype(np.float32))
            self.kept[key] = units[: len(self.these.sitter)]
        found: Singles = self.kept[key]
        return found

    def _axes(self, member: str, trial: Trial) -> Axes:
        assert trial.shrink is not None
        assert trial.between is not None
        key = (member, trial.crops, trial.shrink, trial.between)
        if key not in self.kept:
            units = self._plain(member, trial)
            self.kept[key] = fit_axes(units, self.groups, self.several, trial.shrink, trial.between)
        found: Axes = self.kept[key]
        return found


def scored(these: Portraits, every: Sequence[Trial], fit: Rows, test: Rows) -> list[tuple[Scores, Scores]]:
    """Return the scores of all pairs of test images by each trial, which has fitted what it fits to other images.

    Beside them, their scores with these other images, all of whose sitters are strangers to them.
    """
    fitted, found = Fitted(these, fit), []
    for trial in every:
        units = fitted.units(trial)
        own, others = units[test], units[fit]
        found.append((_scores(own, own, others, trial), _scores(own, others, others, trial)))
    return found


def _scores(probes: Singles, gallery: Singles, cohort: Singles, trial: Trial) -> Scores:
    if trial.cohort is None:
        return probes.astype(np.float64) @ gallery.astype(np.float64).T
    return normalised(probes, gallery, cohort, trial.cohort)
