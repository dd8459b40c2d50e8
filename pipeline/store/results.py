"""The figures of a study, `results/`, with a record of the data that they were measured on.

`metrics.json` holds {benchmark: {model: {figure: value}}}; `run.json` says what the figures mean, and which data they
were measured on. Each benchmark has `tables/NAME.csv` (the same figures), `tables/NAME-differences.csv` and
`-baseline.csv` (paired tests), `curves/CURVE-NAME.csv` and `pairs/NAME.csv` (the pairs with the largest errors).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.core.files import each_row, read_json, write_csv, write_json
from pipeline.core.layout import CURVES, FOLDERS, METRICS, PAIRS, RUN, TABLES
from pipeline.core.typed_files import read_typed
from pipeline.store.benchmarks import Benchmark, Difference, GroupErrors, HardPair
from pipeline.store.curves import (
    CmcCurve,
    CrossEntropy,
    Curve,
    DetCurve,
    DirCurve,
    DiscardCurve,
    EmbeddingMap,
    ExpectedPerformance,
    NearestCentre,
    NearestMean,
    Reliability,
    RocCurve,
    ScoreHistogram,
    Tippett,
)
from pipeline.store.evaluation import NOT_RECORDED, Evaluation, MeasuredBenchmark, evaluation_of, write_evaluation
from pipeline.store.figures import Figures, as_record, from_record

DRAWN: tuple[type[Curve], ...] = (
    *(RocCurve, DetCurve, ScoreHistogram, CmcCurve, DirCurve, NearestMean, NearestCentre),
    *(Tippett, Reliability, CrossEntropy, ExpectedPerformance),
)
"""Curves that the report draws from one file for each benchmark; maps and error against discard are read apart."""
GROUPS = "groups"
"""The name of the errors by group, which lie beside the curves."""
TESTED, PAIR_COLUMNS = tuple(Difference.__dataclass_fields__), tuple(HardPair.__dataclass_fields__)
MODEL = "model"
Text = Mapping[str, str]
Metrics = Mapping[str, Mapping[str, Figures]]
"""Benchmark → model → the name of a figure → the figure."""


@dataclass(frozen=True)
class Results:
    """Everything that `evaluate` has found."""

    benchmarks: list[Benchmark]
    evaluation: Evaluation


@dataclass(frozen=True)
class Measured:
    """What a benchmark has found for one model."""

    figures: Figures
    curves: Sequence[Curve] = ()
    groups: Sequence[GroupErrors] = ()
    """Errors by group, without the name of the model."""
    pairs: Sequence[HardPair] = ()
    """The hardest pairs, without the name of the model."""


def write_results(folder: Path, metrics: Metrics, evaluation: Evaluation) -> None:
    """Write the figures and the record of their measurement into an existing folder.

    Args:
        folder: the folder of the results, while it is being made.
        metrics: the figures of all benchmarks.
        evaluation: the record of the measurement.
    """
    for part in FOLDERS:  # even if it stays empty
        (folder / part).mkdir(exist_ok=True)
    records = {name: {model: as_record(own) for model, own in by_model.items()} for name, by_model in metrics.items()}
    write_json(folder / METRICS, records)
    write_evaluation(folder / RUN, evaluation)


def write_benchmark(
    folder: Path,
    name: str,
    by_model: Mapping[str, Measured],
    differences: Iterable[Difference],
    baseline: Iterable[Difference],
) -> None:
    """Write the tables, curves and pairs of a benchmark into an existing folder.

    Args:
        folder: the folder of the results, while it is being made.
        name: the name of the benchmark.
        by_model: what it has found for each model.
        differences: the tests of every two models.
        baseline: the tests of every other model against the baseline; if there are none, no file.
    """
    for part in FOLDERS:
        (folder / part).mkdir(exist_ok=True)
    figures = [{MODEL: model, **as_record(found.figures)} for model, found in by_model.items()]
    write_csv(folder / TABLES / f"{name}.csv", figures, _columns(figures))
    write_csv(_differences_file(folder, name), map(_tested, differences), TESTED)
    if against_baseline := list(map(_tested, baseline)):
        write_csv(_baseline_file(folder, name), against_baseline, TESTED)
    rows: dict[str, list[dict[str, Any]]] = {}
    for model, found in by_model.items():
        for curve in found.curves:
            columns = curve.columns()
            points = zip(*columns.values(), strict=True)
            rows.setdefault(curve.name, []).extend({MODEL: model, **dict(zip(columns, p, strict=True))} for p in points)
        if found.groups:
            rows.setdefault(GROUPS, []).extend(_errors(replace(one, model=model)) for one in found.groups)
    for curve_name, points_of_all in rows.items():
        write_csv(curve_file(folder, curve_name, name), points_of_all, _columns(points_of_all))
    if pairs := [replace(pair, model=model) for model, found in by_model.items() for pair in found.pairs]:
        write_csv(_pairs_file(folder, name), map(asdict, pairs), PAIR_COLUMNS)


def _tested(difference: Difference) -> dict[str, Any]:
    return {**vars(difference), "significant": int(difference.significant)}


def _errors(errors: GroupErrors) -> dict[str, Any]:
    """Return a row of the errors by group, with 1 and 0 for true and false."""
    return {column: int(cell) if isinstance(cell, bool) else cell for column, cell in vars(errors).items()}


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the union of the rows' keys in order of appearance."""
    return list(dict.fromkeys(key for row in rows for key in row)) or [MODEL]


