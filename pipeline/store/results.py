"""The figures of a study, `results/`, with a record of the data that they were measured on.

`metrics.json` holds {benchmark: {model: {figure: value}}}; `run.json` says what the figures mean, and which data they
were measured on. Each benchmark has `tables/NAME.csv` (the same figures), `tables/NAME-differences.csv` and
`-baseline.csv` (paired tests), `curves/CURVE-NAME.csv` and `pairs/NAME.csv` (the pairs with the largest errors).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pipeline.core.errors import SitterError
from pipeline.core.files import read_csv, read_json, write_csv, write_json
from pipeline.core.layout import CURVES, FOLDERS, METRICS, PAIRS, RUN, TABLES
from pipeline.core.typed_files import read_typed
from pipeline.store.benchmarks import Benchmark, Difference, Figures, GroupErrors, HardPair, Placed
from pipeline.store.curves import Curve, number

DRAWN = ("roc", "det", "scores", "cmc", "dir", "nearest_mean", "nearest_centre", "tippett", "reliability", "ece", "epc")
"""Curves with only numbers in their columns."""
DISCARD, GROUPS, MAP = "discard", "groups", "map"
"""Further files in `curves/`; these contain words, too."""
TESTED = (
    *("model_a", "model_b", "metric", "difference", "low", "high", "p", "significant", "p_uncorrected", "family"),
)  # fmt: skip
PAIR_COLUMNS = ("model", "sort", "rank", "probe", "gallery", "probe_dataset", "gallery_dataset", "score")
PLACE = ("model", "image_id", "x", "y")
"""Columns of a map with the place of an image; the other columns colour the map."""
Text = Mapping[str, str]


@dataclass(frozen=True)
class Results:
    """Everything that `evaluate` has found."""

    benchmarks: list[Benchmark]
    run: Mapping[str, Any]
    """The record of the measurement: seed, level and number of bootstrap replicates, counts, versions."""


def write_results(folder: Path, metrics: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    """Write the figures and the record of their measurement into an existing folder."""
    for part in FOLDERS:  # even if it stays empty
        (folder / part).mkdir(exist_ok=True)
    write_json(folder / METRICS, metrics)
    write_json(folder / RUN, run)


def write_benchmark(
    folder: Path,
    name: str,
    metrics: Mapping[str, Figures],
    differences: Iterable[Mapping[str, Any]],
    baseline: Sequence[Mapping[str, Any]],
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
    pairs: Sequence[HardPair],
) -> None:
    """Write the tables, curves and pairs of a benchmark into an existing folder.

    Args:
        folder: the folder of the results, while it is being made.
        name: the name of the benchmark.
        metrics: by model, its figures.
        differences: the tests of every two models, with the columns `TESTED`.
        baseline: the tests of every other model against the baseline, with the same columns; if empty, no file.
        curves: by curve, its points with the column `model`.
        pairs: the hardest pairs; if empty, no file.
    """
    for part in FOLDERS:
        (folder / part).mkdir(exist_ok=True)
    rows = [{"model": model, **values} for model, values in metrics.items()]
    write_csv(folder / TABLES / f"{name}.csv", rows, _columns(rows))
    write_csv(_differences_file(folder, name), differences, TESTED)
    if baseline:
        write_csv(_baseline_file(folder, name), baseline, TESTED)
    for curve, points in curves.items():
        write_csv(curve_file(folder, curve, name), points, _columns(points))
    if pairs:
        write_csv(_pairs_file(folder, name), map(asdict, pairs), PAIR_COLUMNS)


def _columns(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the union of the rows' keys in order of appearance."""
    return list(dict.fromkeys(key for row in rows for key in row)) or ["model"]


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


def read_metrics(folder: Path) -> Any:
    """Read the content of `metrics.json`."""
    return read_json(folder / METRICS)


def read_results(folder: Path, first: Iterable[str] = ()) -> Results:
    """Read every benchmark in `metrics.json`: first the benchmarks in `first`, in this order, then all others.

    Raises:
        SitterError: there are no results, or `metrics.json` does not hold models below benchmarks.
    """
    path = folder / METRICS
    if not path.exists():
        raise SitterError(f"{path} does not exist, so there is nothing to report: run the stage `evaluate` first.")
    metrics, run = read_json(path), read_json(folder / RUN)
    if not _is_nested(metrics, depth=2):
        raise SitterError(f"{path} should hold {{benchmark: {{model: {{figure: value}}}}}}: run `evaluate` again.")
    if not metrics:
        raise SitterError(f"{path} holds no benchmark: name one under `evaluate.benchmarks` and run `evaluate` again.")
    about, order = run.get("benchmarks", {}), dict.fromkeys([*(b for b in first if b in metrics), *metrics])
    return Results([_benchmark(folder, name, metrics[name], about.get(name, {})) for name in order], run)


def _is_nested(value: Any, depth: int) -> bool:
    return isinstance(value, dict) and (depth == 0 or all(_is_nested(v, depth - 1) for v in value.values()))


def _benchmark(folder: Path, name: str, metrics: Mapping[str, Figures], about: Mapping[str, Any]) -> Benchmark:
    files = {curve: curve_file(folder, curve, name) for curve in (*DRAWN, DISCARD, MAP)}
    text = {curve: read_csv(file) for curve, file in files.items() if file.exists()}
    groups = read_typed(curve_file(folder, GROUPS, name), GroupErrors, optional=True)
    differences = read_typed(_differences_file(folder, name), Difference, optional=True)
    against_baseline = read_typed(_baseline_file(folder, name), Difference, optional=True)
    pairs = read_typed(_pairs_file(folder, name), HardPair, optional=True)

    def of(curve: str) -> dict[str, list[Text]]:
        """Return a curve by model, without models that are no longer evaluated."""
        return {model: rows for model, rows in _parted("model", text.get(curve, [])).items() if model in metrics}

    probe = str(about.get("probe") or about.get("dataset") or "")
    return Benchmark(
        name=name,
        kind=str(about.get("kind", "")),
        probe=probe,
        gallery=str(about.get("gallery") or probe),
        scalars=about.get("scalars", {}),
        metrics=metrics,
        differences=differences,
        against_baseline=against_baseline,
        curves={curve: {model: Curve.of(rows) for model, rows in of(curve).items()} for curve in DRAWN},
        discard={
            model: {quality: Curve.of(found) for quality, found in _parted("quality", rows).items()}
            for model, rows in of(DISCARD).items()
        },
        groups={model: [errors for errors in groups if errors.model == model] for model in metrics},
        maps={model: list(_places(rows)) for model, rows in of(MAP).items()},
        pairs=pairs,
        options=about,
    )


def _parted(column: str, rows: Iterable[Text]) -> dict[str, list[Text]]:
    """Return the rows by their word in a column."""
    found: dict[str, list[Text]] = {}
    for row in rows:
        found.setdefault(row.get(column, ""), []).append(row)
    return found


def _places(rows: Iterable[Text]) -> Iterator[Placed]:
    for row in rows:
        x, y = number(row["x"]), number(row["y"])
        if x is not None and y is not None:
            yield Placed(x, y, {column: word for column, word in row.items() if column not in PLACE})
