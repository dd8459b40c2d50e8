"""The results of one benchmark: figures of each model, tests of two models, curves, and the hardest pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.store.curves import Curve, Number, Yes

Scalars = Mapping[str, Mapping[str, Any]]
"""Figure → whether it is a rate (`percent`), and which values are better (`better`: lower, higher, or None)."""
Figures = Mapping[str, Any]
"""The figures of one model: each is a number, or None if the data cannot support it; `FIGURE_note` is text."""


@dataclass(frozen=True)
class Difference:
    """A paired comparison: `model_a` minus `model_b` on the same sitters."""

    model_a: str
    model_b: str
    metric: str
    difference: Number
    low: Number
    high: Number
    p: Number
    significant: bool
    family: int | None = None
    """Number of comparisons that the p-value was corrected for (the family)."""

    def turned(self) -> Difference:
        """Return the same comparison as `model_b` minus `model_a`."""
        d, low, high = (None if v is None else -v for v in (self.difference, self.high, self.low))
        return Difference(self.model_b, self.model_a, self.metric, d, low, high, self.p, self.significant, self.family)


@dataclass(frozen=True)
class HardPair:
    """One of the pairs that a model gets most wrong."""

    model: str
    """Empty until the pairs of several models are gathered."""
    sort: str
    rank: int
    probe: str
    gallery: str
    probe_dataset: str
    gallery_dataset: str
    score: Number


@dataclass(frozen=True)
class GroupRate:
    """An error rate of a group, and its test against all other groups."""

    value: float | None
    low: float | None
    high: float | None
    difference: float | None
    p: float | None
    significant: bool

    @property
    def verdict(self) -> str:
        """Result of the test against all other groups: "higher", "lower" or "may be chance"; empty if untested."""
        if self.value is None or self.p is None:
            return ""
        if not self.significant:
            return "may be chance"
        return "higher" if (self.difference or 0) > 0 else "lower"


@dataclass(frozen=True)
class GroupErrors:
    """The errors of one model in one group, at the common threshold of all groups."""

    model: str
    column: str
    group: str
    sitters: int
    genuine: Number
    impostor: Number
    fnmr: Number
    fnmr_low: Number
    fnmr_high: Number
    fnmr_difference: Number
    fnmr_p: Number
    fnmr_significant: Yes
    fmr: Number
    fmr_low: Number
    fmr_high: Number
    fmr_difference: Number
    fmr_p: Number
    fmr_significant: Yes

    @property
    def rates(self) -> tuple[GroupRate, GroupRate]:
        """FNMR and FMR, in this order."""
        return (
            GroupRate(
                self.fnmr, self.fnmr_low, self.fnmr_high, self.fnmr_difference, self.fnmr_p, self.fnmr_significant
            ),
            GroupRate(self.fmr, self.fmr_low, self.fmr_high, self.fmr_difference, self.fmr_p, self.fmr_significant),
        )


@dataclass(frozen=True)
class Placed:
    """An image on a map of embeddings, and its values of the columns that colour it."""

    x: float
    y: float
    values: Mapping[str, str]


@dataclass(frozen=True)
class Benchmark:
    """All results of one benchmark; results without a file are empty."""

    name: str
    kind: str
    probe: str
    gallery: str
    scalars: Scalars
    metrics: Mapping[str, Figures]
    """Model → the name of a figure → its value."""
    differences: Sequence[Difference] = ()
    against_baseline: Sequence[Difference] = ()
    """Tests of every other model minus the declared baseline, in the declared figures."""
    curves: Mapping[str, Mapping[str, Curve]] = field(default_factory=dict)
    """Name of a curve → model → its points."""
    discard: Mapping[str, Mapping[str, Curve]] = field(default_factory=dict)
    """Model → quality measure → FNMR over the share of images that are left out."""
    groups: Mapping[str, Sequence[GroupErrors]] = field(default_factory=dict)
    """Model → its errors by group."""
    maps: Mapping[str, Sequence[Placed]] = field(default_factory=dict)
    """Model → its map of the embeddings."""
    pairs: Sequence[HardPair] = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    """Its options in params.yaml when it was evaluated."""

    @property
    def models(self) -> list[str]:
        """The evaluated models, in the file's order."""
        return list(self.metrics)

    def value(self, model: str, metric: str) -> float | None:
        """Return one figure; None if it is absent or the data cannot support it."""
        found = self.metrics.get(model, {}).get(metric)
        return float(found) if isinstance(found, int | float) else None

    def interval(self, model: str, metric: str) -> tuple[float | None, float | None]:
        """Return the ends of a figure's interval; None where it has none."""
        return self.value(model, f"{metric}_low"), self.value(model, f"{metric}_high")

    def note(self, model: str, metric: str) -> str:
        """Return the note on a figure; empty if there is none."""
        return str(self.metrics.get(model, {}).get(f"{metric}_note") or "")

    def difference(self, a: str, b: str, metric: str) -> Difference | None:
        """Return the paired comparison of two models as `a` minus `b`; None if there is none."""
        for found in self.differences:
            if found.metric == metric and {found.model_a, found.model_b} == {a, b} and a != b:
                return found if found.model_a == a else found.turned()
        return None

    @property
    def figures(self) -> list[str]:
        """The figures that models are judged by; the first ranks them."""
        return judged_by(self.scalars)

    def percent(self, metric: str) -> bool:
        """Whether a figure is a rate."""
        return bool(self.scalars.get(metric, {}).get("percent"))

    def lower_is_better(self, metric: str) -> bool:
        """Whether lower values of a figure are the better ones."""
        return bool(self.scalars.get(metric, {}).get("better") == "lower")

    def ranked(self, metric: str) -> list[str]:
        """Return the models that have this figure, the best first; equal models stay in the file's order."""
        sign = 1 if self.lower_is_better(metric) else -1
        known = [(sign * v, i, m) for i, m in enumerate(self.models) if (v := self.value(m, metric)) is not None]
        return [m for _, _, m in sorted(known)]

    def best(self, metric: str) -> set[str]:
        """Return the models with the best value (several if equal); none if fewer than two models have a value."""
        known = {m: v for m in self.models if (v := self.value(m, metric)) is not None}
        better = self.scalars.get(metric, {}).get("better")
        if len(known) < 2 or better is None:
            return set()
        aim = min(known.values()) if better == "lower" else max(known.values())
        return {m for m, value in known.items() if value == aim}


def judged_by(scalars: Scalars) -> list[str]:
    """Return the figures that models are judged by: rates with a better direction; if there are none, other figures."""
    judged = [name for name, how in scalars.items() if how["better"] and not how.get("beside")]
    return [name for name in judged if scalars[name]["percent"]] or judged
