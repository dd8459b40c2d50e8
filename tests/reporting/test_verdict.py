"""The answer in words claims no more than the paired tests support."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from pipeline.reporting.series import Series
from pipeline.reporting.standings import comparison, on_a_par, standings
from pipeline.reporting.verdict import FROZEN, RUNNER_UP, certainty, headline, verdict
from pipeline.store.benchmarks import Benchmark, Difference
from pipeline.store.figures import Figure, Shown

LOOKS = {
    name: Series(name, sort, i)
    for i, (name, sort) in enumerate({"base": "frozen", "lora": "trained", "both": "fusion"}.items())
}


def benchmark(
    eers: Mapping[str, float | None], significant: set[frozenset[str]] | None = None, name: str = "paintings"
) -> Benchmark:
    """Return a benchmark with these EERs; its paired tests find significant differences for these pairs of models."""
    known = {m: v for m, v in eers.items() if v is not None}
    tests = [
        Difference(
            a, b, "eer", known[a] - known[b], known[a] - known[b] - 0.01, known[a] - known[b] + 0.01,
            p=0.0004 if (sure := frozenset((a, b)) in (significant or set())) else 0.4, significant=sure,
        )
        for i, a in enumerate(known)
        for b in list(known)[i + 1 :]
    ]  # fmt: skip
    metrics = {m: {"eer": Figure(v, interval=(v and v * 0.9, v and v * 1.1))} for m, v in eers.items()}
    return Benchmark(name, "all-pairs", "a", "a", {"eer": Shown(True, "lower")}, metrics, tests)


def test_best_model_is_held_against_the_runner_up_and_the_best_frozen_one() -> None:
    found = verdict(benchmark({"base": 0.165, "lora": 0.12, "both": 0.11}, {frozenset(("base", "both"))}), LOOKS)
    assert found is not None
    assert (found.best, found.figure, found.value) == ("both", "eer", 0.11)
    assert (found.low, found.high) == pytest.approx((0.099, 0.121))
    assert [(r.model, r.role) for r in found.rivals] == [("lora", RUNNER_UP), ("base", FROZEN)]
    runner_up, frozen = (rival.test for rival in found.rivals)
    assert runner_up is not None
    assert frozen is not None
    assert (runner_up.significant, frozen.significant) == (False, True)
    assert frozen.difference == pytest.approx(-0.055)


def test_runner_up_that_is_frozen_is_named_once() -> None:
    found = verdict(benchmark({"base": 0.11, "lora": 0.12, "both": 0.10}), LOOKS)
    assert found is not None
    assert [r.model for r in found.rivals] == ["base"]
    assert RUNNER_UP in found.rivals[0].role
    assert FROZEN in found.rivals[0].role


def test_untested_lead_is_called_untested() -> None:
    untested = benchmark({"base": 0.11, "lora": 0.12, "both": 0.10})
    untested = replace(untested, differences=[])
    found = verdict(untested, LOOKS)
    assert found is not None
    assert found.rivals[0].test is None
    assert certainty([found]) == ""


def test_model_without_a_figure_cannot_be_best() -> None:
    found = verdict(benchmark({"base": None, "lora": 0.12, "both": None}), LOOKS)
    assert found is not None
    assert found.best == "lora"
    assert found.rivals == []
    assert verdict(benchmark({"base": None}), LOOKS) is None


def test_certainty_counts_the_benchmarks() -> None:
    eers = {"base": 0.165, "lora": 0.12, "both": 0.11}
    found = [
        v
        for name, significant in (("one", {frozenset(("base", "both"))}), ("two", set()))
        if (v := verdict(benchmark(eers, significant, name), LOOKS)) is not None
    ]
    assert headline(found) == [("both", ["one", "two"])]
    assert certainty(found) == (
        "The lead over the best frozen model is significant on 1 of 2 benchmarks, "
        f"the lead over the {RUNNER_UP} may be chance on both benchmarks."
    )


def test_certainty_says_where_the_frozen_model_is_best_itself() -> None:
    found = [
        v
        for name, eers in (("one", {"base": 0.165, "lora": 0.12}), ("two", {"base": 0.11, "lora": 0.12}))
        if (v := verdict(benchmark(eers, set(), name), LOOKS)) is not None
    ]
    assert "over the best frozen model may be chance on the one benchmark where it is another model" in certainty(found)


def test_only_models_that_were_tested_are_on_a_par() -> None:
    tested = benchmark({"base": 0.165, "lora": 0.12, "both": 0.11}, {frozenset(("base", "both"))})
    assert on_a_par(tested, "eer") == {"lora"}
    tested = replace(tested, differences=[])
    assert on_a_par(tested, "eer") == set()


def test_difference_turned_round_changes_sign_and_ends() -> None:
    turned = Difference("a", "b", "eer", 0.02, -0.01, 0.05, 0.2, significant=False).turned()
    assert (turned.model_a, turned.difference, turned.low, turned.high) == ("b", -0.02, -0.05, 0.01)


def test_standings_rank_by_the_figure_and_mark_best_and_par() -> None:
    table = standings(benchmark({"base": 0.165, "lora": 0.12, "both": 0.11}, {frozenset(("base", "both"))}), LOOKS)
    assert [row.style.name for row in table.rows] == ["both", "lora", "base"]
    assert [(row.cells[0].best, row.cells[0].par) for row in table.rows] == [
        (True, False),
        (False, True),
        (False, False),
    ]
    assert table.scale is not None
    bar = table.rows[0].bar
    assert bar is not None
    assert bar.low < bar.at < bar.low + bar.width <= 100


def test_matrix_colours_only_real_differences_by_who_is_better() -> None:
    found = comparison(benchmark({"base": 0.165, "lora": 0.12, "both": 0.11}, {frozenset(("base", "both"))}), LOOKS)
    assert found is not None
    cells = {row.name: [cell.css for cell in cells] for row, cells in found.matrix}
    assert cells == {
        "both": ["self", "", "significant better"],
        "lora": ["", "self", ""],
        "base": ["significant worse", "", "self"],
    }
