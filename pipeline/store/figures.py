"""Figures: a value with its interval and a note, and how the report shows it.

In `metrics.json` and in the tables, the figure `eer` stands as `eer`, `eer_low`, `eer_high` and `eer_note`. The ends of
the interval and the note are absent where it has none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from pipeline.core.json_records import unwritten

LOW, HIGH, NOTE = "_low", "_high", "_note"
ENDS = (None, None)


@dataclass(frozen=True)
class Figure:
    """One figure of one model."""

    value: float | int | None
    """None if the data cannot support a value."""
    note: str = ""
    interval: tuple[float | None, float | None] | None = None
    """Both ends; two None if there are too few sitters to resample; None if the figure has no interval at all."""

    @property
    def ends(self) -> tuple[float | None, float | None]:
        """Both ends of the interval; None where there is none."""
        return self.interval or ENDS


class HowShown(Protocol):
    """How a figure is shown."""

    @property
    def percent(self) -> bool:
        """Whether it is a rate, which is shown as a percentage."""
        ...

    @property
    def better(self) -> Literal["lower", "higher"] | None:
        """Whether lower or higher is better; None: neither."""
        ...

    @property
    def beside(self) -> bool:
        """Whether it is shown in a table of its own, apart from the figures that rank models."""
        ...


@dataclass(frozen=True)
class Shown:
    """How a figure is shown, as `run.json` records it; see `HowShown`."""

    percent: bool
    better: Literal["lower", "higher"] | None
    beside: bool = unwritten(False)


Figures = Mapping[str, Figure]
"""The figures of one model, by name."""


def as_record(figures: Figures) -> dict[str, Any]:
    """Return figures as an entry of `metrics.json` and a row of a table.

    >>> as_record({"eer": Figure(0.1, "few pairs", (0.05, 0.2)), "sitters": Figure(9)})
    {'eer': 0.1, 'eer_low': 0.05, 'eer_high': 0.2, 'eer_note': 'few pairs', 'sitters': 9}
    """
    record: dict[str, Any] = {}
    for name, figure in figures.items():
        record[name] = figure.value
        if figure.interval is not None:
            record[f"{name}{LOW}"], record[f"{name}{HIGH}"] = figure.interval
        if figure.note:
            record[f"{name}{NOTE}"] = figure.note
    return record


def from_record(record: Mapping[str, Any]) -> dict[str, Figure]:
    """Return the figures of an entry of `metrics.json`.

    >>> from_record({"eer": 0.1, "eer_low": None, "eer_high": None, "sitters": 9})
    {'eer': Figure(value=0.1, note='', interval=(None, None)), 'sitters': Figure(value=9, note='', interval=None)}
    """
    beside = {f"{name}{end}" for name in record for end in (LOW, HIGH, NOTE)}
    return {
        name: Figure(
            value,
            str(record.get(f"{name}{NOTE}") or ""),
            (record[f"{name}{LOW}"], record.get(f"{name}{HIGH}")) if f"{name}{LOW}" in record else None,
        )
        for name, value in record.items()
        if name not in beside
    }


def judged_by(shown: Mapping[str, HowShown]) -> list[str]:
    """Return the figures that models are judged by: rates with a better direction; if there are none, other figures."""
    judged = [name for name, how in shown.items() if how.better and not how.beside]
    return [name for name in judged if shown[name].percent] or judged
