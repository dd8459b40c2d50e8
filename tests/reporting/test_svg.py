"""Charts place values correctly, escape text, and leave out what is absent."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ElementTree

import pytest
from markupsafe import Markup

from pipeline.reporting.svg import Area, Axis, Chart, Line, linear_ticks, probit


def chart(label: str = "a chart", **changes: object) -> Chart:
    x = Axis(0.001, 1, [(0.001, "0.1"), (1, "100")], "FAR", math.log10)
    return Chart(x, Axis(0, 1, [(0, "0"), (1, "1")], "TAR"), label, **changes)  # type: ignore[arg-type]


def test_values_are_placed_by_the_axis_scale() -> None:
    c = chart(width=320, left=10, right=10, height=220, top=10, bottom=10)
    assert [c.px(v) for v in (0.001, 0.01, 0.1, 1)] == [10, 110, 210, 310]
    assert [c.py(v) for v in (0, 0.5, 1)] == [210, 110, 10]


def test_values_beyond_the_axis_stay_at_its_end() -> None:
    c = chart()
    assert c.px(0.0) == c.px(0.001)
    assert c.py(2.0) == c.py(1.0)


def test_points_that_fall_together_are_drawn_once() -> None:
    c = chart()
    few = c.path([(0.01, 0.5), (0.1, 0.5), (0.1, 0.9)])
    many = c.path([(0.01, 0.5), (0.01, 0.5), (0.02, 0.5), (0.05, 0.5), (0.1, 0.5), (0.1, 0.7), (0.1, 0.9)])
    assert few == many


def test_chart_is_xml_whatever_a_model_is_called() -> None:
    hostile = "<b>&\"'</b>"
    line = Line([(0.01, 0.2), (0.5, 0.9)], "series", hostile)
    root = ElementTree.fromstring(chart(hostile, marks=[line]).__html__())
    assert root.get("aria-label") == hostile
    assert root.findtext("path/title") == hostile


def test_empty_area_is_nothing() -> None:
    assert Area([], "genuine").drawn(chart()) == Markup()


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.137), (-0.3, 0.9), (0.85, 0.97), (1, 20)])
def test_ticks_are_round_few_and_within(low: float, high: float) -> None:
    ticks = linear_ticks(low, high)
    assert 3 <= len(ticks) <= 9
    assert all(low - 1e-9 <= t <= high + 1e-9 for t in ticks)
    assert all(len(f"{t:g}") <= 6 for t in ticks)


def test_probit_is_the_normal_quantile() -> None:
    assert probit(0.5) == pytest.approx(0)
    assert probit(0.975) == pytest.approx(1.959964, abs=1e-6)
    assert math.isfinite(probit(0.0))
    assert probit(0.2) == pytest.approx(-probit(0.8))