def curve_file(folder: Path, curve: str, benchmark: str) -> Path:
    """Return the path of a curve of a benchmark; the file holds all models."""
    return folder / CURVES / f"{curve}-{benchmark}.csv"


def _differences_file(folder: Path, benchmark: str) -> Path:
    return folder / TABLES / f"{benchmark}-differences.csv"


def _baseline_file(folder: Path, benchmark: str) -> Path:
    return folder / TABLES / f"{benchmark}-baseline.csv"


def _pairs_file(folder: Path, benchmark: str) -> Path:
    return folder / PAIRS / f"{benchmark}.csv"


def has_results(folder: Path) -> bool:
    """Whether the folder holds results."""
    return (folder / METRICS).is_file()


def read_metrics(folder: Path) -> Metrics:
    """Read `metrics.json`: benchmark → model → the name of a figure → the figure.

    Raises:
        SitterError: there are no results, or the file does not hold models below benchmarks.
    """
    return _metrics(_evaluated(folder), read_json(folder / METRICS))


def read_results(folder: Path, first: Iterable[str] = ()) -> Results:
    """Read every benchmark in `metrics.json`: first the benchmarks in `first`, in this order, then all others.

    Raises:
        SitterError: there are no results, or one of both records is broken.
    """
    path = _evaluated(folder)
    record, figures = read_json(folder / RUN), read_json(folder / METRICS)
    metrics = _metrics(path, figures)
    if not metrics:
        raise SitterError(f"{path} holds no benchmark: name one under `evaluate.benchmarks` and run `evaluate` again.")
    evaluation = evaluation_of(folder / RUN, record)
    order = dict.fromkeys([*(b for b in first if b in metrics), *metrics])
    return Results(
        [_benchmark(folder, b, metrics[b], evaluation.benchmarks.get(b, NOT_RECORDED)) for b in order], evaluation
    )


def _evaluated(folder: Path) -> Path:
    """Return the path of `metrics.json`; raises SitterError if there is none."""
    if not has_results(folder):
        raise SitterError(
            f"{folder / METRICS} does not exist, so there is nothing to report: run the stage `evaluate` first."
        )
    return folder / METRICS


def _metrics(path: Path, metrics: Any) -> Metrics:
    """Return the content of `metrics.json` as figures; raises SitterError if it is something else."""
    if not _is_nested(metrics, depth=2):
        raise SitterError(f"{path} should hold {{benchmark: {{model: {{figure: value}}}}}}: run `evaluate` again.")
    return {name: {model: from_record(own) for model, own in by_model.items()} for name, by_model in metrics.items()}


def _is_nested(value: Any, depth: int) -> bool:
    return isinstance(value, dict) and (depth == 0 or all(_is_nested(v, depth - 1) for v in value.values()))


def _benchmark(folder: Path, name: str, metrics: Mapping[str, Figures], about: MeasuredBenchmark) -> Benchmark:
    differences, against_baseline = (
        read_typed(file, Difference, optional=True)
        for file in (_differences_file(folder, name), _baseline_file(folder, name))
    )
    groups = read_typed(curve_file(folder, GROUPS, name), GroupErrors, optional=True)
    pairs = read_typed(_pairs_file(folder, name), HardPair, optional=True)

    def of(kind: type[Curve]) -> dict[str, list[Text]]:
        """Return the rows of a curve by model, without models that are no longer evaluated."""
        file = curve_file(folder, kind.name, name)
        found: dict[str, list[Text]] = {}
        for row in each_row(file) if file.exists() else ():
            if (model := row.get(MODEL, "")) in metrics:
                found.setdefault(model, []).append(row)
        return found

    return Benchmark(
        name=name,
        kind=about.kind,
        probe=about.probe,
        gallery=about.gallery,
        shown=about.shown,
        metrics=metrics,
        differences=differences,
        against_baseline=against_baseline,
        curves={kind: {model: kind.of(rows) for model, rows in of(kind).items()} for kind in DRAWN},
        discard={model: DiscardCurve.by_quality(rows) for model, rows in of(DiscardCurve).items()},
        groups={model: [errors for errors in groups if errors.model == model] for model in metrics},
        maps={model: EmbeddingMap.places(rows) for model, rows in of(EmbeddingMap).items()},
        pairs=pairs,
        predict=about.predict,
    )
