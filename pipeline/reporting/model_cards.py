"""Model cards of the report: the parts of each model, its training settings, and the curves of its training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.core.registry import Options
from pipeline.params.fuse import Fusion
from pipeline.params.licences import Use
from pipeline.params.outside_systems.base import OutsideOptions
from pipeline.params.systems import Entry
from pipeline.params.train import Model
from pipeline.params.weights import HasWeights
from pipeline.reporting.charts import history
from pipeline.reporting.series import Series, Styles
from pipeline.reporting.svg import Chart
from pipeline.store.models import SystemFiles
from pipeline.store.systems import Parameters, SystemFacts, WeightsFile


@dataclass(frozen=True)
class SystemRecord:
    """A system: its entry in the study, and the records in its folder."""

    asked: Entry | None
    """Entry of params.yaml; None for a system that is not part of this study."""
    use: tuple[Use, list[str]] | None
    """The use that the licences of its materials allow, and the materials that forbid any further use."""
    files: SystemFiles


@dataclass(frozen=True)
class ModelCard:
    """A system as the report describes it."""

    style: Series
    makeup: str
    """The backbone; for a fusion, its method and its models."""
    trained: str
    """The part that was trained, and the loss."""
    dim: int | None
    parameters: Parameters | None
    """Number of parameters; None where this is not recorded."""
    weights: WeightsFile | None
    """The weights at the start; None where it started without weights."""
    record: str
    """Its `model.json` in full."""
    use: str
    """The use that the licences of its materials allow, and the materials that forbid any further use."""
    curves: list[Chart]


def model_cards(made: Mapping[str, SystemRecord], styles: Styles) -> list[ModelCard]:
    """Return a card for every evaluated model, in the order of the styles."""
    return [_card(style, made[name]) for name, style in styles.items()]


def _card(style: Series, found: SystemRecord) -> ModelCard:
    facts = found.files.facts
    return ModelCard(
        style,
        *made_of(found.asked, facts),
        dim=facts.dim,
        parameters=facts.parameters,
        weights=facts.weights,
        record=facts.text,
        use=_use(*found.use) if found.use else "",
        curves=history(found.files.history, style),
    )


def _use(use: Use, due: list[str]) -> str:
    return f"{use}: {', '.join(due)}" if due else use


def made_of(asked: Entry | None, facts: SystemFacts) -> tuple[str, str]:
    """Return two descriptions of a system: its parts, and what was trained and how.

    Args:
        asked: its entry in params.yaml; None where there is none.
        facts: what its record says.
    """
    if isinstance(asked, Model):
        if not asked.is_trained:
            return _options(asked.backbone), f"nothing (frozen{', centred' * asked.centre})"
        how = f"{_options(asked.adaptation)}, by {_options(asked.loss)}{'; centred' * asked.centre}"
        return _options(asked.backbone), how
    if isinstance(asked, OutsideOptions):
        return _options(asked), "nothing (an outside system)"
    if isinstance(asked, Fusion):
        learned = f"fitted on {', '.join(asked.fit_on)}" if asked.fit_on else "nothing"
        learned += ", fold by fold" if asked.crossval else ""
        if asked.score_norm:
            learned += f"; scores normalised by a cohort of the {asked.score_norm.cohort} nearest faces"
        shares = facts.shares
        parts = [f"{m} ({shares[m]:.2f})" if m in shares else m for m in asked.models]
        return f"{_options(asked.method)} of {', '.join(parts)}", learned
    return "not of this study", "unknown"


def _options(options: Options) -> str:
    """Return a kind and the options that the study sets, without weights, which have a column of their own."""
    untold = {"kind", "file"} if isinstance(options, OutsideOptions) else {"kind"}
    untold |= {"weights"} if isinstance(options, HasWeights) else set()
    told = options.model_fields_set - untold
    words = ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in options if name in told)
    return f"{options.kind} ({words})" if words else options.kind


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, Options):
        return _options(value)
    if isinstance(value, list | tuple):
        return " and ".join(_value(v) for v in value)
    return f"{value:g}" if isinstance(value, int | float) else str(value)
