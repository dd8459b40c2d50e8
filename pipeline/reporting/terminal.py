"""The text that a run prints at its end: a table for each benchmark, notes, answers, and the path of the report."""

from __future__ import annotations

from pipeline.reporting import overlaps, questions
from pipeline.reporting.declared import answer
from pipeline.reporting.findings import Outcome
from pipeline.reporting.repeats import over_seeds
from pipeline.reporting.tables import results_table


def told(found: Outcome) -> str:
    """Return the tables, notes and answers of a run as lines of text, with the path of the report."""
    benchmarks = found.results.benchmarks
    tables = [results_table(found.results), *over_seeds(found.swept, benchmarks)]
    answers = [*answer(benchmarks), *questions.lines(found.questions)]
    return "\n".join([*tables, *overlaps.lines(found.overlaps), *answers, f"report: {found.page}"])
