"""The table of a benchmark as text, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.reporting.headings import heading
from pipeline.store.benchmarks import Benchmark
from pipeline.store.evaluation import Evaluation
from pipeline.store.figures import Figure
from pipeline.store.results import Results


def results_table(results: Results) -> str:
    """Return one aligned table for each benchmark, with a line for each model, rates in % and intervals in brackets.

    The best model of each column has an asterisk. Notes stand below the table.
    """
    return "\n\n".join(_benchmark(benchmark, results.evaluation) for benchmark in results.benchmarks)


def cell(figure: Figure | None, percent: bool) -> str:
    """Return a value with its interval; an en dash where the data cannot support a value.

    >>> cell(Figure(0.1234, interval=(0.1, 0.151)), True)
    '12.3 [10.0, 15.1]'
    """
    if figure is None or figure.value is None:
        return "–"
    low, high = figure.ends

    def number(x: float) -> str:
        return f"{100 * x:.1f}" if percent else f"{x:.3f}"

    return number(figure.value) + ("" if low is None or high is None else f" [{number(low)}, {number(high)}]")


def _benchmark(benchmark: Benchmark, evaluation: Evaluation) -> str:
    shown, models, judged = benchmark.shown, benchmark.metrics, benchmark.figures
    counts = {name for figures in models.values() for name, figure in figures.items() if isinstance(figure.value, int)}
    columns = judged or [n for n in shown if benchmark.percent(n)] or [n for n in shown if n not in counts]
    rows = [["model", *(f"{heading(c)}{', %' * benchmark.percent(c)}" for c in columns)]]
    for model, figures in models.items():
        marks = ("*" if model in benchmark.best(c) else "" for c in columns)
        cells = (cell(figures.get(c), benchmark.percent(c)) for c in columns)
        rows.append([model, *(text + mark for text, mark in zip(cells, marks, strict=True))])
    notes = dict.fromkeys(
        f"{heading(c)}: {note}" for c in columns for model in models if (note := benchmark.note(model, c))
    )
    intervals = f"{100 * evaluation.level:g} % intervals from {evaluation.replicates:,} resamplings"
    title = f"{benchmark.name} ({benchmark.kind}; {_counts(benchmark)}{intervals}; * best)"
    return "\n".join([title, *aligned(rows), *notes, *trained_sitters(evaluation, benchmark)])


def trained_sitters(evaluation: Evaluation, benchmark: Benchmark) -> list[str]:
    """Return sentences on the test sitters of a benchmark that some models were trained on in another data set."""
    what = "left out for all models" if evaluation.trained_sitters.exclude else "figures on these sitters are too good"
    datasets = {benchmark.probe, benchmark.gallery}
    return [f"{one.sentence} ({what})" for one in evaluation.trained_sitters.found if one.dataset in datasets]


def _counts(benchmark: Benchmark) -> str:
    """Return in words the whole numbers that are the same for all models."""
    values = [{name: figure.value for name, figure in own.items()} for own in benchmark.metrics.values()]
    first = values[0] if values else {}
    counts = [n for n, how in benchmark.shown.items() if isinstance(first.get(n), int) and not how.better]
    same = [n for n in counts if all(own.get(n) == first[n] for own in values)]
    return "".join(f"{first[n]:,} {n.replace('_', ' ')}, " for n in same)[:-2] + "; " * bool(same)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines of text with aligned columns."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
