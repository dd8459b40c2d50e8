"""The report's first sentence answers the declared question."""

from __future__ import annotations

from pipeline.reporting.declared import answer, declared
from pipeline.reporting.series import Series
from pipeline.store.benchmarks import Benchmark, Difference
from pipeline.store.figures import Shown

SHOWN = {"tar@0.01": Shown(True, "higher"), "eer": Shown(True, "lower")}
LOOKS = {m: Series(m, "trained", n) for n, m in enumerate(("frozen", "tuned", "both"))}


def benchmark(*tests: Difference) -> Benchmark:
    return Benchmark("paintings", "all-pairs", "a", "a", SHOWN, {}, against_baseline=tests)


def test_the_model_that_gains_most_is_named_with_its_gain_and_p() -> None:
    found = benchmark(
        Difference("tuned", "frozen", "tar@0.01", 0.17, 0.1, 0.24, 0.003, significant=True),
        Difference("both", "frozen", "tar@0.01", 0.09, 0.01, 0.17, 0.02, significant=True),
        Difference("both", "frozen", "eer", -0.03, -0.05, -0.01, 0.02, significant=True),
    )
    (sentence,) = answer([found])
    assert sentence.startswith(
        "On paintings, tuned lets 17 of 100 more genuine pairs through at 1% FAR than the baseline frozen ("
    )
    assert "0.003" in sentence
    table = declared(found, LOOKS)
    assert table is not None
    assert (table.baseline, table.family) == ("frozen", 3)
    assert [row.verdict for row in table.rows] == ["better", "better", "better"]


def test_a_loss_is_no_answer_to_what_beats_the_baseline() -> None:
    found = benchmark(
        Difference("tuned", "frozen", "eer", -0.01, -0.04, 0.02, 0.5, significant=False),
        Difference("both", "frozen", "eer", 0.04, 0.02, 0.06, 0.01, significant=True),
    )
    (sentence,) = answer([found])
    assert "none of the 2 other models is significantly better than the baseline frozen in EER" in sentence
    assert "the nearest is tuned: −1.0" in sentence
    assert "significantly worse: both)" in sentence
    assert [row.verdict for row in declared(found, LOOKS).rows] == ["may be chance", "worse"]


def test_one_model_that_is_no_better_is_told_alone() -> None:
    chance = benchmark(Difference("tuned", "frozen", "eer", -0.01, -0.04, 0.02, 0.5, significant=False))
    assert "tuned is not significantly better than the baseline frozen in EER (−1.0" in answer([chance])[0]
    worse = benchmark(Difference("tuned", "frozen", "eer", 0.04, 0.02, 0.06, 0.01, significant=True))
    assert answer([worse])[0].endswith(", significantly worse).")


def test_without_a_declared_baseline_nothing_is_said() -> None:
    assert answer([benchmark()]) == []
    assert declared(benchmark(), LOOKS) is None
