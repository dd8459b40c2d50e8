"""The results of one benchmark: figures of each model, tests of two models, curves, and the hardest pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

from pipeline.core.cells import Number, YesOrUnknown
from pipeline.store.curves import Curve, DiscardCurve, Placed
from pipeline.store.figures import ENDS, Figures, Shown, judged_by

OneCurve = TypeVar("OneCurve", bound=Curve)


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
    p_uncorrected: Number = None
    family: int | None = None
    """Number of comparisons that the p-value was corrected for (the family)."""

    def turned(self) -> Difference:
        """Return the same comparison as `model_b` minus `model_a`."""
        d, low, high = (None if v is None else -v for v in (self.difference, self.high, self.low))
        return replace(self, model_a=self.model_b, model_b=self.model_a, difference=d, low=low, high=high)


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

    value: float | None = None
    low: float | None = None
    high: float | None = None
    difference: float | None = None
    difference_low: float | None = None
    difference_high: float | None = None
    p: float | None = None
    significant: bool | None = None
    """None: not tested."""

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
    """Empty until the groups of several models are gathered."""
    column: str
    group: str
    sitters: int
    genuine: Number
    impostor: Number
    threshold: Number
    fmr: Number
    fmr_low: Number
    fmr_high: Number
    fmr_difference: Number
    fmr_difference_low: Number
    fmr_difference_high: Number
    fmr_p: Number
    fmr_significant: YesOrUnknown
    fnmr: Number
    fnmr_low: Number
    fnmr_high: Number
    fnmr_difference: Number
    fnmr_difference_low: Number
    fnmr_difference_high: Number
    fnmr_p: Number
    fnmr_significant: YesOrUnknown
    note: str

    @classmethod
    def of(
        cls,
        *,
        column: str,
        group: str,
        sitters: int,
        genuine: int,
        impostor: int,
        threshold: float,
        fmr: GroupRate,
        fnmr: GroupRate,
        note: str,
    ) -> GroupErrors:
        """Return the errors of a group from its rates, without the name of the model."""
        rates = {
            name if part == "value" else f"{name}_{part}": cell
            for name, rate in (("fmr", fmr), ("fnmr", fnmr))
            for part, cell in vars(rate).items()
        }
        return cls("", column, group, sitters, genuine, impostor, threshold, **rates, note=note)

    @property
    def rates(self) -> tuple[GroupRate, GroupRate]:
        """FNMR and FMR, in this order."""
        return (
            GroupRate(
                self.fnmr, self.fnmr_low, self.fnmr_high, self.fnmr_difference, self.fnmr_difference_low,
                self.fnmr_difference_high, self.fnmr_p, self.fnmr_significant,
            ),
            GroupRate(
                self.fmr, self.fmr_low, self.fmr_high, self.fmr_difference, self.fmr_difference_low,
                self.fmr_difference_high, self.fmr_p, self.fmr_significant,
            ),
        )  # fmt: skip


@dataclass(frozen=True)
class Benchmark:
    """All results of one benchmark; results without a file are empty."""

    name: str
    kind: str
    probe: str
    gallery: str
    shown: Mapping[str, Shown]
    """How each figure is shown, by its name."""
    metrics: Mapping[str, Figures]
    """Model → the name of a figure → the figure."""
    differences: Sequence[Difference] = ()
    against_baseline: Sequence[Difference] = ()
    """Tests of every other model minus the declared baseline, in the declared figures."""
    curves: Mapping[type[Curve], Mapping[str, Curve]] = field(default_factory=dict)
    """Kind of curve → model → its points; `curve` returns them with their type."""
    discard: Mapping[str, Mapping[str, DiscardCurve]] = field(default_factory=dict)
    """Model → quality measure → FNMR over the share of images that are left out."""
    groups: Mapping[str, Sequence[GroupErrors]] = field(default_factory=dict)
    """Model → its errors by group."""
    maps: Mapping[str, Sequence[Placed]] = field(default_factory=dict)
    """Model → its map of the embeddings."""
    pairs: Sequence[HardPair] = ()
    predict: str = ""
    """The column that a linear probe predicts; empty for other kinds."""

    @property
    def models(self) -> list[str]:
        """The evaluated models, in the file's order."""
        return list(self.metrics)

    def curve(self, kind: type[OneCurve]) -> Mapping[str, OneCurve]:
        """Return the curves of a kind by model; models without one are absent."""
        return cast(Mapping[str, OneCurve], self.curves.get(kind, {}))

    def value(self, model: str, metric: str) -> float | None:
        """Return one figure; None if it is absent or the data cannot support it."""
        found = self.metrics.get(model, {}).get(metric)
        return None if found is None or found.value is None else float(found.value)

    def interval(self, model: str, metric: str) -> tuple[float | None, float | None]:
        """Return the ends of a figure's interval; None where it has none."""
        found = self.metrics.get(model, {}).get(metric)
        return ENDS if found is None else found.ends

    def note(self, model: str, metric: str) -> str:
        """Return the note on a figure; empty if there is none."""
        found = self.metrics.get(model, {}).get(metric)
        return "" if found is None else found.note

    def difference(self, a: str, b: str, metric: str) -> Difference | None:
        """Return the paired comparison of two models as `a` minus `b`; None if there is none."""
        for found in self.differences:
            if found.metric == metric and {found.model_a, found.model_b} == {a, b} and a != b:
                return found if found.model_a == a else found.turned()
        return None

    @property
    def figures(self) -> list[str]:
        """The figures that models are judged by; the first ranks them."""
        return judged_by(self.shown)

    def percent(self, metric: str) -> bool:
        """Whether a figure is a rate."""
        return metric in self.shown and self.shown[metric].percent

    def lower_is_better(self, metric: str) -> bool:
        """Whether lower values of a figure are the better ones."""
        return metric in self.shown and self.shown[metric].better == "lower"

    def ranked(self, metric: str) -> list[str]:
        """Return the models that have this figure, the best first; equal models stay in the file's order."""
        sign = 1 if self.lower_is_better(metric) else -1
        known = [(sign * v, i, m) for i, m in enumerate(self.models) if (v := self.value(m, metric)) is not None]
        return [m for _, _, m in sorted(known)]

    def best(self, metric: str) -> set[str]:
        """Return the models with the best value (several if equal); none if fewer than two models have a value."""
        known = {m: v for m in self.models if (v := self.value(m, metric)) is not None}
        if len(known) < 2 or metric not in self.shown or self.shown[metric].better is None:
            return set()
        aim = min(known.values()) if self.lower_is_better(metric) else max(known.values())
        return {m for m, value in known.items() if value == aim}
