"""Ways to make scores of frozen networks' vectors: what `benchmarks.nested_portraits` tries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.portrait_vectors import CROPS, MEMBERS, Portraits
from pipeline.fusions.plda import Axes, TwoCovariance, fit_axes
from pipeline.fusions.wccn import whitening
from pipeline.params.fusions.plda import TwoCovarianceOptions
from pipeline.scoring.score_norm import normalised
from pipeline.store.embeddings import Floats, normalise

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

    @property
    def new(self) -> bool:
        """Whether it is PLDA or has crops."""
        return self.crops or self.between is not None

    @property
    def family(self) -> str:
        """What it has in common with others of its sort, in words."""
        words = [*["plda"] * (self.between is not None), *["crops"] * self.crops, *["a cohort"] * bool(self.cohort)]
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
            cohorts = COHORTS[:1] if one.new else COHORTS
            found += [replace(one, name=f"{one.name}, cohort {n}", cohort=n) for n in cohorts]
    return found


class Fitted:
    """What trials fit to some images, made when it is asked for, and kept."""

    def __init__(self, these: Portraits, fit: Rows) -> None:
        self.these, self.fit = these, fit
        self.groups = [fit[these.sitter[fit] == s] for s in np.unique(these.sitter[fit])]
        self.several = [group for group in self.groups if len(group) > 1]
        self.kept: dict[tuple[Any, ...], Any] = {}

    def units(self, trial: Trial) -> Floats:
        """Return the vectors of all images by a trial, rows of length 1."""
        if trial.between is not None:
            kind = TwoCovariance(TwoCovarianceOptions(shrink=trial.shrink or 1.0, shrink_between=trial.between))
            kind.axes = [self._axes(member, trial) for member in trial.members]
            return kind.apply([self._plain(member, trial) for member in trial.members])
        return normalise(np.concatenate([self._white(member, trial) for member in trial.members], axis=1))

    def _plain(self, member: str, trial: Trial) -> Floats:
        key = (member, trial.mirror, trial.centre, trial.crops)
        if key not in self.kept:
            name = member + CROPS * trial.crops
            raw = self.these.plain[name] + self.these.mirrored[name] if trial.mirror else self.these.plain[name]
            units = normalise(raw)
            self.kept[key] = normalise(units - units[self.fit].mean(0)) if trial.centre else units
        found: Floats = self.kept[key]
        return found

    def _white(self, member: str, trial: Trial) -> Floats:
        units = self._plain(member, trial)
        if trial.shrink is None:
            return units
        key = (member, trial.mirror, trial.centre, trial.crops, trial.shrink)
        if key not in self.kept:
            self.kept[key] = normalise((units @ whitening(units, self.several, trial.shrink)).astype(np.float32))
        found: Floats = self.kept[key]
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


def _scores(probes: Floats, gallery: Floats, cohort: Floats, trial: Trial) -> Scores:
    if trial.cohort is None:
        return probes.astype(np.float64) @ gallery.astype(np.float64).T
    return normalised(probes, gallery, cohort, trial.cohort)
