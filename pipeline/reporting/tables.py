"""The table of a benchmark as text, for the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.store.benchmarks import Benchmark
from pipeline.store.results import Results

ABBREVIATIONS = (
    "eer",
    "auc",
    "tar",
    "far",
    "val",
    "dir",
    "fmr",
    "fnmr",
    "hter",
    "fta",
    "fte",
    "gfar",
    "gfrr",
    "fnir",
    "edc",
)
HEADINGS = {word: word.upper() for word in ABBREVIATIONS} | {"d_prime": "d′"}
HEADINGS |= {"geer": "generalised EER", "gaccuracy": "accuracy, failures counted", "gval": "VAL, failures counted"}


def results_table(results: Results) -> str:
    """Return one aligned table for each benchmark, with a line for each model, rates in % and intervals in brackets.

    The best model of each column has an asterisk. Notes stand below the table.
    """
    return "\n\n".join(_benchmark(benchmark, results.run) for benchmark in results.benchmarks)


def heading(name: str) -> str:
    """Return the heading of a figure in a table.

    >>> heading("tar@0.001"), heading("eer"), heading("rank-1")
    ('TAR@0.1%', 'EER', 'rank-1')
    >>> heading("accuracy@0.001"), heading("fnmr@val_threshold@0.01"), heading("hter@val_eer_threshold")
    ('accuracy@0.1%', 'FNMR@val threshold@1%', 'HTER@val EER threshold')
    """
    parts = [_word(part) for part in name.split("@")]
    return "@".join(parts)


def _word(part: str) -> str:
    """Return the heading for one part of a figure's name: a FAR in percent, an abbreviation in capitals."""
    if part.replace(".", "", 1).isdigit():
        return f"{float(part) * 100:.10g}%"
    # In the name of a threshold, `val` is the subset that the threshold was chosen on; elsewhere VAL is a rate.
    of_subset = "threshold" in part
    words = (word if word == "val" and of_subset else HEADINGS.get(word, word) for word in part.split("_"))
    return HEADINGS.get(part, " ".join(words))


def cell(values: Mapping[str, Any], name: str, percent: bool) -> str:
    """Return a value with its interval; an en dash where the data cannot support a value.

    >>> cell({"eer": 0.1234, "eer_low": 0.1, "eer_high": 0.151}, "eer", True)
    '12.3 [10.0, 15.1]'
    """
    value, low, high = (values.get(key) for key in (name, f"{name}_low", f"{name}_high"))
    if value is None:
        return "–"

    def number(x: float) -> str:
        return f"{100 * x:.1f}" if percent else f"{x:.3f}"

    return number(value) if low is None or high is None else f"{number(value)} [{number(low)}, {number(high)}]"


def _benchmark(benchmark: Benchmark, run: Mapping[str, Any]) -> str:
    scalars, models, judged = benchmark.scalars, benchmark.metrics, benchmark.figures
    counts = {name for values in models.values() for name, value in values.items() if isinstance(value, int)}
    columns = judged or [n for n, how in scalars.items() if how["percent"]] or [n for n in scalars if n not in counts]
    rows = [["model", *(f"{heading(c)}{', %' * scalars[c]['percent']}" for c in columns)]]
    for model, values in models.items():
        row = [model]
        for c in columns:
            mark = "*" if model in benchmark.best(c) else ""
            row.append(cell(values, c, scalars[c]["percent"]) + mark)
        rows.append(row)
    notes = dict.fromkeys(
        f"{heading(c)}: {values[f'{c}_note']}" for c in columns for values in models.values() if f"{c}_note" in values
    )
    intervals = f"{100 * run['level']:g} % intervals from {run['replicates']:,} resamplings"
    title = f"{benchmark.name} ({benchmark.kind}; {_counts(models, scalars)}{intervals}; * best)"
    return "\n".join([title, *aligned(rows), *notes, *trained_sitters(run, benchmark.options)])


def trained_sitters(run: Mapping[str, Any], benchmark: Mapping[str, Any]) -> list[str]:
    """Return sentences on the test sitters of a benchmark that some models were trained on in another data set.

    Args:
        run: the content of run.json.
        benchmark: the entry `benchmarks.NAME` of run.json, or the benchmark's options; both name its data sets.
    """
    told = run.get("trained_sitters", {})
    what = "left out for all models" if told.get("exclude") else "figures on these sitters are too good"
    datasets = {benchmark.get(option) for option in ("probe", "gallery", "dataset")}
    return [f"{one['sentence']} ({what})" for one in told.get("found", ()) if one["dataset"] in datasets]


def _counts(models: Mapping[str, Mapping[str, Any]], scalars: Mapping[str, Mapping[str, Any]]) -> str:
    """Return in words the whole numbers that are the same for all models."""
    first = next(iter(models.values()), {})
    counts = [n for n, how in scalars.items() if isinstance(first.get(n), int) and not how["better"]]
    same = [n for n in counts if all(values.get(n) == first[n] for values in models.values())]
    return "".join(f"{first[n]:,} {n.replace('_', ' ')}, " for n in same)[:-2] + "; " * bool(same)


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines of text with aligned columns."""
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
